package app

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
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

	"golang.org/x/mod/sumdb/note"

	"toolvault/audit/anchor"
	"toolvault/cmd/toolvault/internal/config"
)

// receiver takes checkpoints, unless it is down.
type receiver struct {
	t    *testing.T
	key  note.Verifier
	mu   sync.Mutex
	down bool
	asks int
	ids  []string
	got  []anchor.Checkpoint
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asks++
	if r.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	body, _ := io.ReadAll(q.Body)
	mac := hmac.New(sha256.New, []byte("webhook-secret"))
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", q.Header.Get("Webhook-Id"), q.Header.Get("Webhook-Timestamp"), body)
	if q.Header.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		r.t.Error("the message is not signed")
	}
	if _, err := note.Open(body, note.VerifierList(r.key)); err != nil {
		r.t.Error(err)
	}
	c, err := anchor.Parse(body)
	if err != nil {
		r.t.Error(err)
	}
	r.ids, r.got = append(r.ids, q.Header.Get("Webhook-Id")), append(r.got, c)
}

func (r *receiver) set(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down, r.asks = down, 0
}

func (r *receiver) newest() (size int64, asks int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) == 0 {
		return 0, r.asks
	}
	return r.got[len(r.got)-1].Size, r.asks
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("not in 20 s: " + what)
		}
	}
}

// A webhook that is down misses nothing that matters: when it is back it gets the
// newest checkpoint, signed; a checkpoint that comes again has the same id; and
// nothing tells its URL, which is a secret.
func TestCheckpointsToAWebhook(t *testing.T) {
	var out bytes.Buffer
	a := open(t)
	key, err := note.NewVerifier(a.AuditKey())
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{t: t, key: key}
	server := httptest.NewServer(r)
	defer server.Close()
	t.Setenv("ANCHOR_URL", server.URL+"/hook-secret-path")
	t.Setenv("ANCHOR_SECRET", "webhook-secret")
	cfg := &config.Config{Audit: config.Audit{Anchors: []config.Anchor{{Webhook: "env:ANCHOR_URL", Secret: "env:ANCHOR_SECRET"}}}}
	a.Cfg = cfg
	a.Logger = slog.New(slog.NewTextHandler(&out, nil))
	event := func() {
		t.Helper()
		if err := a.Event(t.Context(), "test.happened", "a1", ""); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.anchor(ctx) }()
	event()
	await(t, "the first checkpoint", func() bool { size, _ := r.newest(); return size == 1 })
	r.set(true)
	event()
	event()
	await(t, "two tries", func() bool { _, asks := r.newest(); return asks >= 2 })
	var page bytes.Buffer
	scrape(t, a, &page)
	for _, want := range []string{`toolvault_audit_anchor_behind_records{anchor="anchor-webhook-`, `kind="webhook"} 2`, "toolvault_audit_anchor_age_seconds", "toolvault_audit_anchor_failing_seconds", "toolvault_audit_anchor_taken_timestamp_seconds"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("there is no %s in the metrics", want)
		}
	}
	r.set(false)
	await(t, "the newest one", func() bool { size, _ := r.newest(); return size == 3 })
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	list, err := anchors(cfg, AuditDir(a.Dir), a.Logger, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := list[0].Now(t.Context()); err != nil { // as after a crash before it was noted
		t.Fatal(err)
	}
	if n := len(r.ids); n != 3 || r.ids[0] == r.ids[1] || r.ids[1] != r.ids[2] {
		t.Error(r.ids)
	}
	if text := out.String(); strings.Contains(text, "hook-secret-path") || strings.Count(text, "could not be anchored") != 1 || strings.Count(text, "anchored again") != 1 {
		t.Error(text)
	}
}

func scrape(t *testing.T, a *App, w io.Writer) {
	t.Helper()
	rec := httptest.NewRecorder()
	a.Metrics.scrapes().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if _, err := io.Copy(w, rec.Body); err != nil || rec.Code != http.StatusOK {
		t.Fatal(rec.Code, err)
	}
}

// A receiver that asks for time is heard.
func TestWebhookAsksForTime(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()
	place, err := webhookPlace(&config.Config{}, config.Anchor{Webhook: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	err = place.Put(t.Context(), anchor.Checkpoint{Note: []byte("a\n\nb\n")}, 0)
	var asked interface{ RetryAfter() time.Duration }
	if !errors.As(err, &asked) || asked.RetryAfter() != 90*time.Second {
		t.Error(err)
	}
	if _, err := webhookPlace(&config.Config{}, config.Anchor{Webhook: "no URL"}); err == nil {
		t.Error("what is no URL was taken")
	}
}

// What a place does to the log's history is on record, and so is its return.
func TestAnchorsAreOnRecord(t *testing.T) {
	a := open(t)
	about := Anchored{Kind: "file", Place: "/mnt/other"}
	a.reportAnchor(t.Context(), about, anchor.Report{Err: fmt.Errorf("%w (fork)", anchor.ErrHistory), For: time.Hour, Behind: 7})
	if r := a.lastRecord(t); r.Event != "audit.anchor.failed" || r.Outcome != "failed" || !strings.Contains(r.Message, "the file /mnt/other since 1h0m0s, 7 records are not covered") || !strings.Contains(r.Message, "(fork)") {
		t.Errorf("%+v", r)
	}
	a.reportAnchor(t.Context(), about, anchor.Report{For: 2 * time.Hour})
	if r := a.lastRecord(t); r.Event != "audit.anchor.recovered" || r.Outcome != "ok" || !strings.Contains(r.Message, "after 2h0m0s") {
		t.Errorf("%+v", r)
	}
}

// The whole server feeds what its config names, and a place that cannot be is an
// error at its start.
func TestServerFeedsAnchors(t *testing.T) {
	dir := t.TempDir()
	outside, file := filepath.Join(dir, "outside"), filepath.Join(dir, "toolvault.yaml")
	config := "audit: { anchor: [ { file: outside } ] }\n"
	if err := errors.Join(os.Mkdir(outside, 0o700), os.WriteFile(file, []byte(config), 0o600)); err != nil {
		t.Fatal(err)
	}
	o := Options{Data: filepath.Join(dir, "d"), Config: file, Version: "test", Logger: slog.New(slog.DiscardHandler)}
	a, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	if err := a.Event(ctx, "test.happened", "a1", ""); err != nil {
		t.Fatal(err)
	}
	await(t, "a checkpoint", func() bool { list, _ := anchor.Collect(outside); return len(list) == 1 })
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(`audit: { anchor: [ { webhook: "env:NO_SUCH_VARIABLE" } ] }`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Anchors(o); err == nil || !strings.Contains(err.Error(), "audit.anchor[0] in the config: environment variable NO_SUCH_VARIABLE is not set") {
		t.Error(err)
	}
}
