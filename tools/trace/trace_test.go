package trace_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"toolvault/tools/trace"
)

// recording is a trace that is looked at as it is, and sent to nobody.
func recording(t *testing.T) *trace.Trace {
	t.Helper()
	tr := trace.New(trace.Options{}).Begin(trace.Context{}, trace.Context{}, time.Unix(100, 0))
	if !tr.Recorded() {
		t.Fatal("nothing is recorded")
	}
	return tr
}

func at(seconds int64) time.Time { return time.Unix(seconds, 0) }

func TestASpanForEachStepAndRequest(t *testing.T) {
	tr := recording(t)
	tr.Step("auth", at(100), at(101))
	tr.Step("schema", at(101), at(102))
	tr.Open("tool", at(102))
	out := tr.Request(http.MethodGet, at(103))
	sent := http.Header{}
	out.Inject(sent)
	out.End(at(104), "500", trace.Number("http.response.status_code", 500))
	tr.Step("wait", at(104), at(105))
	tr.Close("tool", at(106))
	tr.Fail("upstream_error")
	tr.Name("tools/call shelf_get")
	tr.End(at(107), "tool_error")

	want := []struct {
		name, failure string
		kind          trace.Kind
		parent        int
		from, to      int64
	}{
		{"tools/call shelf_get", "tool_error", trace.Server, -1, 100, 107},
		{"auth", "", trace.Internal, 0, 100, 101},
		{"schema", "", trace.Internal, 0, 101, 102},
		{"tool", "upstream_error", trace.Internal, 0, 102, 106},
		{"GET", "500", trace.Client, 3, 103, 104},
		{"wait", "", trace.Internal, 3, 104, 105},
	}
	if len(tr.Spans) != len(want) {
		t.Fatalf("%d spans", len(tr.Spans))
	}
	ids := map[[8]byte]bool{{}: true}
	for i, w := range want {
		s := tr.Spans[i]
		if s.Name != w.name || s.Failure != w.failure || s.Kind != w.kind || !s.Start.Equal(at(w.from)) || !s.End.Equal(at(w.to)) {
			t.Errorf("span %d is %+v, want %+v", i, s, w)
		}
		if w.parent >= 0 && s.Parent != tr.Spans[w.parent].ID {
			t.Errorf("%s has another parent", s.Name)
		}
		if ids[s.ID] {
			t.Errorf("the id of %s is not its own", s.Name)
		}
		ids[s.ID] = true
	}
	c, ok := trace.Parse(sent.Get("Traceparent"), "")
	if !ok || c.TraceID() != tr.TraceID() || c.Span != tr.Spans[4].ID || !c.Sampled() {
		t.Errorf("the service is told %v", sent)
	}
}

func TestTheClientIsTheParent(t *testing.T) {
	tracer := trace.New(trace.Options{})
	message, _ := trace.Parse(parent, "rojo=1")
	carrier, _ := trace.Parse("00-11111111111111111111111111111111-2222222222222222-01", "")
	for name, c := range map[string]struct {
		message, carrier trace.Context
		parent           trace.Context
		link             trace.Context
	}{
		"of the message":                     {message: message, parent: message},
		"of what carried it":                 {carrier: carrier, parent: carrier},
		"the message goes before the header": {message: message, carrier: carrier, parent: message, link: carrier},
		"the same twice":                     {message: message, carrier: message, parent: message},
	} {
		t.Run(name, func(t *testing.T) {
			tr := tracer.Begin(c.message, c.carrier, at(1))
			if tr.TraceID() != c.parent.TraceID() || tr.Spans[0].Parent != c.parent.Span || tr.Link != c.link || tr.State != c.parent.State {
				t.Errorf("got %+v", tr)
			}
			if tr.Span == c.parent.Span {
				t.Error("services are told the client's span")
			}
		})
	}
}

// Who records nothing passes on what the client sent: W3C Trace Context, section
// 4.1, "unchanged".
func TestWithoutATracerTheContextGoesOn(t *testing.T) {
	var off *trace.Tracer
	if tr := off.Begin(trace.Context{}, trace.Context{}, time.Time{}); tr != nil {
		t.Fatalf("there is a trace: %+v", tr)
	}
	c, _ := trace.Parse(parent, "rojo=1")
	tr := off.Begin(trace.Context{}, c, time.Time{})
	if tr.Recorded() {
		t.Error("it is recorded")
	}
	h := http.Header{}
	tr.Request(http.MethodGet, at(1)).Inject(h)
	if h.Get("Traceparent") != parent || h.Get("Tracestate") != "rojo=1" {
		t.Errorf("the service is told %v", h)
	}
}

// Off is free.
func TestNothingIsAllocatedWhereNothingIsRecorded(t *testing.T) {
	var off *trace.Tracer
	h := http.Header{}
	now := time.Now()
	n := testing.AllocsPerRun(100, func() {
		tr := off.Begin(trace.Context{}, trace.Context{}, now)
		tr.Name("x")
		tr.Step("schema", now, now)
		tr.Open("tool", now)
		out := tr.Request(http.MethodGet, now)
		out.Inject(h)
		if out.Recorded() {
			t.Error("it is recorded")
		}
		out.End(now, "")
		tr.Close("tool", now)
		tr.Fail("internal")
		tr.End(now, "tool_error")
	})
	if n != 0 || len(h) != 0 {
		t.Errorf("%v allocations, headers %v", n, h)
	}
}

func TestATraceIsBounded(t *testing.T) {
	tr := recording(t)
	for range 3 * trace.MaxSpans {
		tr.Request(http.MethodGet, at(1)).End(at(2), "")
		tr.Set(trace.Number("n", 1))
	}
	tr.Open("tool", at(1)) // there is no room for it
	tr.Close("tool", at(2))
	tr.End(at(3), "")
	if len(tr.Spans) != trace.MaxSpans || tr.Dropped != 3*trace.MaxSpans+1-(trace.MaxSpans-1) {
		t.Errorf("%d spans, %d dropped", len(tr.Spans), tr.Dropped)
	}
	if n := len(tr.Spans[0].Attributes); n != trace.MaxAttributes {
		t.Errorf("%d attributes", n)
	}
	for _, text := range []string{strings.Repeat("ä", 10_000), strings.Repeat("x", 10_000), "\xff\xfe" + strings.Repeat("\xff", 1000)} {
		if a := trace.Text("k", text); len(a.Text) > 3*trace.MaxText || !utf8.ValidString(a.Text) {
			t.Errorf("an attribute of %d bytes", len(a.Text))
		}
	}
}

// A panic in a handler passes by the end of its requests.
func TestEverySpanEnds(t *testing.T) {
	tr := recording(t)
	tr.Open("tool", at(101))
	tr.Request(http.MethodGet, at(102))
	tr.End(at(103), "-32603")
	for _, s := range tr.Spans {
		if !s.End.Equal(at(103)) {
			t.Errorf("%s ends at %v", s.Name, s.End)
		}
	}
}
