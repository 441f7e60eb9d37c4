package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/schemas"
	"toolvault/schemas/near"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/vault/store"
)

// versions are all that a client may name; "" is none.
var versions = []string{"", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"}

const modernVersion = "2026-07-28"

var notes = scope.NewCatalog("notes",
	scope.Def{Name: "read"}, scope.Def{Name: "write", Write: true, Implies: []string{"read"}}, scope.Def{Name: "secret"})

// gateway is a working double: it has tools, grants and a memory.
type gateway struct {
	tools map[string]doubleTool

	mu    sync.Mutex
	calls []tools.Call
	by    []auth.Identity
}

type doubleTool struct {
	schema schemas.Tool
	hidden bool // no policy lets anybody see it
	run    func(ctx context.Context, id auth.Identity, c tools.Call) tools.Result
}

func (g *gateway) need(t doubleTool) scope.Need {
	return scope.Need{Service: "notes", Name: t.schema.Scope, Write: t.schema.Write()}
}

func (g *gateway) List(id auth.Identity) []schemas.Tool {
	var list []schemas.Tool
	for _, name := range slices.Sorted(maps.Keys(g.tools)) {
		if t := g.tools[name]; !t.hidden && id.Grants.Allows(g.need(t)) {
			list = append(list, t.schema)
		}
	}
	return list
}

func (g *gateway) Knows(id auth.Identity, name string) (string, bool) {
	var names []string
	for _, t := range g.List(id) {
		if t.Name == name {
			return "", true
		}
		names = append(names, t.Name)
	}
	return near.Match(name, names), false
}

func (g *gateway) Direct(_ auth.Identity, c tools.Call) tools.Call {
	var inner struct {
		Name      string
		Arguments json.RawMessage
	}
	if c.Tool == "call_tool" && json.Unmarshal(c.Arguments, &inner) == nil {
		c.Tool, c.Arguments, c.Through = inner.Name, inner.Arguments, c.Tool
	}
	return c
}

func (g *gateway) Missing(id auth.Identity, c tools.Call) (string, bool) {
	t, ok := g.tools[c.Tool]
	if !ok || t.hidden || id.Grants.Allows(g.need(t)) {
		return "", false
	}
	return g.need(t).String(), true
}

func (g *gateway) Call(ctx context.Context, id auth.Identity, c tools.Call) tools.Result {
	g.mu.Lock()
	g.calls, g.by = append(g.calls, c), append(g.by, id)
	callID := fmt.Sprintf("call-%d", len(g.calls))
	g.mu.Unlock()
	t, ok := g.tools[c.Tool]
	if !ok || t.hidden || !id.Grants.Allows(g.need(t)) {
		kind := fault.NotFound
		if ok {
			kind = fault.NotPermitted
		}
		return tools.Result{CallID: callID, Failure: fault.New(kind, "No.")}
	}
	r := t.run(ctx, id, c)
	r.CallID = callID
	return r
}

func (g *gateway) seen() []tools.Call {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.calls)
}

func schema(t testing.TB, name, scope string, readOnly bool) schemas.Tool {
	t.Helper()
	s, err := schemas.Parse(fmt.Appendf(nil, `{"name":%q,"title":"Title of %s","service":"notes","scope":%q,
		"description":"The %s tool.","annotations":{"readOnly":%t,"destructive":false,"idempotent":%t},
		"input":{"type":"object","properties":{"text":{"type":"string"}}},"output":{"type":"object"}}`, name, name, scope, name, readOnly, readOnly))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newGateway has: echo, which answers with what it was called with; wait, which
// ends with its context or when its text is released; crash; broken; add, which
// writes; and classified, which nobody may see.
func newGateway(t testing.TB) *gateway {
	echo := func(_ context.Context, id auth.Identity, c tools.Call) tools.Result {
		b, _ := json.Marshal(map[string]any{"agent": id.Agent, "tool_call_id": c.ToolCallID, "arguments": c.Arguments})
		return tools.Result{Structured: b, Text: "echo for " + id.Agent}
	}
	return &gateway{tools: map[string]doubleTool{
		"echo": {schema: schema(t, "echo", "read", true), run: echo},
		"add":  {schema: schema(t, "add", "write", false), run: echo},
		"wait": {schema: schema(t, "wait", "read", true), run: func(ctx context.Context, _ auth.Identity, _ tools.Call) tools.Result {
			<-ctx.Done()
			return tools.Result{Failure: fault.From(ctx.Err())}
		}},
		"crash": {schema: schema(t, "crash", "read", true), run: func(context.Context, auth.Identity, tools.Call) tools.Result {
			panic("xoxb-secret-in-a-panic")
		}},
		"broken": {schema: schema(t, "broken", "read", true), run: func(context.Context, auth.Identity, tools.Call) tools.Result {
			f := fault.New(fault.RateLimited, "Notes is busy.")
			f.RetryAfter, f.Status, f.Code, f.Needed = 1500*time.Millisecond, 429, "ratelimited", []string{"notes:read"}
			return tools.Result{Failure: f}
		}},
		"classified": {schema: schema(t, "classified", "read", true), hidden: true, run: echo},
		"secretive":  {schema: schema(t, "secretive", "secret", true), run: echo},
	}}
}

// people authenticate by the tokens of the test.
type people map[string]auth.Identity

func (p people) Authenticate(_ context.Context, presented auth.Presented) (auth.Identity, error) {
	token := presented.Token
	if token == "store-is-down" {
		return auth.Identity{}, fmt.Errorf("agents: %w", store.ErrUnavailable)
	}
	id, ok := p[token]
	if !ok {
		return auth.Identity{}, errors.New("no such token")
	}
	return id, nil
}

func identity(t testing.TB, agent, grants string) auth.Identity {
	t.Helper()
	g, err := scope.Catalogs{"notes": notes}.ParseGrants(grants)
	if err != nil {
		t.Fatal(err)
	}
	return auth.Identity{Agent: agent, Grants: g, TokenID: "jti-" + agent}
}

// bed is a server under test.
type bed struct {
	t       testing.TB
	url     string
	gateway *gateway
	logs    *logBuffer

	mu      sync.Mutex
	refused []string
	denied  []string
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newBed(t testing.TB, change ...func(*Options)) *bed {
	t.Helper()
	b := &bed{t: t, gateway: newGateway(t), logs: &logBuffer{}}
	h, err := NewHTTP(b.options(change...))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	b.url = srv.URL
	return b
}

// token of alice, who may read, and of bob, who may read and write.
const (
	alice = "token-of-alice"
	bob   = "token-of-bob"
)

// ask is one HTTP request.
type ask struct {
	method  string // POST
	path    string // /mcp
	host    string
	token   string // alice's; "-": none
	version string
	header  http.Header
	id      string // 1
	call    string // tools/call
	params  string // of call, without _meta: `"name":"echo"`
	meta    string // more of _meta
	body    string // instead of all that
	chunked bool   // without a Content-Length
}

type reply struct {
	status int
	header http.Header
	body   []byte

	ID     json.RawMessage `json:"id"`
	Result struct {
		Type       string                       `json:"resultType"`
		Content    []map[string]json.RawMessage `json:"content"`
		Structured json.RawMessage              `json:"structuredContent"`
		IsError    bool                         `json:"isError"`
		Meta       map[string]json.RawMessage   `json:"_meta"`
		Tools      []map[string]json.RawMessage `json:"tools"`
		CacheScope string                       `json:"cacheScope"`
	} `json:"result"`
	Error *struct {
		Code    int                        `json:"code"`
		Message string                     `json:"message"`
		Data    map[string]json.RawMessage `json:"data"`
	} `json:"error"`
}

// text is the text of the first content block.
func (r *reply) text() string {
	var text string
	if len(r.Result.Content) > 0 {
		_ = json.Unmarshal(r.Result.Content[0]["text"], &text)
	}
	return text
}

func (a ask) orDefaults() ask {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&a.method, "POST")
	set(&a.path, "/mcp")
	set(&a.token, alice)
	set(&a.id, "1")
	set(&a.call, "tools/call")
	if a.call == "tools/call" {
		set(&a.params, `"name":"echo","arguments":{"text":"hi"}`)
	}
	return a
}

// message is the body, right for the version.
func (a ask) message() string {
	if a.body != "" {
		return a.body
	}
	meta := a.meta
	if a.version == modernVersion {
		meta = strings.TrimSuffix(`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},`+meta, ",")
	}
	params := a.params
	if meta != "" {
		params = strings.TrimPrefix(params+`,"_meta":{`+meta+`}`, ",")
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":{%s}}`, a.id, a.call, params)
}

func (a ask) request(ctx context.Context, t testing.TB, base string) *http.Request {
	t.Helper()
	a = a.orDefaults()
	body := a.message()
	if a.method == "GET" || a.method == "DELETE" {
		body = ""
	}
	r, err := http.NewRequestWithContext(ctx, a.method, base+a.path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
	}
	if a.token != "-" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	if a.version != "" {
		r.Header.Set("MCP-Protocol-Version", a.version)
	}
	if a.version == modernVersion {
		r.Header.Set("Mcp-Method", a.call)
		var p struct{ Params struct{ Name string } }
		_ = json.Unmarshal([]byte(body), &p)
		if p.Params.Name != "" {
			r.Header.Set("Mcp-Name", p.Params.Name)
		}
	}
	for k, v := range a.header {
		if v == nil {
			r.Header.Del(k)
		} else {
			r.Header[http.CanonicalHeaderKey(k)] = v
		}
	}
	if a.chunked {
		r.ContentLength = -1
	}
	if a.host != "" {
		r.Host = a.host
	}
	return r
}

func (b *bed) do(a ask) *reply {
	b.t.Helper()
	r, err := b.try(context.Background(), a)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bed) try(ctx context.Context, a ask) (*reply, error) {
	b.t.Helper()
	resp, err := http.DefaultClient.Do(a.request(ctx, b.t, b.url))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	r := &reply{status: resp.StatusCode, header: resp.Header}
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	_ = json.Unmarshal(r.body, r)
	return r, nil
}

// until polls a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// each runs a test under every protocol version.
func each(t *testing.T, test func(t *testing.T, version string)) {
	for _, v := range versions {
		t.Run("version="+v, func(t *testing.T) { test(t, v) })
	}
}

// serve puts another handler in the place of the bed's own.
func (b *bed) serve(h http.Handler) {
	srv := httptest.NewServer(h)
	b.t.Cleanup(srv.Close)
	b.url = srv.URL
}

// panicking is a gateway whose list panics.
type panicking struct{ *gateway }

func (panicking) List(auth.Identity) []schemas.Tool { panic("xoxb-secret-in-a-panic") }
