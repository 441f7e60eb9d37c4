package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// What an admin writes, what he leaves out, and which of it are secrets.
func TestMirrors(t *testing.T) {
	c, err := Parse("/etc/toolvault/toolvault.yaml", []byte(`
audit:
  mirror:
    - redis: redis-sentinel://a:26379,b:26379/master/2
    - { name: second, redis: "env:REDIS_URL", stream: "acme:audit", maxlen: 0 }
    - otlp: http://collector:4318
      headers: { api-key: "env:API_KEY", X-Scope-OrgID: "file:org" }
    - { webhook: "file:hook", secret: "exec:secret-tool lookup hook" }
    - { file: out/audit.jsonl, rotate: 10MiB, keep: 3, filter: { agent: [a, b], service: slack, outcome: not_permitted } }
    - { name: rest, file: /var/log/audit.jsonl }
`), known())
	if err != nil {
		t.Fatal(err)
	}
	want := []Mirror{
		{Name: "redis", Kind: MirrorRedis, Target: "redis-sentinel://a:26379,b:26379/master/2", MaxLen: 1_000_000},
		{Name: "second", Kind: MirrorRedis, Target: "env:REDIS_URL", Stream: "acme:audit"},
		{Name: "otlp", Kind: MirrorOTLP, Target: "http://collector:4318", Headers: map[string]string{"api-key": "env:API_KEY", "X-Scope-OrgID": "file:/etc/toolvault/org"}},
		{Name: "webhook", Kind: MirrorWebhook, Target: "file:/etc/toolvault/hook", Secret: "exec:secret-tool lookup hook"},
		{Name: "file", Kind: MirrorFile, Target: "/etc/toolvault/out/audit.jsonl", Rotate: 10 << 20, Keep: 3, Agents: []string{"a", "b"}, Services: []string{"slack"}, Outcomes: []string{"not_permitted"}},
		{Name: "rest", Kind: MirrorFile, Target: "/var/log/audit.jsonl"},
	}
	if len(c.Audit.Mirrors) != len(want) {
		t.Fatalf("%d mirrors", len(c.Audit.Mirrors))
	}
	for i := range want {
		if !reflect.DeepEqual(c.Audit.Mirrors[i], want[i]) {
			t.Errorf("%+v\nand should be\n%+v", c.Audit.Mirrors[i], want[i])
		}
	}
	var refs []string
	for _, r := range c.References() {
		refs = append(refs, r.Where)
	}
	if got := strings.Join(refs, " "); got != "audit.mirror[1].redis audit.mirror[2].headers.api-key audit.mirror[2].headers.X-Scope-OrgID audit.mirror[3].webhook audit.mirror[3].secret" {
		t.Errorf("the secrets are %s", got)
	}
}

// A URL that is a secret is held to the same rules as one that is not, and is in no
// error.
func TestLookupEndpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "url")
	c := Default()
	for url, want := range map[string]string{
		"https://hooks.example.com/canary?k=canary": "", "http://127.0.0.1:1/canary": "", "http://collector:4318": "",
		"http://hooks.example.com/canary": "in the clear", "canary": "no URL", "ftp://example.com/canary": "no URL", "https://": "no URL",
		"https://example.com:canary": "no URL", "https://exa mple.com/canary": "no URL",
	} {
		if err := os.WriteFile(path, []byte(url+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		secret, err := c.LookupEndpoint("file:" + path)
		switch {
		case want == "" && (err != nil || secret.Reveal() != url):
			t.Errorf("%s: %v", url, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") || !secret.Empty()):
			t.Errorf("%s: %v", url, err)
		}
	}
	if secret, err := c.LookupEndpoint("https://example.com/in"); err != nil || secret.Reveal() != "https://example.com/in" {
		t.Error(err)
	}
	if _, err := c.LookupEndpoint("env:TOOLVAULT_TEST_NOT_THERE"); err == nil {
		t.Error("no error for a secret that is not there")
	}
}
