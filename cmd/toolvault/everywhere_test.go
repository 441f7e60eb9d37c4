package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestNoPathIsReachedUnderAForeignNameOrPage: DNS rebinding, with a good Origin or none,
// on every path but those that tell nobody anything and those that machines scrape; and
// a foreign page calls nothing that programs do.
func TestNoPathIsReachedUnderAForeignNameOrPage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "c.yaml")
	const text = "auth:\n  registration: true\n  login: { issuer: \"https://login.example.com\", client_id: toolvault }\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, dir+"/d", "--config", config)
	do := func(method, path string, header ...string) int {
		t.Helper()
		r, err := http.NewRequest(method, "http://"+s.addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			if header[i] == "Host" {
				r.Host = header[i+1]
			} else {
				r.Header.Set(header[i], header[i+1])
			}
		}
		resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode == http.StatusForbidden && (len(resp.Cookies()) != 0 || resp.Header.Get("Access-Control-Allow-Origin") != "" || strings.Contains(string(body), "evil")) {
			t.Errorf("%s %s is refused, and answers %v %s", method, path, resp.Header, body)
		}
		return resp.StatusCode
	}
	programs := []string{
		"/mcp", "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration",
		"/oauth/jwks", "/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/device_authorization", "/oauth/register", "/v1/admin/agents", "/v1/admin/audit", "/v1/admin/x",
	}
	pages := []string{
		"/oauth/authorize", "/oauth/consent", "/oauth/device", "/signin", "/signin/passkey/invite", "/signout", "/signin/company", "/signin/company/callback", "/signin/company/logout", "/connect/x",
	}
	for _, method := range []string{"GET", "POST"} {
		for _, path := range append(programs, pages...) {
			if got := do(method, path); got == http.StatusForbidden {
				t.Errorf("%s %s rightly: %d", method, path, got)
			}
			for _, host := range []string{"evil.example", "evil.example:80", s.addr + ".evil.example"} {
				if got := do(method, path, "Host", host); got != http.StatusForbidden {
					t.Errorf("%s %s as %s: %d", method, path, host, got)
				}
				if got := do(method, path, "Host", host, "Origin", "http://"+s.addr); got != http.StatusForbidden {
					t.Errorf("%s %s as %s of our own page: %d", method, path, host, got)
				}
				if got := do(method, path, "Host", host, "X-Forwarded-Host", s.addr); got != http.StatusForbidden {
					t.Errorf("%s %s as %s, forwarded: %d", method, path, host, got)
				}
			}
		}
		for _, path := range programs {
			for _, origin := range []string{"https://evil.example", "null", "http://" + s.addr + ".evil.example"} {
				if got := do(method, path, "Origin", origin); got != http.StatusForbidden {
					t.Errorf("%s %s from a page of %s: %d", method, path, origin, got)
				}
			}
		}
	}
}

// TestOurTokenGoesNoFurther: what a client shows us is never shown to an upstream (MCP
// Security Best Practices, "Token Passthrough"), nor to the log.
func TestOurTokenGoesNoFurther(t *testing.T) {
	t.Setenv("CANARY_SLACK", canaries["slack"])
	var mu sync.Mutex
	var seen strings.Builder
	requests := 0
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		requests++
		_, _ = fmt.Fprintln(&seen, r.Method, r.URL, r.Header, string(body))
		_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "channel": "C0123456789", "ts": "1700000000.000100", "channels": []any{}})
	}))
	defer upstream.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "c.yaml")
	text := fmt.Sprintf(`services: { slack: { base_url: %q } }
agents:
  - agentId: support-agent-1
    credentials:
      - { service: slack, type: service_token, source: "env:CANARY_SLACK", scope: read-write }
`, upstream.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, dir+"/d", "--config", config)
	token := commandOutput(t, s.data, "agent", "token", "support-agent-1", "--config", config, "--listen", s.addr)
	for _, c := range []struct {
		tool string
		args map[string]any
	}{
		{"slack_list_channels", map[string]any{}},
		{"slack_post_message", map[string]any{"channel": "C0123456789", "text": "hello"}},
	} {
		if r := s.must(token, c.tool, c.args); r.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", c.tool, r.Status, r.Body)
		}
	}
	log := commandOutput(t, s.data, "audit", "query", "-o", "json")
	mu.Lock()
	defer mu.Unlock()
	if requests < 2 || !strings.Contains(seen.String(), canaries["slack"]) {
		t.Fatalf("the test shows nothing: %s", seen.String())
	}
	signature := token[strings.LastIndex(token, ".")+1:]
	for where, text := range map[string]string{"the upstream": seen.String(), "the audit log": log, "the log": s.logs.String()} {
		if strings.Contains(text, signature) || strings.Contains(text, token[:40]) {
			t.Errorf("%s has our token: %s", where, text)
		}
	}
}
