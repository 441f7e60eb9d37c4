package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestALogIsReadOverTheAdministratorsInterface, alone and as one with a folder's.
func TestALogIsReadOverTheAdministratorsInterface(t *testing.T) {
	s, _ := withOAuth(t)
	base := "http://" + s.addr
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {base + "/v1/admin"}}
	req, _ := http.NewRequest("POST", base+"/oauth/token", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("nightly", os.Getenv("NIGHTLY"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Access string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Access == "" {
		t.Fatal(err)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(answer.Access+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := func(text string) int { return len(strings.Split(text, "\n")) }
	here := t.TempDir() + "/here"
	for _, agent := range []string{"x1", "x2", "x3"} {
		commandOutput(t, here, "agent", "add", agent)
	}
	there := []string{"--server", base, "--token", "file:" + token}

	local := commandOutput(t, s.data, "audit", "query", "-o", "json", "--limit", "0")
	if got := commandOutput(t, "", append([]string{"audit", "query", "-o", "json", "--limit", "0"}, there...)...); got != local || lines(got) < 2 {
		t.Errorf("over the network:\n%s\nin the folder:\n%s", got, local)
	}
	both := append([]string{"--data", here}, there...)
	got := commandOutput(t, "", append([]string{"audit", "export", "--format", "jsonl"}, both...)...)
	if lines(got) != lines(local)+3 || !strings.HasPrefix(got, `{"log":"`) || !strings.Contains(got, `"agent":"x3"`) {
		t.Errorf("both: %s", got)
	}
	if got := commandOutput(t, "", append([]string{"audit", "query", "--tool", "token.issued", "--limit", "1", "-o", "json"}, both...)...); lines(got) != 1 || !strings.Contains(got, `"client_id":"nightly"`) {
		t.Errorf("one of both: %s", got)
	}
	if got := commandOutput(t, "", append([]string{"audit", "stats", "--by", "event"}, both...)...); !strings.Contains(got, "agent.added") || !strings.Contains(got, "token.issued") {
		t.Errorf("counted: %s", got)
	}

	key := strings.TrimSpace(commandOutput(t, s.data, "audit", "key"))
	if got := commandOutput(t, "", append([]string{"audit", "verify", "--key", key}, there...)...); !strings.Contains(got, "Intact: ") {
		t.Errorf("verified: %s", got)
	}
	other := strings.TrimSpace(commandOutput(t, here, "audit", "key"))
	if out, err := program(t, "", append([]string{"audit", "verify", "--key", other}, there...)...).CombinedOutput(); err == nil || !strings.Contains(string(out), "NOT INTACT: record 0: the checkpoint is of the log") {
		t.Errorf("with another log's key: %v %s", err, out)
	}

	// A token that is none, and one that is an agent's, see nothing.
	if err := os.WriteFile(token, []byte("tvx_none"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "", append([]string{"audit", "query"}, there...)...)
	out, err := cmd.CombinedOutput()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), "the token is not accepted") || strings.Contains(string(out), "tvx_none") {
		t.Errorf("%v: %s", err, out)
	}
}
