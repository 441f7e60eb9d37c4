package app

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/audit/audittest"
	"toolvault/audit/mirror"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/vault/store/storetest"
)

// place is a webhook, or a collector, that keeps what it is sent.
type place struct {
	*httptest.Server
	mu      sync.Mutex
	headers []http.Header
	bodies  []string
	refuse  string // what holds this text is answered with 400
}

func newPlace(t *testing.T) *place {
	p := &place{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			in, _ = gzip.NewReader(r.Body)
		}
		body, _ := io.ReadAll(in)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.refuse != "" && strings.Contains(string(body), p.refuse) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		p.headers, p.bodies = append(p.headers, r.Header.Clone()), append(p.bodies, string(body))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *place) all() (http.Header, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.headers) == 0 {
		return nil, ""
	}
	return p.headers[len(p.headers)-1], strings.Join(p.bodies, "")
}

func awaitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after half a minute: not %s", what)
		}
	}
}

// The config's mirrors run, each in its kind, with secrets that stand elsewhere; a
// changed config is in force at once, and what a place refuses is on record.
func TestMirrorsOfTheConfig(t *testing.T) {
	hook, collector := newPlace(t), newPlace(t)
	hook.refuse = "0190-poison"
	redis := storetest.StartRedis(t)
	t.Setenv("MIRROR_TEST_KEY", "hunter2")
	t.Setenv("MIRROR_TEST_HOOK", hook.URL+"/hunter3")
	folder := t.TempDir()
	parse := func(text string) *config.Config {
		t.Helper()
		cfg, err := config.Parse(filepath.Join(folder, "toolvault.yaml"), []byte(text), config.Known{})
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	var out logLines
	a := &App{
		Options: Options{Logger: slog.New(slog.NewTextHandler(&out, nil)), Version: "test"}, Dir: folder, Metrics: newMetrics("test"),
		Redactor: audit.NewRedactor(), mirrors: mirrors{changed: make(chan struct{}, 1)}, auditKey: audittest.Name + "+key",
	}
	var err error
	if a.Log, err = audit.Open(audit.Options{Dir: AuditDir(folder), Key: audittest.Key(), Name: audittest.Name}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Log.Close() }()
	record := func(id string) {
		t.Helper()
		if _, err := a.Log.Append(t.Context(), audit.Record{Phase: audit.PhaseCall, CallID: id, Agent: "a", Outcome: "ok"}); err != nil {
			t.Fatal(err)
		}
	}
	record("0190-first")
	a.mirrors.set(parse(fmt.Sprintf(`
audit:
  mirror:
    - { webhook: "env:MIRROR_TEST_HOOK", secret: "env:MIRROR_TEST_KEY" }
    - { otlp: %q, headers: { api-key: "env:MIRROR_TEST_KEY" } }
    - { redis: %q }
    - { file: out.jsonl }
    - { name: broken, webhook: "env:MIRROR_TEST_NOT_THERE" }
`, collector.URL, redis.URL)))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.runMirrors(ctx) }()
	c := redis.Client(t)
	arrived := func(text string) bool {
		_, atHook := hook.all()
		_, atCollector := collector.all()
		inFile, _ := os.ReadFile(filepath.Join(folder, "out.jsonl"))
		all, _ := c.XRange(t.Context(), mirror.DefaultStream, "-", "+").Result()
		return strings.Contains(atHook, text) && strings.Contains(atCollector, text) && strings.Contains(string(inFile), text) && strings.Contains(fmt.Sprint(all), text)
	}
	awaitFor(t, "everywhere", func() bool { return arrived("0190-first") })
	header, body := hook.all()
	if header.Get("Webhook-Signature") == "" || !strings.HasPrefix(header.Get("Webhook-Id"), "msg_0-0_") {
		t.Errorf("the webhook was sent %v", header)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(body), &list); err != nil || list[0]["id"] != audittest.Name+":0" {
		t.Errorf("%v in %s", err, body)
	}
	if header, body := collector.all(); header.Get("Api-Key") != "hunter2" || !strings.Contains(body, `"service.instance.id","value":{"stringValue":"`+audittest.Name) {
		t.Errorf("the collector was sent %v %s", header, body)
	}

	// What the webhook refuses is on record, and that record goes everywhere.
	record("0190-poison")
	record("0190-last")
	awaitFor(t, "on record", func() bool { return arrived(mirror.EventRefused) && arrived("0190-last") })
	var refused audit.Record
	_, err = audit.Scan(t.Context(), AuditDir(folder), 2, func(raw audit.Raw) error {
		r, err := raw.Record()
		if r.Event == mirror.EventRefused {
			refused = r
		}
		return err
	})
	if err != nil || len(refused.Spans) != 1 || refused.Spans[0] != (audit.Span{First: 1, End: 2}) || !strings.Contains(refused.Message, "webhook") || !strings.Contains(refused.Message, "HTTP 400") {
		t.Errorf("on record is %+v: %v", refused, err)
	}
	page := httptest.NewRecorder()
	a.Metrics.scrapes().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`toolvault_audit_mirror_lag_records{mirror="otlp"} 0`, fmt.Sprintf(`toolvault_audit_mirror_lag_records{mirror="broken"} %d`, a.Log.Size()),
		`toolvault_audit_mirror_errors_total{mirror="broken"} 1`, `toolvault_audit_mirror_refused_records_total{mirror="webhook"} 1`,
	} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("the metrics do not hold %s", want)
		}
	}

	// Another config: the file goes on, and the rest is let go of.
	a.mirrors.set(parse("audit: { mirror: [ { name: file, file: out2.jsonl } ] }"))
	awaitFor(t, "changed", func() bool { return len(*a.mirrors.running.Load()) == 1 })
	record("0190-after")
	awaitFor(t, "in the other file", func() bool {
		text, _ := os.ReadFile(filepath.Join(folder, "out2.jsonl"))
		return strings.Contains(string(text), "0190-after") && !strings.Contains(string(text), "0190-first")
	})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if text := out.String(); strings.Contains(text, "hunter") || strings.Count(text, "MIRROR_TEST_NOT_THERE is not set") != 1 {
		t.Errorf("the log holds\n%s", text)
	}
}

// logLines is the program's log, for a test to read.
type logLines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
