package main

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"toolvault/audit/anchor"
	"toolvault/audit/proof"
	"toolvault/audit/tile"
)

// auditor is a program that may read the audit log over HTTP, and nothing else.
type auditor struct {
	t     *testing.T
	base  string
	token string
}

// withAuditor is a server on doubles of the services.
func withAuditor(t *testing.T) (*server, auditor) {
	t.Helper()
	t.Setenv("NIGHTLY", "a-secret-of-the-nightly-canary")
	data, config := t.TempDir()+"/d", filepath.Join(t.TempDir(), "c.yaml")
	text := `auth: { clients: [ { client_id: nightly, secret: "env:NIGHTLY", admin: "audit:read" }, { client_id: other, secret: "env:NIGHTLY", admin: "admin:agents" } ] }`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, data, "--sandbox", "--config", config)
	return s, auditor{t, "http://" + s.addr, adminToken(t, "http://"+s.addr, "nightly")}
}

func adminToken(t *testing.T, base, client string) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {base + "/v1/admin"}}
	req, _ := http.NewRequest("POST", base+"/oauth/token", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(client, os.Getenv("NIGHTLY"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Access string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Access == "" {
		t.Fatalf("no token: %d, %v", resp.StatusCode, err)
	}
	return answer.Access
}

func (a auditor) get(path string, header ...string) (*http.Response, []byte) {
	a.t.Helper()
	req, _ := http.NewRequest("GET", a.base+path, nil)
	req.Header.Set("Authorization", "Bearer "+a.token)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp, b
}

// TestAProgramReadsAndProvesTheLogOverHTTP: a receipt of a call, and the log as
// c2sp.org/tlog-tiles has it, to who may read the audit and to nobody else.
func TestAProgramReadsAndProvesTheLogOverHTTP(t *testing.T) {
	s, a := withAuditor(t)
	token := s.token("--sandbox")
	read := s.must(token, "hubspot_search_objects", map[string]any{"object_type": "contacts", "query": "Dana"})
	write := s.must(token, "slack_post_message", map[string]any{"channel": "#support-updates", "text": "hello"})
	key := commandOutput(t, s.data, "audit", "key")

	for call, records := range map[string]int{read.CallID: 1, write.CallID: 2} {
		resp, text := a.get("/v1/admin/audit/proof/" + call)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v: %s", resp.StatusCode, resp.Header, text)
		}
		r, err := proof.Verify(text, key)
		if err != nil || r.CallID != call || len(r.Records) != records || r.Records[0].Body != proof.BodyShown {
			t.Errorf("%+v, %v", r, err)
		}
		_, text = a.get("/v1/admin/audit/proof/" + call + "?without_body=true")
		if r, err = proof.Verify(text, key); err != nil || r.Records[0].Body != proof.BodyAbsent {
			t.Errorf("%+v, %v", r, err)
		}
		// As the command has it, checked by the command.
		name := filepath.Join(t.TempDir(), "proof.json")
		if err := os.WriteFile(name, []byte(commandOutput(t, s.data, "audit", "prove", call)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := commandOutput(t, t.TempDir(), "audit", "verify", "--proof", name, "--key", key); !strings.HasPrefix(out, "Valid: ") {
			t.Error(out)
		}
	}
	readsTheLog(t, s, a)
	for path, want := range map[string]int{
		"/v1/admin/audit/proof/none":                          404,
		"/v1/admin/audit/proof/" + read.CallID + "?x=1":       400,
		"/v1/admin/audit/proof/x?without_body=perhaps":        400,
		"/v1/admin/audit/log/tile/0/001":                      404,
		"/v1/admin/audit/log/tile/0/000.p/255":                404,
		"/v1/admin/audit/log/tile/0/000.p/256":                404,
		"/v1/admin/audit/log/tile/63/000":                     404,
		"/v1/admin/audit/log/tile/entries/000":                404,
		"/v1/admin/audit/log/tile/0/%2e%2e/0/000.p/1":         404,
		"/v1/admin/audit/log/tile/":                           404,
		"/v1/admin/audit/log/00000000000000000000.log":        404,
		"/v1/admin/audit/log/tile/..%2f..%2f..%2fmaster.key":  404,
		"/v1/admin/audit/log/tile/entries/000.p/1?x=1":        404,
		"/v1/admin/audit/log/tile/0/x999/x999/x999/x999/999":  404,
		"/v1/admin/audit/log/tile/entries/x999/x999/x999/999": 404,
	} {
		if resp, body := a.get(path); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d: %.200s", path, resp.StatusCode, want, body)
		}
	}
	// Who may not read it, may not.
	for name, c := range map[string]struct {
		token string
		want  int
	}{"nobody": {"", 401}, "an agent": {token, 401}, "another administrator": {adminToken(t, a.base, "other"), 403}} {
		for _, path := range []string{"proof/" + read.CallID, "log/checkpoint", "log/tile/0/000.p/1", "log/tile/entries/000.p/1"} {
			if resp, body := (auditor{t, a.base, c.token}).get("/v1/admin/audit/" + path); resp.StatusCode != c.want || strings.Contains(string(body), read.CallID) {
				t.Errorf("%s, %s: %d: %.100s", name, path, resp.StatusCode, body)
			}
		}
	}
}

// readsTheLog does what a mirror does: it fetches the checkpoint, the entries and
// the tiles, and holds them against each other.
func readsTheLog(t *testing.T, s *server, a auditor) {
	t.Helper()
	resp, note := a.get("/v1/admin/audit/log/checkpoint")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || resp.Header.Get("Cache-Control") != "private, max-age=1" {
		t.Fatalf("%d %v: %s", resp.StatusCode, resp.Header, note)
	}
	c, err := anchor.Parse(note)
	if err != nil || c.Size < 3 || c.Size > 255 {
		t.Fatalf("%+v, %v", c, err)
	}
	bundle := "/v1/admin/audit/log/" + tile.Path(tile.Entries, 0, int(c.Size))
	resp, packed := a.get(bundle, "Accept-Encoding", "br, gzip;q=0.5")
	if resp.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("%v", resp.Header)
	}
	z, err := gzip.NewReader(strings.NewReader(string(packed)))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	resp, plain := a.get(bundle, "Accept-Encoding", "gzip;q=0")
	if string(plain) != string(entries) || resp.Header.Get("Content-Encoding") != "" || resp.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%d bytes and %d, %v", len(plain), len(entries), resp.Header)
	}
	if strings.Contains(string(entries), `"salt"`) || strings.Contains(string(entries), "Dana") {
		t.Error("what may be erased is served as an entry")
	}
	_, hashes := a.get("/v1/admin/audit/log/" + tile.Path(0, 0, int(c.Size)))
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (list []tlog.Hash, err error) {
		for _, i := range indexes {
			list = append(list, stored[i])
		}
		return list, nil
	})
	n := int64(0)
	for ; len(entries) > 0; n++ {
		size := 2 + int(binary.BigEndian.Uint16(entries))
		h := tlog.RecordHash(entries[2:size])
		if string(hashes[n*tlog.HashSize:(n+1)*tlog.HashSize]) != string(h[:]) {
			t.Errorf("entry %d is not the one in the tile", n)
		}
		more, err := tlog.StoredHashesForRecordHash(n, h, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
		entries = entries[size:]
	}
	if root, err := tlog.TreeHash(n, reader); err != nil || n != c.Size || root != c.Root {
		t.Errorf("%d entries with root %s, want %d and %s (%v)", n, root, c.Size, c.Root, err)
	}
	// The same is in the folder, within a second or so.
	eventually(t, "the log is published in its folder", func() bool {
		note, err := tile.Published(filepath.Join(s.data, "audit"))
		if err != nil {
			return false
		}
		c, err := anchor.Parse(note)
		if err != nil || c.Size < n {
			return false
		}
		b, err := os.ReadFile(filepath.Join(s.data, "audit", filepath.FromSlash(tile.Path(0, 0, int(c.Size)))))
		return err == nil && strings.HasPrefix(string(b), string(hashes))
	})
}
