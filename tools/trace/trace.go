// Package trace records where the time of a call goes: a span for the call, one
// for each step of its path, and one for each request to a service, in the terms
// of OpenTelemetry.
//
// It is not the OpenTelemetry SDK: a call has one owner at a time and a known
// shape, so its spans stand in one slice and leave together when it ends. That is
// an allocation or two a call where tracing is on, and none where it is off: then
// there is no Trace, and every method of a nil one does nothing.
//
// What it defends: a collector that is slow, down or hostile never holds up a call
// and never costs more memory than the queue has places (Tracer). A span holds
// names, ids, counts and kinds of failure only. Whoever sets an attribute answers
// for it that it is no secret and no argument; its size, and the number of
// attributes and spans, are bounded here.
//
// The names are those of the OpenTelemetry semantic conventions 1.43.0, and of
// the GenAI and MCP conventions, which are in development
// (github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/mcp.md).
package trace

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of one trace.
const (
	MaxSpans      = 128 // of one call; what comes after them is only counted
	MaxAttributes = 24  // of one span
	MaxText       = 256 // bytes of an attribute
)

// Kind is on which side of a request a span is, with OTLP's numbers.
type Kind int

// Kinds of spans.
const (
	Internal Kind = 1
	Server   Kind = 2
	Client   Kind = 3
)

// Attribute says something of a span: a text, or a number where it is one.
type Attribute struct {
	Key      string
	Text     string
	Number   int64
	IsNumber bool
}

// Text is an attribute that is a text. Beyond MaxText bytes it is cut.
func Text(key, value string) Attribute {
	if len(value) > MaxText {
		value = value[:MaxText]
		for !utf8.ValidString(value) && len(value) > MaxText-utf8.UTFMax {
			value = value[:len(value)-1]
		}
	}
	return Attribute{Key: key, Text: strings.ToValidUTF8(value, "\uFFFD")}
}

// Number is an attribute that is a whole number.
func Number(key string, value int64) Attribute {
	return Attribute{Key: key, Number: value, IsNumber: true}
}

// Span is a stretch of time within a trace.
type Span struct {
	ID, Parent [8]byte // Parent is zero for a root without one
	Name       string
	Kind       Kind
	Start, End time.Time
	Attributes []Attribute
	Failure    string // what kind of failure it ended in: error.type; empty: none
}

// Trace is one call on its way. It belongs to the goroutine that makes the call,
// and is read-only after End. A nil one does nothing.
type Trace struct {
	// Set by Tracer.Begin.
	tracer *Tracer // nil: nothing is recorded, and the context of the client goes on to services as it came
	Context
	Link Context // of the transport, where the message brought another; zero: none

	Spans   []Span // the first is the call's; they are complete after End
	Dropped int    // spans beyond MaxSpans

	open  [4]int // the spans that are open, by index, the outermost first
	depth int
	last  int // the step that ended last; 0: none has
}

// Recorded reports whether spans are kept.
func (t *Trace) Recorded() bool { return t != nil && t.tracer != nil && len(t.Spans) > 0 }

// Step adds a step of the path that began and ended.
func (t *Trace) Step(name string, from, to time.Time) {
	if !t.Recorded() {
		return
	}
	if s := t.add(name, Internal, from); s != nil {
		s.End = to
		t.last = len(t.Spans) - 1
	}
}

// Open begins a step that others, and requests, happen in. Close must follow.
func (t *Trace) Open(name string, from time.Time) {
	if !t.Recorded() {
		return
	}
	if t.depth == len(t.open) || t.add(name, Internal, from) == nil {
		return
	}
	t.open[t.depth] = len(t.Spans) - 1
	t.depth++
}

// Close ends the step of that name that Open has begun.
func (t *Trace) Close(name string, to time.Time) {
	if !t.Recorded() || t.depth == 0 || t.Spans[t.open[t.depth-1]].Name != name {
		return
	}
	t.depth--
	t.last = t.open[t.depth]
	t.Spans[t.last].End = to
}

// Fail says that the step that ended last has failed, and how: a kind, never a
// message.
func (t *Trace) Fail(kind string) {
	if t.Recorded() && t.last > 0 {
		t.Spans[t.last].Failure = kind
	}
}

// Name names the call's own span.
func (t *Trace) Name(name string) {
	if t.Recorded() {
		t.Spans[0].Name = name
	}
}

// Set adds attributes to the call's own span. A text that is empty is left out.
func (t *Trace) Set(attributes ...Attribute) {
	if t.Recorded() {
		t.Spans[0].set(attributes)
	}
}

func (s *Span) set(attributes []Attribute) {
	for _, a := range attributes {
		if (a.IsNumber || a.Text != "") && len(s.Attributes) < MaxAttributes {
			s.Attributes = append(s.Attributes, a)
		}
	}
}

// Outgoing is a request to a service. The zero one does nothing.
type Outgoing struct {
	trace   *Trace
	at      int // its index among the spans; 0: it is not recorded
	Context     // what goes along
}

// Request begins a request to a service; End must follow. Its name is the method.
func (t *Trace) Request(method string, from time.Time) Outgoing {
	if t == nil {
		return Outgoing{}
	}
	out := Outgoing{trace: t, Context: t.Context}
	if s := t.add(method, Client, from); s != nil {
		out.at, out.Span = len(t.Spans)-1, s.ID
	}
	return out
}

// Recorded reports whether its end is of interest.
func (o Outgoing) Recorded() bool { return o.at > 0 }

// Inject puts the context on a request (W3C Trace Context, sections 3.2 and 3.3).
func (o Outgoing) Inject(h http.Header) {
	if !o.Valid() {
		return
	}
	h["Traceparent"] = []string{o.Parent()}
	if o.State != "" {
		h["Tracestate"] = []string{o.State}
	}
}

// End ends the request. failure is the kind of it, or the HTTP status as a text;
// empty: it went well.
func (o Outgoing) End(to time.Time, failure string, attributes ...Attribute) {
	if !o.Recorded() {
		return
	}
	s := &o.trace.Spans[o.at]
	s.End, s.Failure = to, failure
	s.set(attributes)
}

// End ends the call and hands its spans over. Nothing of the trace may be changed
// afterwards.
func (t *Trace) End(at time.Time, failure string) {
	if !t.Recorded() {
		return
	}
	root := &t.Spans[0]
	root.End, root.Failure = at, failure
	for i := range t.Spans {
		if s := &t.Spans[i]; s.End.IsZero() { // a panic has passed by its end
			s.End = at
		}
	}
	t.tracer.take(t)
}

// add begins a span in the one that is open; nil where there are too many.
func (t *Trace) add(name string, kind Kind, from time.Time) *Span {
	if !t.Recorded() {
		return nil
	}
	if len(t.Spans) == MaxSpans {
		t.Dropped++
		return nil
	}
	parent := 0
	if t.depth > 0 {
		parent = t.open[t.depth-1]
	}
	t.Spans = append(t.Spans, Span{ID: newSpanID(), Parent: t.Spans[parent].ID, Name: name, Kind: kind, Start: from})
	return &t.Spans[len(t.Spans)-1]
}

func newSpanID() (id [8]byte) {
	for id == [8]byte{} {
		fill(id[:])
	}
	return id
}

// fill makes ids, which are to be unlike others and are no secrets.
func fill(b []byte) {
	for i := 0; i < len(b); i += 8 {
		n := rand.Uint64()
		for j := range 8 {
			b[i+j] = byte(n >> (8 * j))
		}
	}
}
