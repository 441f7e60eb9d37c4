package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// canaries are the secrets of one test: in the vault, in the environment, and in
// the hands of the client.
var canaries = map[string]string{
	"slack":    "xoxb-110022003300-440055006600-CanaryCanaryCanaryCanary",
	"hubspot":  "pat-na1-ca9a51e5-ca9a-51e5-ca9a-51e5ca9a51e5",
	"pinecone": "pcsk_Canary_7Hq2Zr9LmPx4Wv8Kd3Ns6Tb1Yc5",
	"metabase": "mb_Canary/9+Zk2Lr7Qw4Ex1Vt6Bn3Md8Jf5==",
	"argument": "sk_live_CanaryCanary51NpQrStUvWxYz0123",
}

// spellings are the ways in which a secret may hide in a text.
func spellings(secret string) map[string]string {
	quoted, _ := json.Marshal(secret)
	return map[string]string{
		"plain": secret, "base64": base64.StdEncoding.EncodeToString([]byte(secret)), "base64url": base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"hex": hex.EncodeToString([]byte(secret)), "url": url.QueryEscape(secret), "json": strings.Trim(string(quoted), `"`),
	}
}

func leaks(text []byte) (found []string) {
	for name, secret := range canaries {
		all := spellings(secret)
		all["cut off"], all["its end"] = secret[:len(secret)*2/3], secret[len(secret)/3:] // clipped before it was searched
		for how, s := range all {
			if bytes.Contains(text, []byte(s)) {
				found = append(found, name+" "+how)
			}
		}
	}
	return found
}

// parrot is an upstream that throws back what it was sent, in every place and
// spelling that it can think of.
func parrot(mode string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		secret := r.Header.Get("Api-Key") + r.Header.Get("X-Api-Key") + strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		var all []string
		for _, s := range spellings(secret) {
			all = append(all, s)
		}
		echo := strings.Join(all, " ") + " " + string(body)
		for _, h := range []string{"X-Slack-Req-Id", "X-Hubspot-Correlation-Id", "X-Request-Id", "Retry-After", "Location"} {
			w.Header().Set(h, secret)
		}
		w.Header().Set("Content-Type", "application/json")
		switch mode {
		case "answer":
			_ = json.NewEncoder(w).Encode(map[string]any{
				"ok": true, "results": []any{map[string]any{"id": secret, "email": secret, "firstName": echo, "properties": map[string]any{"firstname": echo}}}, "total": 1,
				"channel": secret, "ts": "1700000000.000100", "channels": []any{map[string]any{"id": "C01", "name": echo}},
				"indexes": []any{map[string]any{"name": echo, "host": secret}}, "data": []any{map[string]any{"id": 1, "name": echo, "model": "dashboard"}},
			})
		case "slack error":
			_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": secret, "needed": echo, "response_metadata": map[string]any{"messages": []string{echo}}})
		case "error":
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "message": echo, "category": "VALIDATION_ERROR", "correlationId": secret,
				"error": map[string]any{"code": secret, "message": echo}, "errors": []any{map[string]any{"message": echo}}})
		case "html":
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = fmt.Fprintf(w, "<html>%s</html>", echo)
		case "half":
			_, _ = fmt.Fprintf(w, `{"ok":true,"results":[{"id":"%s"`, echo)
		case "redirect":
			w.Header().Set("Location", "http://127.0.0.1:1/?token="+url.QueryEscape(secret))
			w.WriteHeader(http.StatusFound)
		}
	}
}

// TestNoSecretIsInAnythingThatLeaves plants secrets in arguments, in the
// environment, in the vault and in whatever an upstream says, and looks for them
// in results, logs, metrics, the audit log and the store.
func TestNoSecretIsInAnythingThatLeaves(t *testing.T) {
	t.Setenv("CANARY_SLACK", canaries["slack"])
	for _, mode := range []string{"answer", "slack error", "error", "html", "half", "redirect"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			upstream := httptest.NewServer(parrot(mode))
			defer upstream.Close()
			dir := t.TempDir()
			data, config := filepath.Join(dir, "d"), filepath.Join(dir, "toolvault.yaml")
			text := fmt.Sprintf(`services:
  slack: { base_url: %[1]q }
  hubspot: { base_url: %[1]q }
  pinecone: { base_url: %[1]q }
  metabase: { base_url: %[1]q }
agents:
  - agentId: support-agent-1
    credentials:
      - { service: slack, type: service_token, source: "env:CANARY_SLACK", scope: read-write }
      - { service: hubspot, type: service_token, source: "vault:hubspot/a", scope: read-write }
      - { service: pinecone, type: api_key, source: "file:pinecone.key", scope: read-write }
      - { service: metabase, type: service_token, source: "vault:metabase/a", scope: read-write }
`, upstream.URL)
			for path, content := range map[string]string{config: text, filepath.Join(dir, "pinecone.key"): canaries["pinecone"] + "\n"} {
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			seen := map[string]string{}
			for _, service := range []string{"hubspot", "metabase"} {
				cmd := program(t, data, "credential", "put", service+"/a", "--type", "service_token")
				cmd.Stdin = strings.NewReader(canaries[service])
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				seen["put "+service] = string(out)
			}
			s := serve(t, data, "--config", config)
			token := commandOutput(t, data, "agent", "token", "support-agent-1", "--config", config, "--listen", s.addr)
			called := 0
			for _, c := range []struct {
				tool string
				args map[string]any
			}{
				{"slack_post_message", map[string]any{"channel": "C0123456789", "text": "my key is " + canaries["argument"] + " and " + canaries["slack"]}},
				{"slack_list_channels", map[string]any{}},
				{"hubspot_search_objects", map[string]any{"object_type": "contacts", "query": canaries["argument"] + canaries["hubspot"]}},
				{"hubspot_list_owners", map[string]any{}},
				{"hubspot_get_object", map[string]any{"object_type": "contacts", "id": "101"}},
				{"pinecone_list_indexes", map[string]any{}},
				{"pinecone_describe_index", map[string]any{"index": "support-tickets"}},
				{"metabase_search", map[string]any{"query": canaries["metabase"]}},
				{"metabase_update_dashboard", map[string]any{"id": 42, "description": canaries["argument"] + " " + canaries["metabase"]}},
				{"no_such_tool", map[string]any{"x": canaries["slack"]}},
				{"slack_post_message", map[string]any{"channel": canaries["slack"], canaries["argument"]: canaries["pinecone"]}},
			} {
				r := s.must(token, c.tool, c.args)
				if r.Status == http.StatusOK {
					called++
				}
				seen["result of "+c.tool] += r.Body + fmt.Sprint(r.Header)
			}
			if called < 9 {
				t.Fatalf("only %d calls went through: %v", called, seen)
			}
			out, _ := program(t, data, "check", "--live", "--config", config).CombinedOutput()
			seen["check"] = string(out)
			metrics, err := http.Get("http://" + s.addr + "/metrics")
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(metrics.Body)
			if err != nil {
				t.Fatal(err)
			}
			seen["metrics"] = string(b)
			seen["audit query"] = commandOutput(t, data, "audit", "query", "-o", "json")
			s.kill()
			seen["log"] = s.logs.String()
			err = filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				b, err := os.ReadFile(path)
				seen["file "+e.Name()] = string(b)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for where, text := range seen {
				if found := leaks([]byte(text)); len(found) > 0 {
					t.Errorf("%s: %v\n%.2000s", where, found, text)
				}
			}
			if len(seen["file toolvault.db"]) == 0 || !strings.Contains(seen["audit query"], "slack_post_message") {
				t.Error("the places that were looked at are empty")
			}
		})
	}
}
