package transport

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolvault/auth"
	"toolvault/tools"
)

func TestResults(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		r := b.do(ask{version: version, id: `"a\u0062"`, meta: `"claudecode/toolUseId":"toolu_1"`})
		if r.status != 200 || string(r.ID) != `"a\u0062"` || r.Result.IsError || r.text() != "echo for alice" {
			t.Errorf("%d %s", r.status, r.body)
		}
		if string(r.Result.Structured) != `{"agent":"alice","arguments":{"text":"hi"},"tool_call_id":"toolu_1"}` {
			t.Errorf("structured %s", r.Result.Structured)
		}
		if string(r.Result.Meta["call_id"]) != `"call-1"` {
			t.Errorf("meta %s", r.Result.Meta)
		}
		complete, self := "", ""
		if version == modernVersion {
			complete, self = "complete", `{"name":"toolvault","version":"1.2.3"}`
		}
		if r.Result.Type != complete || string(r.Result.Meta["io.modelcontextprotocol/serverInfo"]) != self {
			t.Errorf("%s", r.body)
		}
	})
}

func TestFailures(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		r := b.do(ask{version: version, params: `"name":"broken"`})
		if r.status != 200 || !r.Result.IsError || r.Result.Structured != nil || string(r.Result.Meta["call_id"]) != `"call-1"` {
			t.Errorf("%d %s", r.status, r.body)
		}
		if want := "Notes is busy.\n(rate_limited; may be tried again in 2 s; needs the scope notes:read)"; r.text() != want {
			t.Errorf("text %q", r.text())
		}
		if want := `{"kind":"rate_limited","retryable":true,"retry_after_s":2,"needed_scopes":["notes:read"],"upstream_status":429,"upstream_code":"ratelimited"}`; string(r.Result.Meta["toolvault/error"]) != want {
			t.Errorf("error %s", r.Result.Meta["toolvault/error"])
		}
	})
}

// A panic ends one call, and nobody reads its value.
func TestPanics(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		r := b.do(ask{version: version, params: `"name":"crash"`})
		if r.Error == nil || r.Error.Code != -32603 || string(r.ID) != "1" {
			t.Errorf("%d %s", r.status, r.body)
		}
		if strings.Contains(string(r.body)+b.logs.String(), "xoxb") {
			t.Error("the value of the panic is shown")
		}
		if !strings.Contains(b.logs.String(), "panicked") {
			t.Error("nothing is logged")
		}
		if r := b.do(ask{version: version}); r.status != 200 {
			t.Errorf("afterwards: %d", r.status)
		}
	})
}

// A panic outside a call, in what answers the lists, is caught as well.
func TestPanicInList(t *testing.T) {
	b := newBed(t)
	b.gateway.tools = nil
	h, err := NewHTTP(b.options(func(o *Options) { o.Gateway = panicking{b.gateway} }))
	if err != nil {
		t.Fatal(err)
	}
	b.serve(h)
	r := b.do(ask{call: "tools/list"})
	if r.Error == nil || r.Error.Code != -32603 || strings.Contains(string(r.body)+b.logs.String(), "xoxb") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestContent(t *testing.T) {
	b := newBed(t)
	b.gateway.tools["all"] = doubleTool{schema: schema(t, "all", "read", true), run: func(context.Context, auth.Identity, tools.Call) tools.Result {
		return tools.Result{
			Structured: json.RawMessage("{\n  \"a\": \"<&>\u2028\"\n}"), Text: "line\n\"quoted\" <b> \u2028 é",
			Content: []tools.Content{
				{Type: "image", Data: []byte{0, 1}, MIME: "image/png"},
				{Type: "audio", Data: []byte{2}, MIME: "audio/wav"},
				{Type: "resource", URI: "notes://1", MIME: "text/plain", Text: "note"},
				{Type: "resource", URI: "notes://2", MIME: "image/png", Data: []byte{3}},
				{Type: "text", Text: "more"},
			},
		}
	}}
	r := b.do(ask{params: `"name":"all"`})
	if !json.Valid(r.body) || strings.ContainsAny(string(r.body), "\n\r") {
		t.Fatalf("not one line of JSON: %s", r.body)
	}
	if r.text() != "line\n\"quoted\" <b> \u2028 é" {
		t.Errorf("text %q", r.text())
	}
	blocks, _ := json.Marshal(r.Result.Content[1:])
	want := `[{"data":"AAE=","mimeType":"image/png","type":"image"},{"data":"Ag==","mimeType":"audio/wav","type":"audio"},` +
		`{"resource":{"uri":"notes://1","mimeType":"text/plain","text":"note"},"type":"resource"},` +
		`{"resource":{"uri":"notes://2","mimeType":"image/png","blob":"Aw=="},"type":"resource"},{"text":"more","type":"text"}]`
	if string(blocks) != want {
		t.Errorf("content %s\nwant %s", blocks, want)
	}

	b.gateway.tools["bare"] = doubleTool{schema: schema(t, "bare", "read", true), run: func(context.Context, auth.Identity, tools.Call) tools.Result {
		return tools.Result{Structured: json.RawMessage(`{"a":1}`)}
	}}
	if r := b.do(ask{params: `"name":"bare"`}); r.text() != `{"a":1}` {
		t.Errorf("without a text: %s", r.body)
	}
}

// Which names a call is recorded under.
func TestWhoCalls(t *testing.T) {
	const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	traceparent := "00-" + trace + "-" + parent + "-01"
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		last := func(a ask) tools.Call {
			t.Helper()
			a.version = version
			if r := b.do(a); r.status != 200 {
				t.Fatalf("%d %s", r.status, r.body)
			}
			calls := b.gateway.seen()
			return calls[len(calls)-1]
		}
		for meta, want := range map[string]string{
			``:                         "1",
			`"claudecode/toolUseId":5`: "5",
			`"openai/toolCallId":"o","tool_call_id":"t","claudecode/toolUseId":"c"`: "t",
			`"openai/tool_call_id":""`:          "1",
			`"tool_call_id":{"x":1}`:            "1",
			`"tool_call_id":"a\u0000\nb\u202e"`: "ab",
		} {
			if c := last(ask{meta: meta}); c.ToolCallID != want {
				t.Errorf("_meta {%s}: tool call id %q, want %q", meta, c.ToolCallID, want)
			}
		}
		if c := last(ask{id: `"x"`}); c.ToolCallID != "x" || c.Transport != "http" {
			t.Errorf("call %+v", c)
		}
		if c := last(ask{meta: `"traceparent":"` + traceparent + `"`, header: h("Traceparent", strings.Replace(traceparent, "4b", "5b", 1))}); c.CorrelationID != trace {
			t.Errorf("from _meta: %q", c.CorrelationID)
		}
		if c := last(ask{header: h("Traceparent", traceparent)}); c.CorrelationID != trace {
			t.Errorf("from the header: %q", c.CorrelationID)
		}
		one, two := last(ask{header: h("Traceparent", "00-"+strings.Repeat("0", 32)+"-"+parent+"-01")}), last(ask{meta: `"traceparent":"'; drop"`})
		if one.CorrelationID == two.CorrelationID || len(one.CorrelationID) != 32 || len(two.CorrelationID) != 32 {
			t.Errorf("made up: %q, %q", one.CorrelationID, two.CorrelationID)
		}
		if c := last(ask{header: h("User-Agent", "acme-agent/2.1 (linux)")}); c.Client != (tools.ClientInfo{Name: "acme-agent", Version: "2.1"}) {
			t.Errorf("from the User-Agent: %+v", c.Client)
		}
		if c := last(ask{meta: `"io.modelcontextprotocol/clientInfo":{"name":"modern","version":"3"}`, header: h("User-Agent", "acme/1")}); c.Client != (tools.ClientInfo{Name: "modern", Version: "3"}) {
			t.Errorf("from _meta: %+v", c.Client)
		}
	})
}

// What a client says when it initializes is known in later calls, on any replica.
func TestClientOfInitialize(t *testing.T) {
	for _, version := range versions[:len(versions)-1] {
		one, two := newBed(t), newBed(t)
		r := one.do(ask{version: version, call: "initialize", params: `"protocolVersion":"` + version + `","capabilities":{},"clientInfo":{"name":"Désk top","version":"9"}`})
		session := r.header.Get("Mcp-Session-Id")
		if r.status != 200 || session == "" {
			t.Fatalf("%d %v %s", r.status, r.header, r.body)
		}
		for _, c := range session {
			if c < 0x21 || c > 0x7e {
				t.Errorf("session id %q", session)
			}
		}
		if r := two.do(ask{version: version, header: h("Mcp-Session-Id", session)}); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		if c := two.gateway.seen()[0].Client; c.Name != "Désk top" || c.Version != "9" {
			t.Errorf("client %+v", c)
		}
		for _, forged := range []string{"x", "c1.", "c1.!!.x", "c1." + strings.Repeat("a", 5000)} {
			if r := two.do(ask{version: version, header: h("Mcp-Session-Id", forged)}); r.status != 200 {
				t.Errorf("session id %.20q: %d", forged, r.status)
			}
		}
	}
}

func TestStateless(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		for _, method := range []string{"GET", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"} {
			r := b.do(ask{method: method, version: version})
			if r.status != 405 || r.header.Get("Allow") != "POST" {
				t.Errorf("%s: %d, Allow %q", method, r.status, r.header.Get("Allow"))
			}
			if r := b.do(ask{method: method, version: version, token: "-"}); r.status != 401 {
				t.Errorf("%s without a token: %d", method, r.status)
			}
		}
	})
}

// The schema files have no x-mcp-header: calls are answered without looking for
// the headers that it would demand ("Streamable HTTP", section "Custom Headers
// from Tool Parameters").
func TestNoSchemaAsksForHeaders(t *testing.T) {
	err := filepath.WalkDir("../../schemas", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".json" {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), "x-mcp-header") {
			t.Errorf("%s has an x-mcp-header, which package transport does not check", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
