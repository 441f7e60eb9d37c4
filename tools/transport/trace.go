package transport

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"toolvault/tools/trace"
)

// toolFailure is the error.type of a call whose result is one that says isError
// ("Semantic conventions for MCP", note 1).
const toolFailure = "tool_error"

// arrival is how a message came in.
type arrival struct {
	transport string    // "http" or "stdio"
	began     time.Time // zero where nothing is recorded
	known     time.Time // when it was settled who sent it; zero where that was before
	version   string    // of the protocol, as something other than the message says
	http      *http.Request
}

// now is the time, where anything is recorded.
func (c *core) now() time.Time {
	if c.Tracer == nil {
		return time.Time{}
	}
	return time.Now()
}

// arrived notes a request.
func (h *handler) arrived(r *http.Request) arrival {
	return arrival{transport: "http", began: h.now(), http: r}
}

// known notes that it was settled who sent it.
func (c *core) known(from arrival) arrival {
	from.known = c.now()
	return from
}

// read notes a message on stdio.
func (s *stdio) read() arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return arrival{transport: "stdio", began: s.now(), version: s.version}
}

// trace begins the trace of a call; nil where there is nothing to record and
// nothing to tell services.
//
// Of the client's own names for things a span has none that the client is free
// to choose, but for the number of its request: a session id, a client's name or a
// text as id may hold anything.
func (c *core) trace(m *message, from arrival) *trace.Trace {
	var message, carrier trace.Context
	if m.traceparent != "" {
		message, _ = trace.Parse(m.traceparent, m.tracestate)
	}
	if r := from.http; r != nil {
		if parent := r.Header["Traceparent"]; len(parent) == 1 {
			carrier, _ = trace.Parse(parent[0], strings.Join(r.Header["Tracestate"], ","))
		}
	}
	t := c.Tracer.Begin(message, carrier, from.began)
	if !t.Recorded() {
		return t
	}
	t.Name("tools/call")
	t.Set(
		trace.Text("mcp.method.name", "tools/call"),
		trace.Text("mcp.protocol.version", protocolVersion(m, from)),
	)
	if len(m.id) > 0 && m.id[0] != '"' {
		t.Set(trace.Text("jsonrpc.request.id", string(m.id)))
	}
	if from.http == nil {
		t.Set(trace.Text("network.transport", "pipe"))
		return t
	}
	t.Set(
		trace.Text("network.transport", "tcp"),
		trace.Text("network.protocol.name", "http"),
		trace.Text("network.protocol.version", httpVersion(from.http)),
	)
	t.Step("auth", from.began, from.known)
	return t
}

// protocolVersion is the version of MCP that the message is of, if it is one that
// we speak; else empty.
func protocolVersion(m *message, from arrival) string {
	version := m.version
	if version == "" {
		version = from.version
	}
	if version == "" && from.http != nil {
		version = from.http.Header.Get(mcp.HeaderProtocolVersion)
	}
	if !mcp.IsValidProtocolVersion(version) {
		return ""
	}
	return version
}

func httpVersion(r *http.Request) string {
	if r.ProtoMajor >= 2 {
		return strconv.Itoa(r.ProtoMajor)
	}
	return strconv.Itoa(r.ProtoMajor) + "." + strconv.Itoa(r.ProtoMinor)
}

// rpcFailure notes that a call was answered with an error of JSON-RPC, and returns
// its error.type.
func rpcFailure(t *trace.Trace, code int) string {
	if !t.Recorded() {
		return ""
	}
	text := strconv.Itoa(code)
	t.Set(trace.Text("rpc.response.status_code", text))
	return text
}
