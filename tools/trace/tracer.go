package trace

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// Bounds of a tracer.
const (
	maxQueued   = 4096             // traces that wait to be sent
	maxSpans    = 16 << 10         // and their spans, those being sent among them: about half a kilobyte each
	maxBatch    = 1024             // spans in one request to the collector, but for the last trace
	sendEvery   = 2 * time.Second  // at most, between the end of a call and when it is sent
	lastAttempt = 5 * time.Second  // for what is left when the program ends
	silence     = 10 * time.Minute // between two lines in the log about what was lost
)

// Exporter sends traces to where they are kept. It returns when they are there, or
// an error when they are not; it may try several times, and is not asked twice at
// once.
type Exporter interface {
	Export(context.Context, []*Trace) error
}

// Options is what a Tracer is made of. Exporter is required.
type Options struct {
	Exporter Exporter
	Sampler  Sampler
	Logger   *slog.Logger // hears that traces are lost, once in ten minutes; nil: nobody
}

// Tracer decides which calls are recorded, and sends them. A nil one records
// nothing. It is safe for concurrent use.
type Tracer struct {
	Options
	queue                 chan *Trace
	spans                 atomic.Int64 // in the queue, or being sent
	sent, dropped, failed atomic.Int64 // traces
}

// New returns a tracer. Until Run runs, what it records waits, up to a bound.
func New(o Options) *Tracer {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Tracer{Options: o, queue: make(chan *Trace, maxQueued)}
}

// Stats is what has become of the traces so far, one a call.
type Stats struct {
	Sent    int64 // the collector has them
	Dropped int64 // for want of a place in the queue: it was too slow, or down
	Failed  int64 // the collector has not taken them
	Queued  int64 // spans that wait, or are being sent
}

// Stats counts; a nil tracer has no traces.
func (t *Tracer) Stats() Stats {
	if t == nil {
		return Stats{}
	}
	return Stats{Sent: t.sent.Load(), Dropped: t.dropped.Load(), Failed: t.failed.Load(), Queued: t.spans.Load()}
}

// Begin begins the trace of a call that came in at a time. message is the context
// that the message brought, transport that of what carried it; either may be zero.
// The parent is the message's, else the transport's ("Semantic conventions for
// MCP", section "Context propagation").
//
// Where nothing is recorded, be it that the tracer is nil or that the sampler
// decides so, the result says only what services are told: nil where that is
// nothing.
func (t *Tracer) Begin(message, transport Context, at time.Time) *Trace {
	parent := message
	if !parent.Valid() {
		parent = transport
	}
	if t == nil {
		if !parent.Valid() {
			return nil
		}
		return &Trace{Context: parent}
	}
	tr := &Trace{tracer: t, Context: parent}
	root := Span{ID: newSpanID(), Kind: Server, Start: at}
	if parent.Valid() {
		root.Parent = parent.Span
	} else {
		fill(tr.Trace[:])
		tr.Flags = FlagRandom
	}
	tr.Span = root.ID
	tr.Flags &^= FlagSampled
	if !t.Sampler.samples(parent, tr.Trace) {
		return tr
	}
	tr.Flags |= FlagSampled
	if message.Valid() && transport.Valid() && message.Span != transport.Span {
		tr.Link = transport
	}
	root.Attributes = make([]Attribute, 0, MaxAttributes)
	tr.Spans = append(make([]Span, 0, 12), root)
	return tr
}

// take queues a trace that has ended. It never waits.
func (t *Tracer) take(tr *Trace) {
	n := int64(len(tr.Spans))
	if t.spans.Add(n) <= maxSpans {
		select {
		case t.queue <- tr:
			return
		default:
		}
	}
	t.spans.Add(-n)
	t.dropped.Add(1)
}

// Run sends what was recorded until ctx ends, then what is left.
func (t *Tracer) Run(ctx context.Context) error {
	timer := time.NewTicker(sendEvery)
	defer timer.Stop()
	b := batch{tracer: t}
	for {
		select {
		case tr := <-t.queue:
			b.add(ctx, tr)
		case <-timer.C:
			b.send(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAttempt)
			defer cancel()
			for len(t.queue) > 0 && last.Err() == nil {
				b.add(last, <-t.queue)
			}
			b.send(last)
			return ctx.Err()
		}
	}
}

// batch is what goes to the collector in one request.
type batch struct {
	tracer *Tracer
	traces []*Trace
	spans  int
	quiet  time.Time // until when failures are not logged
}

func (b *batch) add(ctx context.Context, tr *Trace) {
	b.traces = append(b.traces, tr)
	if b.spans += len(tr.Spans); b.spans >= maxBatch {
		b.send(ctx)
	}
}

func (b *batch) send(ctx context.Context) {
	n := int64(len(b.traces))
	if n == 0 {
		return
	}
	if err := b.tracer.Exporter.Export(ctx, b.traces); err != nil {
		b.tracer.failed.Add(n)
		if now := time.Now(); now.After(b.quiet) {
			b.quiet = now.Add(silence)
			b.tracer.Logger.WarnContext(ctx, "traces are lost: the collector does not take them; calls are not affected", "error", err)
		}
	} else {
		b.tracer.sent.Add(n)
	}
	b.tracer.spans.Add(-int64(b.spans))
	clear(b.traces)
	b.traces, b.spans = b.traces[:0], 0
}
