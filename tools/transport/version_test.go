package transport

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"toolvault/auth"
	"toolvault/auth/dpop"
	"toolvault/tools"
)

// The header rules of 2026-07-28: what intermediaries read is what we do.
func TestHeaderRules(t *testing.T) {
	const mismatch, params, unsupported, invalid = -32020, -32602, -32022, -32600
	meta := func(version string) string {
		return fmt.Sprintf(`"_meta":{"io.modelcontextprotocol/protocolVersion":%q,"io.modelcontextprotocol/clientCapabilities":{}}`, version)
	}
	body := func(version string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",` + meta(version) + `}}`
	}
	for _, c := range []struct {
		name string
		ask  ask
		code int // 0: answered
	}{
		{"all in order", ask{}, 0},
		{"no Mcp-Method", ask{header: h("Mcp-Method", "-")}, mismatch},
		{"another Mcp-Method", ask{header: h("Mcp-Method", "tools/list")}, mismatch},
		{"Mcp-Method in another case", ask{header: h("Mcp-Method", "Tools/Call")}, mismatch},
		{"two Mcp-Method", ask{header: h("Mcp-Method", "tools/call", "Mcp-Method", "tools/list")}, mismatch},
		{"no Mcp-Name", ask{header: h("Mcp-Name", "-")}, mismatch},
		{"another Mcp-Name", ask{header: h("Mcp-Name", "add")}, mismatch},
		{"two Mcp-Name", ask{header: h("Mcp-Name", "echo", "Mcp-Name", "add")}, mismatch},
		{"Mcp-Name in Base64", ask{header: h("Mcp-Name", "=?base64?"+base64.StdEncoding.EncodeToString([]byte("echo"))+"?=")}, 0},
		{"Mcp-Name in bad Base64", ask{header: h("Mcp-Name", "=?base64?!?=")}, mismatch},
		{"no version header", ask{header: h("Mcp-Protocol-Version", "-")}, mismatch},
		{"an older version header", ask{header: h("Mcp-Protocol-Version", "2025-11-25")}, mismatch},
		{"two version headers", ask{header: h("Mcp-Protocol-Version", "2026-07-28", "Mcp-Protocol-Version", "2025-11-25")}, mismatch},
		{"no version in the body", ask{body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}`}, params},
		{"an older version in the body", ask{body: body("2025-11-25")}, mismatch},
		{"a version of the future", ask{body: body("2099-01-01"), header: h("Mcp-Protocol-Version", "2099-01-01")}, unsupported},
		{"no capabilities", ask{body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`}, params},
		{"Last-Event-ID", ask{header: h("Last-Event-ID", "7")}, mismatch},
		{"an array", ask{body: "[" + body(modernVersion) + "]"}, invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			a := c.ask
			a.version = modernVersion
			if a.body != "" && a.header == nil {
				a.header = h("Mcp-Name", "echo")
			} else if a.body != "" {
				a.header.Set("Mcp-Name", "echo")
			}
			r := b.do(a)
			if c.code == 0 {
				if r.status != 200 || r.Error != nil {
					t.Errorf("%d %s", r.status, r.body)
				}
				return
			}
			if r.status != 400 || r.Error == nil || r.Error.Code != c.code {
				t.Errorf("%d %s, want code %d", r.status, r.body, c.code)
			}
			if len(b.gateway.seen()) != 0 {
				t.Error("the call was made")
			}
			if c.code == unsupported && !strings.Contains(string(r.Error.Data["supported"]), modernVersion) {
				t.Errorf("supported: %s", r.body)
			}
		})
	}
}

// The same rules hold for what mcp-go answers.
func TestHeaderRulesOfOthers(t *testing.T) {
	b := newBed(t)
	for _, c := range []struct {
		ask    ask
		status int
		code   int
	}{
		{ask{call: "server/discover"}, 200, 0},
		{ask{call: "tools/list"}, 200, 0},
		{ask{call: "tools/list", header: h("Mcp-Method", "tools/call")}, 400, -32020},
		{ask{call: "nothing/such"}, 404, -32601},
		{ask{call: "initialize"}, 404, -32601},
		{ask{call: "ping"}, 404, -32601},
		{ask{call: "prompts/list"}, 404, -32601},
	} {
		c.ask.version = modernVersion
		r := b.do(c.ask)
		if r.status != c.status || (r.Error != nil) != (c.code != 0) || r.Error != nil && r.Error.Code != c.code {
			t.Errorf("%s: %d %s", c.ask.call, r.status, r.body)
		}
		if r.header.Get("Mcp-Session-Id") != "" {
			t.Errorf("%s has a session id", c.ask.call)
		}
	}
}

func TestOldVersions(t *testing.T) {
	for _, version := range versions[:5] {
		b := newBed(t)
		asked := version
		if asked == "" {
			asked = "2025-03-26"
		}
		r := b.do(ask{version: version, call: "initialize", params: `"protocolVersion":"` + asked + `","capabilities":{},"clientInfo":{"name":"c","version":"1"}`})
		var got struct {
			Result struct {
				Version string `json:"protocolVersion"`
				Info    struct{ Name, Version string }
			}
		}
		_ = json.Unmarshal(r.body, &got)
		if r.status != 200 || got.Result.Version != asked {
			t.Errorf("initialize %s: %d %s", version, r.status, r.body)
		}
		if r := b.do(ask{version: version, body: `{"jsonrpc":"2.0","method":"notifications/initialized"}`}); r.status != 202 || len(r.body) != 0 {
			t.Errorf("initialized: %d %s", r.status, r.body)
		}
		if r := b.do(ask{version: version, call: "ping"}); r.status != 200 || r.Error != nil {
			t.Errorf("ping: %d %s", r.status, r.body)
		}
		if r := b.do(ask{version: version, call: "nothing/such"}); r.status != 200 || r.Error == nil || r.Error.Code != -32601 {
			t.Errorf("unknown method: %d %s", r.status, r.body)
		}
	}
	b := newBed(t)
	for _, bad := range []string{"1999-01-01", "2025-11-26", "banana"} { // the last sorts after every date
		if r := b.do(ask{version: bad}); r.status != 400 {
			t.Errorf("version %s: %d %s", bad, r.status, r.body)
		}
	}
	if r := b.do(ask{version: "2025-06-18", header: h("Mcp-Protocol-Version", "2025-06-18", "Mcp-Protocol-Version", "1999-01-01")}); r.status != 400 {
		t.Errorf("two versions: %d %s", r.status, r.body)
	}
}

// Arrays of messages: a duty of 2025-03-26 and gone since 2025-06-18.
func TestBatches(t *testing.T) {
	call := func(id int, name string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q}}`, id, name)
	}
	note := `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		r := b.do(ask{version: version, body: "[" + call(1, "echo") + "," + note + "," + call(2, "echo") + `,{"jsonrpc":"2.0","id":3,"method":"ping"},{"id":4}]`})
		if !batches(version) {
			if r.status != 400 || len(b.gateway.seen()) != 0 {
				t.Errorf("%d %s", r.status, r.body)
			}
			return
		}
		var answers []reply
		if err := json.Unmarshal(r.body, &answers); err != nil || len(answers) != 4 || r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		for i, a := range answers {
			if string(a.ID) != fmt.Sprint(i+1) || (a.Error != nil) != (i == 3) {
				t.Errorf("answer %d: %s", i, r.body)
			}
		}
		if r := b.do(ask{version: version, body: "[" + note + "]"}); r.status != 202 {
			t.Errorf("only notifications: %d", r.status)
		}
		before := len(b.gateway.seen())
		if r := b.do(ask{version: version, body: "[" + call(1, "echo") + "," + call(2, "add") + "]"}); r.status != 403 {
			t.Errorf("one that may not: %d %s", r.status, r.body)
		}
		many := strings.Repeat(call(1, "echo")+",", maxBatch)
		for _, body := range []string{"[]", "[1]", "[" + many + call(2, "echo") + "]", "[" + call(1, "echo")} {
			if r := b.do(ask{version: version, body: body}); r.status == 403 || r.status == 202 || r.status == 200 && !strings.Contains(string(r.body), `"error"`) {
				t.Errorf("%.40s: %d %s", body, r.status, r.body)
			}
		}
		if n := len(b.gateway.seen()); n != before {
			t.Errorf("%d calls were made that should not have been", n-before)
		}
	})
}

// The metadata that leads clients to tokens never repeats what a header says.
func TestMetadata(t *testing.T) {
	b := newBed(t)
	public := newBed(t, func(o *Options) { o.PublicURL = "https://tools.example.com/vault/" })
	for _, c := range []struct {
		bed        *bed
		path, base string
	}{
		{b, "/.well-known/oauth-protected-resource", b.url},
		{b, "/.well-known/oauth-protected-resource/mcp", b.url},
		{public, "/.well-known/oauth-protected-resource", "https://tools.example.com/vault"},
		{public, "/.well-known/oauth-protected-resource/vault/mcp", "https://tools.example.com/vault"},
	} {
		r := c.bed.do(ask{method: "GET", path: c.path, token: "-", host: "localhost:9", header: h("X-Forwarded-Host", "evil.example.com", "X-Forwarded-Proto", "https", "Forwarded", "host=evil.example.com")})
		want := fmt.Sprintf(`{"resource":"%s/mcp","resource_name":"toolvault","authorization_servers":["%s"],"scopes_supported":["notes:read","notes:write"],"bearer_methods_supported":["header"],"dpop_signing_alg_values_supported":["%s"]}`, c.base, c.base, strings.Join(dpop.Algorithms(), `","`))
		if r.status != 200 || string(r.body) != want || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s\nwant %s", c.path, r.status, r.body, want)
		}
	}
	if r := b.do(ask{method: "POST", path: "/.well-known/oauth-protected-resource"}); r.status != 405 {
		t.Errorf("POST: %d", r.status)
	}
	if r := b.do(ask{method: "GET", path: "/other"}); r.status != 404 {
		t.Errorf("another path: %d", r.status)
	}
	if r := b.do(ask{method: "GET", path: "/.well-known/oauth-protected-resource", host: "evil.example.com"}); r.status != 403 {
		t.Errorf("evil host: %d", r.status)
	}
	if got := public.do(ask{token: "-"}).header.Get("WWW-Authenticate"); !strings.Contains(got, `"https://tools.example.com/.well-known/oauth-protected-resource/vault/mcp"`) {
		t.Errorf("challenge %q", got)
	}
	for _, bad := range []string{"tools.example.com", "ftp://x", "https://", "https://u@x", "https://x?y", "https://x#y", "://"} {
		if _, err := NewHTTP(b.options(func(o *Options) { o.PublicURL = bad })); err == nil {
			t.Errorf("public URL %q is taken", bad)
		}
	}
}

// Web pages that may call can read the answers; the others get no headers at all.
func TestCORS(t *testing.T) {
	b := newBed(t, func(o *Options) { o.AllowedOrigins = []string{"https://app.example.com"} })
	r := b.do(ask{method: "OPTIONS", token: "-", header: h("Origin", "https://app.example.com", "Access-Control-Request-Method", "POST")})
	if r.status != http.StatusNoContent || r.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" || !strings.Contains(r.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight: %d %v", r.status, r.header)
	}
	if r := b.do(ask{token: "-", header: h("Origin", "https://app.example.com")}); r.status != 401 || !strings.Contains(r.header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate") {
		t.Errorf("%d %v", r.status, r.header)
	}
	r = b.do(ask{method: "OPTIONS", header: h("Origin", "https://evil.example.com", "Access-Control-Request-Method", "POST")})
	if r.status != 403 || r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("evil: %d %v", r.status, r.header)
	}
}

// A call that mcp-go would take for a tool of its own does not exist there.
func TestCallsNeverReachMCPGo(t *testing.T) {
	b := newBed(t)
	called := false
	b.gateway.tools["echo"] = doubleTool{schema: schema(t, "echo", "read", true), run: func(context.Context, auth.Identity, tools.Call) tools.Result {
		called = true
		return tools.Result{Text: "ours"}
	}}
	if r := b.do(ask{params: `"name":"echo","task":{"ttl":1}`}); r.text() != "ours" || !called {
		t.Errorf("%s", r.body)
	}
}
