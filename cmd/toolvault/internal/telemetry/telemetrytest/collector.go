// Package telemetrytest is a collector of traces for tests. It takes OTLP over
// HTTP as JSON, and nothing else: what the mapping of opentelemetry-proto to JSON
// does not allow is an error of the test.
package telemetrytest

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Span is a span as it arrived.
type Span struct {
	Trace, ID, Parent string // hex; Parent is "" for a root
	Name              string
	Kind              int
	Flags             uint32
	Start, End        time.Time
	Attributes        map[string]string // of every kind, as texts
	Links             []string          // the ids of traces and spans, with a dash
	Failed            bool
}

// Collector takes traces.
type Collector struct {
	t   testing.TB
	url string

	mu       sync.Mutex
	answer   http.HandlerFunc
	spans    []Span
	resource map[string]string
	headers  []http.Header
	raw      [][]byte
}

// New starts one.
func New(t testing.TB) *Collector {
	c := &Collector{t: t}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	c.url = srv.URL
	return c
}

// URL is its endpoint, without a path.
func (c *Collector) URL() string { return c.url }

// Answer has it answer by a handler from now on, without taking anything; nil has
// it work again.
func (c *Collector) Answer(h http.HandlerFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = h
}

// Spans are all that it has taken.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Resource is what the latest request said of who sends.
func (c *Collector) Resource() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resource
}

// Headers are those of all requests.
func (c *Collector) Headers() []http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.headers)
}

// Bytes is all that it was sent, uncompressed.
func (c *Collector) Bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Concat(c.raw...)
}

// ServeHTTP is POST /v1/traces.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := read(r)
	c.mu.Lock()
	answer := c.answer
	c.headers = append(c.headers, r.Header.Clone())
	c.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	if err == nil {
		err = c.take(body)
	}
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		c.t.Errorf("the collector does not take this: %v\n%s", err, body)
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"code":3,"message":"malformed"}`)
		return
	}
	_, _ = io.WriteString(w, `{}`)
}

func read(r *http.Request) ([]byte, error) {
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/v1/traces":
		return nil, fmt.Errorf("%s %s", r.Method, r.URL.Path)
	case r.Header.Get("Content-Type") != "application/json":
		return nil, fmt.Errorf("a content type of %q", r.Header.Get("Content-Type"))
	}
	body := io.Reader(r.Body)
	switch r.Header.Get("Content-Encoding") {
	case "":
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = z
	default:
		return nil, fmt.Errorf("an encoding of %q", r.Header.Get("Content-Encoding"))
	}
	return io.ReadAll(body)
}

func (c *Collector) take(body []byte) error {
	var request struct {
		ResourceSpans []struct {
			Resource   struct{ Attributes []attribute }
			ScopeSpans []struct {
				Scope struct{ Name, Version string }
				Spans []span
			}
			SchemaURL string `json:"schemaUrl"`
		}
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&request); err != nil {
		return err
	}
	var spans []Span
	resource := map[string]string{}
	for _, rs := range request.ResourceSpans {
		if err := into(resource, rs.Resource.Attributes); err != nil {
			return err
		}
		for _, ss := range rs.ScopeSpans {
			if ss.Scope.Name == "" {
				return fmt.Errorf("a scope without a name")
			}
			for _, s := range ss.Spans {
				out, err := s.read()
				if err != nil {
					return fmt.Errorf("span %s: %w", s.Name, err)
				}
				spans = append(spans, out)
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans, c.resource, c.raw = append(c.spans, spans...), resource, append(c.raw, body)
	return nil
}

type span struct {
	TraceID, SpanID, ParentSpanID, Name string
	Kind                                int
	Flags                               uint32
	StartTimeUnixNano, EndTimeUnixNano  string
	Attributes                          []attribute
	Links                               []struct {
		TraceID, SpanID string
		Flags           uint32
	}
	Status *struct{ Code int }
}

func (s span) read() (Span, error) {
	out := Span{Trace: s.TraceID, ID: s.SpanID, Parent: s.ParentSpanID, Name: s.Name, Kind: s.Kind, Flags: s.Flags, Attributes: map[string]string{}}
	if !isID(s.TraceID, 16) || !isID(s.SpanID, 8) || s.ParentSpanID != "" && !isID(s.ParentSpanID, 8) {
		return out, fmt.Errorf("ids %q %q %q", s.TraceID, s.SpanID, s.ParentSpanID)
	}
	if s.Name == "" || s.Kind < 1 || s.Kind > 5 {
		return out, fmt.Errorf("kind %d", s.Kind)
	}
	var err error
	if out.Start, err = nanos(s.StartTimeUnixNano); err != nil {
		return out, err
	}
	if out.End, err = nanos(s.EndTimeUnixNano); err != nil {
		return out, err
	}
	if out.End.Before(out.Start) {
		return out, fmt.Errorf("it ends before it begins")
	}
	if err := into(out.Attributes, s.Attributes); err != nil {
		return out, err
	}
	for _, l := range s.Links {
		if !isID(l.TraceID, 16) || !isID(l.SpanID, 8) {
			return out, fmt.Errorf("a link to %q %q", l.TraceID, l.SpanID)
		}
		out.Links = append(out.Links, l.TraceID+"-"+l.SpanID)
	}
	out.Failed = s.Status != nil && s.Status.Code == 2
	return out, nil
}

func isID(s string, n int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == n && strings.Trim(s, "0") != ""
}

// nanos reads a fixed64, which the mapping has as a decimal text.
func nanos(s string) (time.Time, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || time.Since(time.Unix(0, n)).Abs() > 24*time.Hour {
		return time.Time{}, fmt.Errorf("a time of %q", s)
	}
	return time.Unix(0, n), nil
}

type attribute struct {
	Key   string
	Value struct {
		StringValue *string
		IntValue    *string // an int64 is a decimal text
		BoolValue   *bool
		DoubleValue *float64
	}
}

func into(m map[string]string, attributes []attribute) error {
	for _, a := range attributes {
		text, n := "", 0
		if v := a.Value.StringValue; v != nil {
			text, n = *v, n+1
		}
		if v := a.Value.IntValue; v != nil {
			if _, err := strconv.ParseInt(*v, 10, 64); err != nil {
				return fmt.Errorf("attribute %s: %w", a.Key, err)
			}
			text, n = *v, n+1
		}
		if v := a.Value.BoolValue; v != nil {
			text, n = strconv.FormatBool(*v), n+1
		}
		if v := a.Value.DoubleValue; v != nil {
			text, n = fmt.Sprint(*v), n+1
		}
		if _, twice := m[a.Key]; n != 1 || a.Key == "" || twice {
			return fmt.Errorf("attribute %q has %d values, or stands twice", a.Key, n)
		}
		m[a.Key] = text
	}
	return nil
}
