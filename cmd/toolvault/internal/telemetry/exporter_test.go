package telemetry

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/cmd/toolvault/internal/config"
	"toolvault/cmd/toolvault/internal/otlp"
	"toolvault/cmd/toolvault/internal/telemetry/telemetrytest"
	"toolvault/tools/trace"
	"toolvault/vault"
)

// exporter sends to a collector; the waits between its attempts are noted, and
// not waited for.
func exporter(t *testing.T, c *telemetrytest.Collector, env map[string]string) (*Exporter, *[]time.Duration) {
	t.Helper()
	s, err := Read(Source{Config: config.Telemetry{OTLP: c.URL()}, Env: func(name string) string { return env[name] }, Version: "1.2.3", Host: "box", ID: "me"})
	if err != nil {
		t.Fatal(err)
	}
	e := NewExporter(s, "1.2.3", nil)
	var waits []time.Duration
	e.wait = func(ctx context.Context, d time.Duration) error {
		waits = append(waits, d)
		return ctx.Err()
	}
	return e, &waits
}

func someTrace() *trace.Trace {
	message, _ := trace.Parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "rojo=1")
	carrier, _ := trace.Parse("00-5bf92f3577b34da6a3ce929d0e0e4736-11f067aa0ba902b7-01", "")
	now := time.Now()
	tr := trace.New(trace.Options{}).Begin(message, carrier, now)
	tr.Name("tools/call slack_post_message")
	tr.Set(trace.Text("gen_ai.tool.name", "slack_post_message"), trace.Number("toolvault.upstream.requests", 2), trace.Text("odd", "\x00\xff \u2028</script>"))
	tr.Step("schema", now, now.Add(time.Millisecond))
	tr.Open("tool", now.Add(time.Millisecond))
	tr.Request(http.MethodPost, now.Add(time.Millisecond)).End(now.Add(2*time.Millisecond), "503", trace.Number("http.response.status_code", 503))
	tr.Close("tool", now.Add(3*time.Millisecond))
	tr.End(now.Add(4*time.Millisecond), "tool_error")
	return tr
}

func TestTheCollectorGetsEverySpan(t *testing.T) {
	c := telemetrytest.New(t)
	e, _ := exporter(t, c, map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod,service.namespace=shop%20floor"})
	if err := e.Export(t.Context(), []*trace.Trace{someTrace(), someTrace()}); err != nil {
		t.Fatal(err)
	}
	spans := c.Spans()
	if len(spans) != 8 {
		t.Fatalf("%d spans", len(spans))
	}
	root, schema, tool, post := spans[0], spans[1], spans[2], spans[3]
	if root.Trace != "4bf92f3577b34da6a3ce929d0e0e4736" || root.Parent != "00f067aa0ba902b7" || root.Name != "tools/call slack_post_message" || root.Kind != 2 ||
		!root.Failed || root.Attributes["error.type"] != "tool_error" || root.Attributes["toolvault.upstream.requests"] != "2" ||
		!slices.Equal(root.Links, []string{"5bf92f3577b34da6a3ce929d0e0e4736-11f067aa0ba902b7"}) || root.Flags&0x301 != 0x301 {
		t.Errorf("root %+v", root)
	}
	if schema.Parent != root.ID || schema.Kind != 1 || schema.Failed || schema.End.Sub(schema.Start) != time.Millisecond || schema.Flags&0x301 != 0x101 {
		t.Errorf("schema %+v", schema)
	}
	if tool.Parent != root.ID || post.Parent != tool.ID || post.Kind != 3 || post.Attributes["http.response.status_code"] != "503" || !post.Failed {
		t.Errorf("tool %+v, request %+v", tool, post)
	}
	r := c.Resource()
	for key, want := range map[string]string{
		"service.name": "toolvault", "service.version": "1.2.3", "service.instance.id": "me", "host.name": "box",
		"deployment.environment.name": "prod", "service.namespace": "shop floor",
	} {
		if r[key] != want {
			t.Errorf("%s is %q, want %q", key, r[key], want)
		}
	}
	if strings.Contains(string(c.Bytes()), "rojo") {
		t.Error("what other tracing systems say of a trace is sent to ours")
	}
}

func TestACollectorIsAskedAgainWhereThatHelps(t *testing.T) {
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if len(header) > 0 {
				w.Header().Set("Retry-After", header[0])
			}
			w.WriteHeader(code)
		}
	}
	ms := time.Millisecond
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		waits  []time.Duration
	}{
		"it is busy":            {status(503), []time.Duration{500 * ms, 1000 * ms, 2000 * ms}},
		"it says for how long":  {status(429, "7"), []time.Duration{7000 * ms, 7000 * ms, 7000 * ms}},
		"for too long":          {status(429, "60"), nil},
		"it does not want it":   {status(400), nil},
		"it is somewhere else":  {status(307), nil},
		"it takes a part of it": {func(w http.ResponseWriter, _ *http.Request) { partial(w) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			collector := telemetrytest.New(t)
			collector.Answer(c.answer)
			e, waits := exporter(t, collector, nil)
			err := e.Export(t.Context(), []*trace.Trace{someTrace()})
			if err == nil || !slices.Equal(*waits, c.waits) {
				t.Errorf("waits %v, error %v", *waits, err)
			}
			if n := len(collector.Headers()); n != len(c.waits)+1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func partial(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"partialSuccess":{"rejectedSpans":"1","errorMessage":"one was too old"}}`))
}

func TestACollectorThatComesBack(t *testing.T) {
	c := telemetrytest.New(t)
	c.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		c.Answer(nil)
	})
	e, _ := exporter(t, c, nil)
	if err := e.Export(t.Context(), []*trace.Trace{someTrace()}); err != nil || len(c.Spans()) != 4 {
		t.Errorf("%v, %d spans", err, len(c.Spans()))
	}
}

func TestTheWaitEndsWithTheProgram(t *testing.T) {
	c := telemetrytest.New(t)
	c.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	e, _ := exporter(t, c, nil)
	e.wait = wait
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := e.Export(ctx, []*trace.Trace{someTrace()}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestHeadersGoAlongAndIntoNoError(t *testing.T) {
	const key = "canary-of-the-collector-0123456789"
	c := telemetrytest.New(t)
	s, err := Read(Source{
		Config: config.Telemetry{OTLP: c.URL(), Headers: map[string]string{"authorization": "env:KEY"}},
		Secret: func(reference string) (vault.Secret, error) { return vault.NewSecret("Bearer " + key), nil },
		Env:    func(string) string { return "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	e := NewExporter(s, "", nil)
	if err := e.Export(t.Context(), []*trace.Trace{someTrace()}); err != nil {
		t.Fatal(err)
	}
	c.Answer(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"message":"I know you, ` + r.Header.Get("Authorization") + `"}`))
	})
	err = e.Export(t.Context(), []*trace.Trace{someTrace()})
	var failure *otlp.Failure
	if !errors.As(err, &failure) || failure.Status != http.StatusForbidden || strings.Contains(err.Error(), key) {
		t.Errorf("error %v", err)
	}
	if got := c.Headers()[0].Get("Authorization"); got != "Bearer "+key {
		t.Errorf("authorization %q", got)
	}
	if strings.Contains(string(c.Bytes()), key) {
		t.Error("the key is in what was sent")
	}
}

func BenchmarkExport(b *testing.B) {
	c := telemetrytest.New(b)
	c.Answer(func(w http.ResponseWriter, _ *http.Request) {})
	e := NewExporter(Settings{Endpoint: c.URL() + otlp.PathTraces, Timeout: time.Minute}, "1", nil)
	var traces []*trace.Trace
	for range 100 {
		traces = append(traces, someTrace())
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Export(b.Context(), traces); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(traces)), "µs/trace")
}
