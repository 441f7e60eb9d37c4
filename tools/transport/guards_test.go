package transport

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func h(pairs ...string) http.Header {
	out := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "-" {
			out[http.CanonicalHeaderKey(pairs[i])] = nil
		} else {
			out[http.CanonicalHeaderKey(pairs[i])] = append(out[http.CanonicalHeaderKey(pairs[i])], pairs[i+1])
		}
	}
	return out
}

// Every guard holds under every protocol version, whatever method is asked for,
// and nothing reaches the gateway.
func TestGuards(t *testing.T) {
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	cases := []struct {
		name   string
		ask    ask
		status int
		error  string // error of the challenge
		reason string
	}{
		{"no token", ask{token: "-"}, 401, "", RefusedNoToken},
		{"another scheme", ask{header: h("Authorization", "Basic YTpi")}, 401, "", RefusedNoToken},
		{"a token nobody has", ask{token: "stolen"}, 401, "invalid_token", RefusedToken},
		{"an empty token", ask{header: h("Authorization", "Bearer ")}, 401, "invalid_token", RefusedToken},
		{"a token with a space", ask{header: h("Authorization", "Bearer "+alice+" x")}, 401, "invalid_token", RefusedToken},
		{"a known token with spaces", ask{header: h("Authorization", "Bearer token with spaces")}, 401, "invalid_token", RefusedToken},
		{"a known token beyond ASCII", ask{header: h("Authorization", "Bearer tökén")}, 401, "invalid_token", RefusedToken},
		{"a huge token", ask{token: strings.Repeat("a", 9000)}, 401, "invalid_token", RefusedToken},
		{"two Authorization headers", ask{header: h("Authorization", "Bearer "+alice, "Authorization", "Bearer "+bob)}, 400, "invalid_request", RefusedTwoTokens},
		{"a token in the query", ask{token: "-", path: "/mcp?access_token=" + alice}, 400, "invalid_request", RefusedQueryToken},
		{"a token in the query and one in the header", ask{path: "/mcp?access_token=" + alice}, 400, "invalid_request", RefusedQueryToken},
		{"a token in an odd query", ask{path: "/mcp?%zz&Access_Token=" + alice}, 400, "invalid_request", RefusedQueryToken},
		{"an evil Host", ask{host: "evil.example.com"}, 403, "", RefusedHost},
		{"an evil Host with our name in it", ask{host: "127.0.0.1.evil.example.com"}, 403, "", RefusedHost},
		{"an evil Host as user info", ask{host: "localhost@evil.example.com"}, 403, "", RefusedHost},
		{"an evil Origin", ask{header: h("Origin", "https://evil.example.com")}, 403, "", RefusedOrigin},
		{"an Origin that begins like ours", ask{header: h("Origin", "http://localhost.evil.example.com")}, 403, "", RefusedOrigin},
		{"an Origin with our name as user", ask{header: h("Origin", "http://localhost@evil.example.com")}, 403, "", RefusedOrigin},
		{"the null Origin", ask{header: h("Origin", "null")}, 403, "", RefusedOrigin},
		{"a file Origin", ask{header: h("Origin", "file://")}, 403, "", RefusedOrigin},
		{"two Origins", ask{header: h("Origin", "http://localhost", "Origin", "https://evil.example.com")}, 403, "", RefusedOrigin},
		{"an evil Origin without a token", ask{token: "-", header: h("Origin", "https://evil.example.com")}, 403, "", RefusedOrigin},
		{"a good Origin and an evil Host", ask{host: "evil.example.com", header: h("Origin", "http://localhost:1234")}, 403, "", RefusedHost},
		{"a large body", ask{params: `"name":"echo","arguments":{"text":"` + strings.Repeat("x", 70<<10) + `"}`}, 413, "", ""},
		{"a large body of unsaid length", ask{chunked: true, params: `"name":"echo","arguments":{"text":"` + strings.Repeat("x", 70<<10) + `"}`}, 413, "", ""},
		{"a deep body", ask{params: `"name":"echo","arguments":{"text":` + deep + `}`}, 400, "", ""},
		{"no JSON", ask{body: "echo"}, 400, "", ""},
		{"half a message", ask{body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"`}, 400, "", ""},
		{"two messages", ask{body: ask{}.orDefaults().message() + ask{}.orDefaults().message()}, 400, "", ""},
		{"not UTF-8", ask{params: "\"name\":\"echo\",\"arguments\":{\"text\":\"\xff\"}"}, 400, "", ""},
		{"a wrong type of content", ask{header: h("Content-Type", "text/plain")}, 415, "", ""},
		{"no type of content", ask{header: h("Content-Type", "-")}, 415, "", ""},
		{"a compressed body", ask{header: h("Content-Encoding", "gzip")}, 415, "", ""},
		{"an answer that is not JSON", ask{header: h("Accept", "text/html")}, 406, "", ""},
		{"a scope that is missing", ask{params: `"name":"add"`}, 403, "insufficient_scope", ""},
		{"a null id", ask{id: "null"}, 400, "", ""},
		{"a fractional id", ask{id: "1.5"}, 400, "", ""},
		{"an object as id", ask{id: `{"a":1}`}, 400, "", ""},
		{"a long id", ask{id: `"` + strings.Repeat("i", 300) + `"`}, 400, "", ""},
		{"no name", ask{params: `"arguments":{}`}, 400, "", ""},
		{"a name that is no text", ask{params: `"name":["echo"]`}, 400, "", ""},
	}
	each(t, func(t *testing.T, version string) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				b := newBed(t)
				a := c.ask
				a.version = version
				r := b.do(a)
				if r.status != c.status {
					t.Fatalf("status %d, want %d: %s", r.status, c.status, r.body)
				}
				if n := len(b.gateway.seen()); n != 0 {
					t.Errorf("%d calls reached the gateway", n)
				}
				challenge := r.header.Get("WWW-Authenticate")
				if wants := c.status == 401 || c.error != ""; wants != (challenge != "") {
					t.Errorf("challenge %q", challenge)
				} else if wants && !strings.Contains(challenge, `resource_metadata="`+b.url+`/.well-known/oauth-protected-resource/mcp"`) {
					t.Errorf("challenge %q names no metadata", challenge)
				}
				if got := strings.Contains(challenge, "error="); got != (c.error != "") || c.error != "" && !strings.Contains(challenge, `error="`+c.error+`"`) {
					t.Errorf("challenge %q, want error %q", challenge, c.error)
				}
				if c.reason != "" && !slices.Equal(b.refused, []string{c.reason}) {
					t.Errorf("refused for %q, want %q", b.refused, c.reason)
				}
				if strings.Contains(string(r.body)+challenge+b.logs.String(), alice) {
					t.Error("a token is shown")
				}
			})
		}
	})
}

// A key that stands twice, or that a parser blind to case would take for another,
// may mean one thing to the guard and another to whoever reads next.
func TestConfusedKeys(t *testing.T) {
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	bodies := []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call","params":{"name":"add",META}}`,
		`{"jsonrpc":"2.0","id":1,"Method":"tools/call","method":"tools/list","params":{"name":"add",META}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"add",META}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/list","m\u0065thod":"tools/call","params":{"name":"add",META}}`,
		`{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","params":{"name":"echo",META}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"add",META}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"add",META}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"Name":"add","name":"echo",META}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",META},"params":{"name":"add",META}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",META},"Params":{"name":"add",META}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",META},"param\u017f":{"name":"add",META}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",META},"paramſ":{"name":"add",META}}`,
		`{"jsonrpc":"2.0","id":1,"ID":2,"method":"tools/call","params":{"name":"echo",META}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Arguments":{"text":"x"},META}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a","text":"b"},META}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"x":[{"a":1,"\u0061":2}]},META}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",META,"_Meta":{}}}`,
	}
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		for _, body := range bodies {
			m := meta
			if version != modernVersion {
				m = `"_meta":{}`
			}
			r := b.do(ask{version: version, body: strings.ReplaceAll(body, "META", m)})
			if r.status != 400 || r.Error == nil || r.Error.Code != -32600 {
				t.Errorf("%s\nanswered %d %s", body, r.status, r.body)
			}
		}
		if n := len(b.gateway.seen()); n != 0 {
			t.Errorf("%d calls reached the gateway", n)
		}
	})
}

// What the gateway says is missing comes as a challenge that a client can act on,
// and the refusal is on record.
func TestInsufficientScope(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		r := b.do(ask{version: version, params: `"name":"add"`, id: `"seven"`})
		want := fmt.Sprintf(`Bearer error="insufficient_scope", error_description="The call needs the scope notes:write", scope="notes:write", resource_metadata="%s/.well-known/oauth-protected-resource/mcp"`, b.url)
		if r.status != 403 || r.header.Get("WWW-Authenticate") != want {
			t.Errorf("%d %q\nwant %q", r.status, r.header.Get("WWW-Authenticate"), want)
		}
		if string(r.ID) != `"seven"` || string(r.Error.Data["call_id"]) != `"denied-call"` {
			t.Errorf("body %s", r.body)
		}
		if !slices.Equal(b.denied, []string{"alice add notes:write"}) {
			t.Errorf("on record: %q", b.denied)
		}
		if r := b.do(ask{version: version, params: `"name":"add"`, token: bob}); r.status != 200 || r.Result.IsError {
			t.Errorf("bob may: %d %s", r.status, r.body)
		}
	})
}

func TestUnauthorizedNamesScopes(t *testing.T) {
	b := newBed(t)
	want := fmt.Sprintf(`Bearer resource_metadata="%s/.well-known/oauth-protected-resource/mcp"`, b.url)
	if got := b.do(ask{token: "-"}).header.Get("WWW-Authenticate"); got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestTokensCannotBeChecked(t *testing.T) {
	b := newBed(t)
	r := b.do(ask{token: "store-is-down"})
	if r.status != 503 || r.header.Get("Retry-After") == "" || len(b.refused) != 0 {
		t.Errorf("%d %v, refused %q", r.status, r.header, b.refused)
	}
}

func TestHostsAndOriginsThatMay(t *testing.T) {
	b := newBed(t, func(o *Options) {
		o.PublicURL = "https://Tools.example.com/"
		o.AllowedHosts = []string{"alias.example.com", "port.example.com:8443"}
		o.AllowedOrigins = []string{"https://app.example.com"}
	})
	for host, want := range map[string]int{
		"tools.example.com": 200, "TOOLS.example.com": 200, "alias.example.com": 200, "alias.example.com:99": 200,
		"port.example.com:8443": 200, "port.example.com:8444": 403, "port.example.com": 403,
		"localhost": 200, "localhost:1": 200, "127.0.0.1:5": 200, "127.0.0.2": 200, "[::1]:7": 200, "10.0.0.1": 403,
	} {
		if r := b.do(ask{host: host}); r.status != want {
			t.Errorf("Host %s: %d, want %d", host, r.status, want)
		}
	}
	for origin, want := range map[string]int{
		"https://app.example.com": 200, "https://tools.example.com": 200, "http://tools.example.com": 403,
		"http://app.example.com": 403, "https://app.example.com:8443": 403, "https://app.example.com.evil.net": 403,
		"http://localhost:6274": 200, "http://127.0.0.1:1": 200, "http://[::1]:1": 200, "https://localhost": 200,
	} {
		if r := b.do(ask{header: h("Origin", origin)}); r.status != want {
			t.Errorf("Origin %s: %d, want %d", origin, r.status, want)
		}
	}
}

// A server on an address that others can reach does not trust loopback names.
func TestNotLoopback(t *testing.T) {
	b := newBed(t)
	handler, err := NewHTTP(b.options(func(o *Options) { o.PublicURL = "https://tools.example.com" }))
	if err != nil {
		t.Fatal(err)
	}
	do := func(at net.Addr, a ask) int {
		ctx := t.Context()
		if at != nil {
			ctx = context.WithValue(ctx, http.LocalAddrContextKey, at)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, a.request(ctx, t, "http://x"))
		return w.Code
	}
	for _, at := range []net.Addr{nil, &net.UnixAddr{Name: "/run/x.sock", Net: "unix"}, &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 443}, &net.TCPAddr{IP: net.ParseIP("fd00::1"), Port: 443}} {
		for host, want := range map[string]int{"tools.example.com": 200, "localhost": 403, "127.0.0.1": 403, "[::1]:443": 403, "10.1.2.4": 403, "fd00::1": 403} {
			if got := do(at, ask{host: host}); got != want {
				t.Errorf("at %v, Host %s: %d, want %d", at, host, got, want)
			}
		}
		for _, origin := range []string{"http://localhost", "http://127.0.0.1:8080", "http://10.1.2.3"} {
			if got := do(at, ask{host: "tools.example.com", header: h("Origin", origin)}); got != 403 {
				t.Errorf("at %v, Origin %s: %d", at, origin, got)
			}
		}
	}
	// Its own address can be nobody else's name.
	if got := do(&net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 443}, ask{host: "10.1.2.3:8443"}); got != 200 {
		t.Errorf("its own address: %d", got)
	}
}
