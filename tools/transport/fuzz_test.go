package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolvault/auth"
	"toolvault/schemas"
	"toolvault/tools"
)

var seeds = []string{
	`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":[1,-2.5e+3,"x\n\u00e9",true,null]},"_meta":{"tool_call_id":"t"}}}`,
	`{"jsonrpc":"2.0","id":"a\"b","method":"tools/list"}`,
	`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`,
	`{"jsonrpc":"2.0","id":1,"result":{}}`,
	`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`,
	`{"jsonrpc":"2.0","id":1,"method":"tools/call","Method":"tools/list","params":{"name":"echo","Name":"add"}}`,
	`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`,
	`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`,
	`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","requestState":"AQ","inputResponses":{"consent":{"action":"accept"}},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{"url":{}}}}}}`,
	`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{"url":{}}}}}`,
	"{\"\xff\":1}", `{"a":1,"a":2}`, `[[[[`, `"\ud800"`, `-`, `01`, `1e`, `{}`, "\ufeff{}",
}

// What parse takes is JSON, and a parser blind to case and to order reads the
// same in it.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	keys := DefaultToolCallIDKeys()
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parse(data, keys)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("taken, but not JSON: %q", data)
		}
		var other struct {
			ID     json.RawMessage
			Method string
			Params struct {
				Name      string
				Arguments json.RawMessage
				RequestID json.RawMessage

				RequestState   any
				InputResponses map[string]any
				Meta           map[string]any `json:"_meta"`
			}
		}
		if err := json.Unmarshal(data, &other); err != nil {
			if m.method == "tools/call" {
				t.Fatalf("taken, but unreadable to another: %v: %q", err, data)
			}
			return
		}
		version, _ := other.Params.Meta[metaProtocolVersion].(string)
		if m.method != other.Method || !bytes.Equal(m.id, other.ID) || version != m.version {
			t.Fatalf("read as %q %q %q, by another as %q %q %q", m.method, m.id, m.version, other.Method, other.ID, version)
		}
		if m.method == "tools/call" && (m.name != other.Params.Name || !bytes.Equal(m.arguments, bytes.TrimPrefix(other.Params.Arguments, null))) {
			t.Fatalf("a call of %q %q, by another of %q %q", m.name, m.arguments, other.Params.Name, other.Params.Arguments)
		}
		if state, ok := other.Params.RequestState.(string); ok && len(state) <= 4<<10 && m.state != state || other.Params.RequestState == nil && m.state != "" {
			t.Fatalf("the state %q, by another %q", m.state, other.Params.RequestState)
		}
		if reply, _ := other.Params.InputResponses["consent"].(map[string]any); m.reply != "" && reply["action"] != m.reply {
			t.Fatalf("the reply %q, by another %q", m.reply, reply)
		}
	})
}

// The scanner never takes what encoding/json refuses, and refuses nothing that it
// takes but for the rules of its own.
func FuzzScanner(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &scanner{data: data}
		err := checkText(data)
		if err == nil {
			err = s.value(1)
		}
		if err == nil {
			err = s.end()
		}
		if valid := json.Valid(data); err == nil && !valid {
			t.Fatalf("taken, but not JSON: %q", data)
		} else if err != nil && valid && strings.Contains(err.Error(), "no valid JSON") {
			t.Fatalf("refused, but JSON: %v: %q", err, data)
		}
	})
}

// guarded is a gateway that must not be reached by whoever lacks the scope.
type guarded struct{ t *testing.T }

func (guarded) List(auth.Identity) []schemas.Tool               { return nil }
func (guarded) Knows(auth.Identity, string) (string, bool)      { return "", true }
func (guarded) Direct(_ auth.Identity, c tools.Call) tools.Call { return c }
func (guarded) Missing(_ auth.Identity, c tools.Call) (string, bool) {
	return "notes:write", c.Tool != "echo"
}
func (g guarded) Call(_ context.Context, _ auth.Identity, c tools.Call) tools.Result {
	if c.Tool != "echo" {
		g.t.Errorf("%q was called without its scope", c.Tool)
	}
	return tools.Result{CallID: "c", Structured: json.RawMessage(`{}`)}
}

// Whatever is posted, under whatever version: one answer in JSON (or none for a
// notification), no panic, and no call past the check of its scope.
func FuzzPost(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), versions[i%len(versions)], "tools/call", "echo")
	}
	f.Fuzz(func(t *testing.T, body []byte, version, method, name string) {
		handler, err := NewHTTP(Options{Gateway: guarded{t}, Auth: people{alice: auth.Identity{}}, PublicURL: "http://x", Name: "x"})
		if err != nil {
			t.Fatal(err)
		}
		// A request that would open a stream ends at once.
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if bytes.Contains(body, []byte("listen")) || bytes.Contains(body, []byte(`\u`)) {
			cancel()
		}
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://x/mcp", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+alice)
		r.Header["Mcp-Protocol-Version"] = []string{version}
		r.Header["Mcp-Method"] = []string{method}
		r.Header["Mcp-Name"] = []string{name}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if w.Header().Get("Content-Type") == "application/json" && !json.Valid(w.Body.Bytes()) && ctx.Err() == nil {
			t.Fatalf("the answer is not JSON: %s", w.Body)
		}
	})
}

func FuzzAppendText(f *testing.F) {
	f.Add("plain")
	f.Add("\x00\u2028<\"\\\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		b := appendText(nil, s)
		if err := json.Unmarshal(b, &back); err != nil || back != string([]rune(s)) {
			t.Fatalf("%q became %s (%v)", s, b, err)
		}
		if bytes.ContainsAny(b, "\n\r") {
			t.Fatalf("a line break in %s", b)
		}
	})
}
