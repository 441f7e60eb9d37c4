package transport

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/tools/trace"
)

// traceShelf keeps the traces that it is sent.
type traceShelf struct {
	mu     sync.Mutex
	traces []*trace.Trace
}

func (s *traceShelf) Export(_ context.Context, traces []*trace.Trace) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traces = append(s.traces, traces...)
	return nil
}

// recorder is a tracer; end stops it and returns what it has recorded.
func recorder(t *testing.T) (tracer *trace.Tracer, end func() []*trace.Trace) {
	shelf := &traceShelf{}
	tracer = trace.New(trace.Options{Exporter: shelf})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- tracer.Run(ctx) }()
	return tracer, sync.OnceValue(func() []*trace.Trace {
		cancel()
		<-done
		return shelf.traces
	})
}

func said(s trace.Span) string {
	var all []string
	for _, a := range s.Attributes {
		if !a.IsNumber {
			all = append(all, a.Key+"="+a.Text)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

const (
	ofMessage = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ofHeader  = "00-5bf92f3577b34da6a3ce929d0e0e4736-11f067aa0ba902b7-01"
)

func TestACallIsTraced(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		tracer, end := recorder(t)
		b := newBed(t, func(o *Options) { o.Tracer = tracer })
		b.do(ask{version: version, params: `"name":"echo"`, header: http.Header{"Traceparent": {ofHeader}, "Tracestate": {"rojo=1", "congo=2"}}})
		b.do(ask{version: version, params: `"name":"echo"`, header: http.Header{"Traceparent": {ofHeader}}, meta: `"traceparent":"` + ofMessage + `","tracestate":"a=b"`})
		b.do(ask{version: version, params: `"name":"broken"`, id: `"an id may be anything"`})
		b.do(ask{version: version, params: `"name":"no_such_tool"`})
		b.do(ask{version: version, params: `"name":"crash"`})
		b.do(ask{version: version, params: `"name":"add"`}) // alice may only read
		b.do(ask{version: version, call: "tools/list"})
		b.do(ask{version: version, params: `"name":"echo"`, token: "-"}) // nobody
		calls := b.gateway.seen()
		got := end()
		if len(got) != 6 {
			t.Fatalf("%d traces", len(got))
		}
		for i, want := range []struct{ parent, link, state, failure, status string }{
			{ofHeader, "", "rojo=1,congo=2", "", ""},
			{ofMessage, ofHeader, "a=b", "", ""},
			{"", "", "", "tool_error", ""},
			{"", "", "", "-32602", "-32602"},
			{"", "", "", "-32603", "-32603"},
			{"", "", "", "-32600", "-32600"},
		} {
			tr := got[i]
			parent, _ := trace.Parse(want.parent, "")
			link, _ := trace.Parse(want.link, "")
			root := tr.Spans[0]
			if root.Parent != parent.Span || want.parent != "" && tr.TraceID() != parent.TraceID() || tr.Link != link || tr.State != want.state {
				t.Errorf("call %d: %+v", i, tr)
			}
			if root.Failure != want.failure || root.Kind != trace.Server || root.Name != "tools/call" {
				t.Errorf("call %d: %+v", i, root)
			}
			text := said(root)
			if !strings.Contains(text, "mcp.method.name=tools/call") || !strings.Contains(text, "network.protocol.name=http network.protocol.version=1.1 network.transport=tcp") ||
				version != "" && !strings.Contains(text, "mcp.protocol.version="+version+" ") || strings.Contains(text, "jsonrpc.request.id=1") != (i != 2) ||
				want.status != "" && !strings.Contains(text, "rpc.response.status_code="+want.status) || strings.Contains(text, "may be anything") {
				t.Errorf("call %d says %s", i, text)
			}
			if s := tr.Spans[1]; s.Name != "auth" || s.Parent != root.ID || s.End.Before(s.Start) {
				t.Errorf("call %d: %+v", i, s)
			}
			if i < len(calls) && calls[i].CorrelationID != tr.TraceID() {
				t.Errorf("call %d is recorded under %s, its trace is %s", i, calls[i].CorrelationID, tr.TraceID())
			}
		}
	})
}

func TestACallOnStdioIsTraced(t *testing.T) {
	tracer, end := recorder(t)
	p := newPipe(t, func(s *stdio) { s.Tracer = tracer })
	p.send(callLine("1", `"name":"echo","_meta":{"traceparent":"`+ofMessage+`"}`))
	p.next()
	got := end()
	if len(got) != 1 {
		t.Fatalf("%d traces", len(got))
	}
	parent, _ := trace.Parse(ofMessage, "")
	if got[0].Spans[0].Parent != parent.Span || !strings.Contains(said(got[0].Spans[0]), "network.transport=pipe") {
		t.Errorf("%+v", got[0])
	}
}

func TestEachCallOfAnArrayHasATraceOfItsOwn(t *testing.T) {
	tracer, end := recorder(t)
	b := newBed(t, func(o *Options) { o.Tracer = tracer })
	one := `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo"}}`
	b.do(ask{version: "2025-03-26", body: "[" + fmt.Sprintf(one, 1) + "," + fmt.Sprintf(one, 2) + "]"})
	if got := end(); len(got) != 2 || got[0].TraceID() == got[1].TraceID() {
		t.Errorf("%d traces", len(got))
	}
}

// Without a tracer nothing is recorded, and what a client sends goes on.
func TestWithoutATracer(t *testing.T) {
	b := newBed(t)
	b.do(ask{params: `"name":"echo"`})
	b.do(ask{params: `"name":"echo"`, header: http.Header{"Traceparent": {ofHeader}}})
	b.do(ask{params: `"name":"echo"`, header: http.Header{"Traceparent": {ofHeader, ofMessage}}}) // which of them?
	calls := b.gateway.seen()
	if calls[0].Trace != nil || len(calls[0].CorrelationID) != 32 {
		t.Errorf("%+v", calls[0])
	}
	if tr := calls[1].Trace; tr.Recorded() || tr.Parent() != ofHeader || calls[1].CorrelationID != tr.TraceID() {
		t.Errorf("%+v", calls[1])
	}
	if calls[2].Trace != nil {
		t.Errorf("%+v", calls[2])
	}
	if now := (&core{}).now(); now != (time.Time{}) {
		t.Errorf("the clock is asked: %v", now)
	}
}

func TestStreamsAreCounted(t *testing.T) {
	var mu sync.Mutex
	var changes []int
	w := newStream(&discard{header: http.Header{}}, &http.Request{Header: http.Header{"Accept": {"text/event-stream"}}},
		&message{progress: []byte("1")}, func(n int) {
			mu.Lock()
			defer mu.Unlock()
			changes = append(changes, n)
		})
	report := w.progress()
	report(1, 2, "")
	report(2, 2, "")
	w.end(answer{body: []byte("{}")})
	if fmt.Sprint(changes) != "[1 -1]" {
		t.Errorf("changes %v", changes)
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Flush()                      {}
