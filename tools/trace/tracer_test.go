package trace_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toolvault/tools/trace"
)

// collector keeps what it is sent, if it does not fail or hang.
type collector struct {
	mu    sync.Mutex
	names []string
	err   error
	hang  chan struct{} // until it is closed; nil: not at all
}

func (c *collector) Export(ctx context.Context, traces []*trace.Trace) error {
	if c.hang != nil {
		select {
		case <-c.hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range traces {
		c.names = append(c.names, t.Spans[0].Name)
	}
	return c.err
}

func run(t *testing.T, tracer *trace.Tracer) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- tracer.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

func call(tracer *trace.Tracer, name string) {
	tr := tracer.Begin(trace.Context{}, trace.Context{}, time.Now())
	tr.Name(name)
	tr.End(time.Now(), "")
}

func TestTracesAreSentWithinSecondsAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{}
		tracer := trace.New(trace.Options{Exporter: c})
		call(tracer, "before it runs")
		stop := run(t, tracer)
		call(tracer, "first")
		time.Sleep(3 * time.Second) // of the bubble's clock
		synctest.Wait()
		if got := strings.Join(c.names, ", "); got != "before it runs, first" {
			t.Errorf("after three seconds: %s", got)
		}
		call(tracer, "last")
		stop()
		if len(c.names) != 3 || c.names[2] != "last" {
			t.Errorf("at the end: %v", c.names)
		}
		if s := tracer.Stats(); s != (trace.Stats{Sent: 3}) {
			t.Errorf("stats %+v", s)
		}
	})
}

// A collector that hangs holds nobody up, and costs a bounded number of bytes.
func TestASlowCollectorCostsOnlyTraces(t *testing.T) {
	c := &collector{hang: make(chan struct{})}
	tracer := trace.New(trace.Options{Exporter: c})
	stop := run(t, tracer)
	long := func() {
		tr := tracer.Begin(trace.Context{}, trace.Context{}, time.Now())
		for range trace.MaxSpans {
			tr.Step("step", time.Now(), time.Now())
		}
		tr.End(time.Now(), "")
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for range 1000 {
		long()
	}
	before, began := heap(), time.Now()
	for range 20_000 {
		long()
	}
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("calls took %v", d)
	}
	if after := heap(); after > before+1<<20 {
		t.Errorf("the heap has grown from %d to %d bytes", before, after)
	}
	s := tracer.Stats()
	if s.Queued > 16<<10 || s.Dropped < 20_000 || s.Sent != 0 {
		t.Errorf("stats %+v", s)
	}
	close(c.hang)
	stop()
	if after := tracer.Stats(); after.Sent+after.Dropped != 21_000 || after.Queued != 0 {
		t.Errorf("in the end %+v", after)
	}
}

// Nor where traces are so short that the queue has no place before it has too many
// spans.
func TestNobodyWaitsForAPlace(t *testing.T) {
	c := &collector{hang: make(chan struct{})}
	tracer := trace.New(trace.Options{Exporter: c})
	stop := run(t, tracer)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20_000 {
			call(tracer, "short")
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Error("calls wait for the collector")
	}
	if s := tracer.Stats(); s.Dropped < 10_000 {
		t.Errorf("stats %+v", s)
	}
	close(c.hang)
	<-done
	stop()
}

func TestACollectorThatIsDownIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := &collector{err: errors.New("no such host")}
		tracer := trace.New(trace.Options{Exporter: c, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		stop := run(t, tracer)
		for range 5 {
			call(tracer, "x")
			time.Sleep(3 * time.Second)
		}
		stop()
		if n := strings.Count(log.String(), "no such host"); n != 1 {
			t.Errorf("logged %d times: %s", n, &log)
		}
		if s := tracer.Stats(); s != (trace.Stats{Failed: 5}) {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestSampler(t *testing.T) {
	sampled, _ := trace.Parse(parent, "")
	not, _ := trace.Parse(parent[:53]+"00", "")
	for name, c := range map[string]struct {
		name, argument   string
		alone, with, out bool // without a client's, with one that records, with one that does not
	}{
		"by default":        {"", "", true, true, false},
		"always":            {"always_on", "", true, true, true},
		"never":             {"always_off", "", false, false, false},
		"as the parent":     {"parentbased_always_on", "", true, true, false},
		"only as the other": {"parentbased_always_off", "", false, true, false},
		"none of them":      {"traceidratio", "0", false, false, false},
		"all of them":       {"traceidratio", "1", true, true, true},
		"none of our own":   {"parentbased_traceidratio", "0", false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := trace.ParseSampler(c.name, c.argument)
			if err != nil {
				t.Fatal(err)
			}
			tracer := trace.New(trace.Options{Sampler: s})
			for _, x := range []struct {
				parent trace.Context
				want   bool
			}{{trace.Context{}, c.alone}, {sampled, c.with}, {not, c.out}} {
				tr := tracer.Begin(x.parent, trace.Context{}, time.Now())
				if tr.Recorded() != x.want || tr.Sampled() != x.want {
					t.Errorf("%v: recorded %v, says sampled %v", x.parent, tr.Recorded(), tr.Sampled())
				}
			}
		})
	}
	for _, bad := range [][2]string{{"jaeger_remote", ""}, {"traceidratio", "2"}, {"traceidratio", "NaN"}, {"traceidratio", "x"}} {
		if _, err := trace.ParseSampler(bad[0], bad[1]); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

// A tenth is a tenth, and the same tenth as that of OpenTelemetry's SDKs.
func TestTheShareIsDecidedByTheTraceID(t *testing.T) {
	tracer := trace.New(trace.Options{Sampler: trace.Share(0.1)})
	n := 0
	for range 20_000 {
		tr := tracer.Begin(trace.Context{}, trace.Context{}, time.Now())
		want := binary.BigEndian.Uint64(tr.Trace[8:])>>1 < 1<<63/10
		if tr.Recorded() != want {
			t.Fatalf("%s: recorded %v", tr.TraceID(), tr.Recorded())
		}
		if tr.Recorded() {
			n++
		}
	}
	if n < 1_800 || n > 2_200 {
		t.Errorf("%d of 20,000 are recorded", n)
	}
}

// BenchmarkTrace is what a call of usual shape costs: seven steps, a request, a
// dozen attributes.
func BenchmarkTrace(b *testing.B) {
	tracer := trace.New(trace.Options{Exporter: &forgetful{}})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go func() { _ = tracer.Run(ctx) }()
	h := http.Header{}
	for _, c := range []struct {
		name   string
		tracer *trace.Tracer
		client trace.Context
	}{{"off", nil, trace.Context{}}, {"on", tracer, trace.Context{}}, {"not sampled", trace.New(trace.Options{Sampler: trace.Share(0.0001)}), trace.Context{}}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			now := time.Now()
			for b.Loop() {
				tr := c.tracer.Begin(c.client, trace.Context{}, now)
				if tr.Recorded() {
					tr.Name("tools/call x")
					for range 12 {
						tr.Set(trace.Text("gen_ai.operation.name", "execute_tool"))
					}
				}
				for range 6 {
					tr.Step("schema", now, now)
				}
				tr.Open("tool", now)
				out := tr.Request("GET", now)
				out.Inject(h)
				out.End(now, "")
				tr.Close("tool", now)
				tr.End(now, "")
			}
		})
	}
}

type forgetful struct{}

func (forgetful) Export(context.Context, []*trace.Trace) error { return nil }
