package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolvault/vault"
	"toolvault/vault/store"
)

// keyLine is a line of "key status -o json".
type keyLine struct {
	ID      string `json:"id"`
	Primary bool   `json:"primary"`
	Records int    `json:"records"`
}

func keyStatus(t *testing.T, data string) []keyLine {
	t.Helper()
	var all []keyLine
	d := json.NewDecoder(strings.NewReader(commandOutput(t, data, "key", "status", "-o", "json")))
	for d.More() {
		var k keyLine
		if err := d.Decode(&k); err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	return all
}

func putSecret(t *testing.T, data, name, secret string, args ...string) {
	t.Helper()
	cmd := program(t, data, append([]string{"credential", "put", name}, args...)...)
	cmd.Stdin = strings.NewReader(secret)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// A server that runs while another process rotates the keys seals everything anew
// by itself, the key of its own audit log too, and its calls go on.
func TestAServerSealsAnewByItself(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "d")
	putSecret(t, data, "slack/a", "xoxb-0123456789", "--type", "service_token")
	s := serve(t, data, "--sandbox")
	token := s.token("--sandbox")
	auditKey := filepath.Join(data, "audit", "key.sealed")
	before, err := os.ReadFile(auditKey)
	if err != nil {
		t.Fatal(err)
	}
	commandOutput(t, data, "key", "rotate")
	deadline := time.Now().Add(40 * time.Second)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		keys := keyStatus(t, data)
		if len(keys) != 2 {
			t.Fatalf("%+v", keys)
		}
		if keys[0].Records == 0 && keys[1].Primary {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after 40 seconds: %+v", keys)
		}
		<-tick.C
	}
	after, err := os.ReadFile(auditKey)
	if err != nil || bytes.Equal(before[:5], after[:5]) {
		t.Errorf("the audit key is still sealed with the old key: %v", err)
	}
	if r := s.must(token, "slack_list_channels", map[string]any{}); r.IsError {
		t.Errorf("a call: %s", r.Text)
	}
	s.kill()
	commandOutput(t, data, "audit", "verify")
	commandOutput(t, data, "credential", "show", "slack/a")
}

// A server goes on when the master key is replaced under it, and the next one
// starts with the new one.
func TestAServerOutlivesItsMasterKey(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "d")
	s := serve(t, data, "--sandbox")
	token := s.token("--sandbox")
	commandOutput(t, data, "key", "rotate", "--master")
	if r := s.must(token, "slack_list_channels", map[string]any{}); r.IsError {
		t.Errorf("a call: %s", r.Text)
	}
	if r := s.must(s.token("--sandbox"), "slack_list_channels", map[string]any{}); r.IsError {
		t.Errorf("with a new token: %s", r.Text)
	}
	s.kill()
	again := serve(t, data, "--sandbox")
	if r := again.must(again.token("--sandbox"), "slack_list_channels", map[string]any{}); r.Status != 200 || r.IsError {
		t.Errorf("after a restart: %d %s", r.Status, r.Text)
	}
}

// A process that was killed between the store's write and the file's leaves the new
// master key beside the old one. The next start takes it up; one that was never put
// in force it leaves alone.
func TestMasterKeyOfAKilledProcess(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "d")
	putSecret(t, data, "slack/a", "xoxb-0123456789", "--type", "service_token")
	own := filepath.Join(data, "master.key")
	old, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	next := vault.NewMasterKey()
	write := func(name string, key vault.Secret) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(data, name), []byte(key.Reveal()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("master.key.next-00000000", vault.NewMasterKey())
	write("master.key.next-11111111", next)
	commandOutput(t, data, "credential", "show", "slack/a")
	if now, err := os.ReadFile(own); err != nil || !bytes.Equal(now, old) {
		t.Fatalf("a key that is not in force was taken up: %v", err)
	}
	st, err := store.Open(t.Context(), "file:"+data)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := vault.OpenKeyring(t.Context(), st, vault.NewSecret(string(old)))
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Rewrap(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	commandOutput(t, data, "credential", "show", "slack/a")
	if now, err := os.ReadFile(own); err != nil || strings.TrimSpace(string(now)) != next.Reveal() {
		t.Errorf("the new master key was not taken up: %v", err)
	}
	if kept, err := os.ReadFile(own + ".old"); err != nil || !bytes.Equal(kept, old) {
		t.Errorf("the old one is not kept: %v", err)
	}
}

// An import that is killed at any moment is finished by the next of the same file,
// or taken back.
func TestAKilledImport(t *testing.T) {
	slowWithRace(t)
	t.Parallel()
	dir := t.TempDir()
	data, file := filepath.Join(dir, "d"), filepath.Join(dir, "grants.json")
	const n = 20_000
	var list []map[string]any
	for i := range n {
		list = append(list, map[string]any{
			"agentId": "a", "service": "hubspot", "type": "oauth_token", "source": fmt.Sprintf("vault:h/%d", i),
			"secret": map[string]any{"refresh_token": "canary-refresh-token"},
		})
	}
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	stored := func() int {
		t.Helper()
		return strings.Count(commandOutput(t, data, "credential", "list", "-o", "json"), "\n") + 1
	}
	commandOutput(t, data, "key", "status") // makes the store
	killInTheMiddle := func() {
		t.Helper()
		cmd := program(t, data, "credential", "import", file)
		var said lockedBuffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "some are stored", func() bool {
			out, err := program(t, data, "credential", "list", "-o", "json").Output()
			return err == nil && strings.Count(string(out), "\n") > 0
		})
		_ = cmd.Process.Kill()
		err := cmd.Wait()
		var exit *exec.ExitError
		if err == nil {
			t.Fatal("the import ended before it could be killed, so nothing was shown: import more")
		} else if !isExit(err, &exit) {
			t.Fatal(err)
		}
		if strings.Contains(said.String(), "canary") {
			t.Error("a secret was shown")
		}
	}
	killInTheMiddle()
	commandOutput(t, data, "credential", "import", "--undo")
	if out := commandOutput(t, data, "credential", "list", "-o", "json"); out != "" {
		t.Fatalf("taken back, %d are there", stored())
	}
	killInTheMiddle()
	cmd := program(t, data, "credential", "import", file)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "broken off is finished") {
		t.Fatalf("%v: %s", err, out)
	}
	if got := stored(); got != n {
		t.Errorf("%d are there, want %d", got, n)
	}
}

func isExit(err error, exit **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*exit = e
	return ok
}
