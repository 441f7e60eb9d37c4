package trace_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"

	"toolvault/tools/trace"
)

const (
	parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	id     = "4bf92f3577b34da6a3ce929d0e0e4736"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		parent, state string
		ok            bool
		kept          string // of the state
		sent          string // as a traceparent; "": as it came
	}{
		"sampled":                   {parent: parent, ok: true},
		"with a state":              {parent: parent, state: "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", ok: true, kept: "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"},
		"a vendor of many tenants":  {parent: parent, state: "fw529a3039@dt=FfD_;1", ok: true, kept: "fw529a3039@dt=FfD_;1"},
		"a random id, not sampled":  {parent: "00-" + id + "-00f067aa0ba902b7-02", ok: true},
		"flags that are not known":  {parent: "00-" + id + "-00f067aa0ba902b7-ff", ok: true, sent: "00-" + id + "-00f067aa0ba902b7-03"},
		"a later version":           {parent: "cc-" + id + "-00f067aa0ba902b7-01-what-comes", ok: true, sent: parent},
		"none":                      {},
		"version ff":                {parent: "ff-" + id + "-00f067aa0ba902b7-01"},
		"version 00 and more":       {parent: parent + "-01"},
		"a later version, run on":   {parent: "cc-" + id + "-00f067aa0ba902b7-01x"},
		"upper case":                {parent: strings.ToUpper(parent)},
		"no trace":                  {parent: "00-00000000000000000000000000000000-00f067aa0ba902b7-01"},
		"no span":                   {parent: "00-" + id + "-0000000000000000-01"},
		"a line break":              {parent: "00-" + id + "-00f067aa0ba902b7-0\n"},
		"cut off":                   {parent: parent[:54]},
		"without dashes":            {parent: strings.ReplaceAll(parent, "-", "_")},
		"endless":                   {parent: "cc" + parent[2:] + "-" + strings.Repeat("0", 1000)},
		"a state with a line break": {parent: parent, state: "a=b\r\nAuthorization: x", ok: true},
		"a state with a key twice":  {parent: parent, state: "a=b,a=c", ok: true},
		"a long state":              {parent: parent, state: "a=" + strings.Repeat("b", 511), ok: true},
		"a state of 33 members":     {parent: parent, state: strings.TrimSuffix(strings.Repeat("a=b,", 33), ","), ok: true},
		"a state without a value":   {parent: parent, state: "a", ok: true},
		"a state that is text":      {parent: parent, state: "hello, world", ok: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := trace.Parse(c.parent, c.state)
			if ok != c.ok || got.Valid() != c.ok {
				t.Fatalf("ok is %v", ok)
			}
			if !ok {
				if got != (trace.Context{}) || got.TraceID() != "" {
					t.Errorf("and yet there is %+v", got)
				}
				return
			}
			if c.sent == "" {
				c.sent = c.parent
			}
			if got.State != c.kept || got.TraceID() != id || got.Parent() != c.sent {
				t.Errorf("got %s, %q, want %s, %q", got.Parent(), got.State, c.sent, c.kept)
			}
		})
	}
}

// plainState is a tracestate with keys that were good in level 1 of the W3C's
// standard already, which is what OpenTelemetry reads.
var plainState = regexp.MustCompile(`^[a-z][a-z0-9_*/-]*=[^,]+(,[a-z][a-z0-9_*/-]*=[^,]+)*$`)

// What OpenTelemetry's own parser takes, ours takes, and the other way round; and
// what is sent on others read as it was meant.
func FuzzParse(f *testing.F) {
	f.Add(parent, "a=b")
	f.Add("cc-"+id+"-00f067aa0ba902b7-01-x", "a=b, c=d")
	f.Add("00-"+id+"-00f067aa0ba902b7-ff", "=,=")
	f.Fuzz(func(t *testing.T, parent, state string) {
		got, ok := trace.Parse(parent, state)
		read := func(parent, state string) oteltrace.SpanContext {
			carrier := propagation.MapCarrier{"traceparent": parent, "tracestate": state}
			return oteltrace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
		}
		theirs := read(parent, "")
		// They refuse flags that have no meaning yet, which the W3C has parsers ignore.
		if ok && len(parent) <= 55 && parent[53:] <= "03" && !theirs.IsValid() || theirs.IsValid() && !ok && len(parent) <= 110 {
			t.Fatalf("%q: we say %v and they say %v", parent, ok, theirs.IsValid())
		}
		if !ok {
			return
		}
		back := read(got.Parent(), got.State)
		if !back.IsValid() || back.TraceID().String() != got.TraceID() || back.IsSampled() != got.Sampled() {
			t.Fatalf("%q is sent on as %q, which others read as %v", parent, got.Parent(), back)
		}
		if plainState.MatchString(got.State) && back.TraceState().Len() == 0 {
			t.Fatalf("the state %q is sent on, and others do not take it", got.State)
		}
	})
}
