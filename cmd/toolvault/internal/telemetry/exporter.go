package telemetry

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"toolvault/cmd/toolvault/internal/otlp"
	"toolvault/tools/trace"
)

// schemaURL names the version of the conventions that the names are of, but for
// those of gen_ai and mcp, which are in development and have none.
const schemaURL = "https://opentelemetry.io/schemas/1.43.0"

// Attempts to send one batch, and the waits between them.
const (
	attempts  = 4
	firstWait = 500 * time.Millisecond // doubled each time
	longest   = 10 * time.Second       // that a collector can ask for; after more the batch is given up
)

// Exporter sends traces to a collector. It is a trace.Exporter.
type Exporter struct {
	client   *otlp.Client
	resource otlp.Resource
	scope    otlp.Scope
	wait     func(context.Context, time.Duration) error
}

// NewExporter returns one for the settings. transport is http.DefaultTransport
// where it is nil.
func NewExporter(s Settings, version string, transport http.RoundTripper) *Exporter {
	return &Exporter{
		client:   &otlp.Client{Endpoint: s.Endpoint, Headers: s.Headers, HTTP: &http.Client{Transport: transport, Timeout: s.Timeout}},
		resource: otlp.Resource{Attributes: s.Attributes},
		scope:    otlp.Scope{Name: "toolvault", Version: version},
		wait:     wait,
	}
}

// Export sends the traces, up to four times where that can help.
func (e *Exporter) Export(ctx context.Context, traces []*trace.Trace) error {
	request := tracesRequest{[]resourceSpans{{
		Resource: e.resource, SchemaURL: schemaURL,
		ScopeSpans: []scopeSpans{{Scope: e.scope, Spans: spans(traces)}},
	}}}
	pause := firstWait
	for n := 1; ; n++ {
		err := e.client.Post(ctx, "", request)
		var refused *otlp.Failure
		if err == nil || !errors.As(err, &refused) || !refused.Temporary() || n == attempts || refused.After > longest {
			return err
		}
		if err := e.wait(ctx, max(pause, refused.After)); err != nil {
			return fmt.Errorf("%w; then %w", refused, err)
		}
		pause *= 2
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// The messages of opentelemetry-proto's ExportTraceServiceRequest that are used.
type (
	tracesRequest struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   otlp.Resource `json:"resource"`
		ScopeSpans []scopeSpans  `json:"scopeSpans"`
		SchemaURL  string        `json:"schemaUrl"`
	}
	scopeSpans struct {
		Scope otlp.Scope `json:"scope"`
		Spans []span     `json:"spans"`
	}
	span struct {
		TraceID    string          `json:"traceId"`
		SpanID     string          `json:"spanId"`
		Parent     string          `json:"parentSpanId,omitempty"`
		Flags      uint32          `json:"flags"`
		Name       string          `json:"name"`
		Kind       int             `json:"kind"`
		Start      otlp.Nanos      `json:"startTimeUnixNano"`
		End        otlp.Nanos      `json:"endTimeUnixNano"`
		Attributes []otlp.KeyValue `json:"attributes,omitempty"`
		Links      []link          `json:"links,omitempty"`
		Status     *status         `json:"status,omitempty"`
	}
	link struct {
		TraceID string `json:"traceId"`
		SpanID  string `json:"spanId"`
		Flags   uint32 `json:"flags"`
	}
	status struct {
		Code int `json:"code"`
	}
)

// Of a span's flags: the lowest 8 bits are the trace's, and these say whether its
// parent is of another process.
const (
	flagKnowsRemote = 1 << 8
	flagRemote      = 1 << 9
	statusError     = 2
)

func spans(traces []*trace.Trace) []span {
	n := 0
	for _, t := range traces {
		n += len(t.Spans)
	}
	all := make([]span, 0, n)
	for _, t := range traces {
		id := t.TraceID()
		for i := range t.Spans {
			s := &t.Spans[i]
			out := span{
				TraceID: id, SpanID: hex.EncodeToString(s.ID[:]), Name: s.Name, Kind: int(s.Kind),
				Flags: uint32(t.Flags) | flagKnowsRemote, Start: otlp.Nanos(s.Start), End: otlp.Nanos(s.End),
			}
			if s.Parent != [8]byte{} {
				out.Parent = hex.EncodeToString(s.Parent[:])
			}
			if i == 0 {
				out.Flags |= flagRemote
				if l := t.Link; l.Valid() {
					out.Links = []link{{l.TraceID(), hex.EncodeToString(l.Span[:]), uint32(l.Flags) | flagKnowsRemote | flagRemote}}
				}
			}
			out.describe(s, i == 0, t.Dropped)
			all = append(all, out)
		}
	}
	return all
}

func (out *span) describe(s *trace.Span, root bool, dropped int) {
	out.Attributes = make([]otlp.KeyValue, 0, len(s.Attributes)+2)
	for _, a := range s.Attributes {
		if a.IsNumber {
			out.Attributes = append(out.Attributes, otlp.Int(a.Key, a.Number))
		} else {
			out.Attributes = append(out.Attributes, otlp.String(a.Key, a.Text))
		}
	}
	if root && dropped > 0 {
		out.Attributes = append(out.Attributes, otlp.Int("toolvault.spans.dropped", int64(dropped)))
	}
	if s.Failure != "" {
		out.Attributes = append(out.Attributes, otlp.String("error.type", s.Failure))
		out.Status = &status{statusError}
	}
}
