package mirror_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/audit/audittest"
	"toolvault/audit/mirror"
)

const logName = audittest.Name

// filled makes a log of n records and returns its folder.
func filled(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := audittest.Fill(t.Context(), dir, n, audittest.Options{Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t testing.TB, dir string) *audit.Log {
	t.Helper()
	l, err := audit.Open(audit.Options{Dir: dir, Key: audittest.Key(), Name: logName})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func call(n int) audit.Record {
	return audit.Record{
		Phase: audit.PhaseCall, CallID: fmt.Sprintf("0190-call-%d", n), Agent: "support-agent-1", User: "ada@acme.example", Service: "slack", Tool: "slack_post_message",
		Arguments: json.RawMessage(fmt.Sprintf(`{"channel":"#support-updates","text":"<hello> %d"}`, n)), Outcome: "ok",
	}
}

func add(t testing.TB, l *audit.Log, records ...audit.Record) {
	t.Helper()
	for _, r := range records {
		if _, err := l.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// should are the records of a log as they are to be sent, by id, and the ids in
// order.
func should(t testing.TB, dir string) (ids []string, texts map[string]string) {
	t.Helper()
	texts = map[string]string{}
	_, err := audit.Scan(context.Background(), dir, 0, func(raw audit.Raw) error {
		r, err := mirror.NewRecord(logName, raw)
		ids, texts[r.ID] = append(ids, r.ID), string(r.JSON)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids, texts
}

// sent is what has arrived at a place, in order.
type sent struct {
	mu    sync.Mutex
	ids   []string
	texts []string
}

func (s *sent) add(id, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids, s.texts = append(s.ids, id), append(s.texts, text)
}

func (s *sent) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ids)
}

// check holds what has arrived against the log: all is there, and at most so many
// come twice. Where none does, the order is the log's.
func (s *sent) check(t testing.TB, dir string, repeats int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	ids, texts := should(t, dir)
	times := map[string]int{}
	for i, id := range s.ids {
		times[id]++
		if want, ok := texts[id]; !ok || want != s.texts[i] {
			t.Fatalf("%s arrived as\n%s\nand should be\n%s", id, s.texts[i], want)
		}
	}
	missing := 0
	for _, id := range ids {
		if times[id] == 0 {
			missing++
		}
	}
	twice := len(s.ids) - len(times)
	if missing > 0 || twice > repeats {
		t.Errorf("of %d records %d have not arrived, and %d came again, %d may", len(ids), missing, twice, repeats)
	}
	if twice == 0 && missing == 0 {
		for i := range ids {
			if ids[i] != s.ids[i] {
				t.Fatalf("%s arrived as number %d: out of order", s.ids[i], i)
			}
		}
	}
	t.Logf("%d records, %d came again", len(ids), twice)
}

// split takes an array of records apart.
func split(t testing.TB, body []byte) (ids, texts []string) {
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		t.Errorf("no array of JSON arrived: %v", err)
	}
	for _, raw := range list {
		ids, texts = append(ids, idOf(t, raw)), append(texts, string(raw))
	}
	return ids, texts
}

func idOf(t testing.TB, line []byte) string {
	var r struct {
		ID, Log string
		Index   int64
	}
	if err := json.Unmarshal(line, &r); err != nil || r.ID != r.Log+":"+strconv.FormatInt(r.Index, 10) {
		t.Errorf("no record arrived: %s: %v", line, err)
	}
	return r.ID
}

// receiver is a place on the other end of a webhook.
type receiver struct {
	*httptest.Server
	sent
	mu     sync.Mutex
	answer func(ids []string, body []byte) int // a status; nil: 200
	calls  int
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // cut off: it was not taken
		}
		ids, texts := split(t, body)
		r.mu.Lock()
		answer := r.answer
		r.calls++
		r.mu.Unlock()
		if answer != nil {
			if status := answer(ids, body); status != http.StatusOK {
				w.WriteHeader(status)
				return
			}
		}
		for i := range ids {
			r.add(ids[i], texts[i])
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) set(answer func(ids []string, body []byte) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// hook is a webhook to a URL, as the program makes one, without a signature.
func hook(url string) func() (mirror.Sink, error) {
	client := &http.Client{Transport: &http.Transport{}}
	return func() (mirror.Sink, error) {
		return mirror.NewWebhook(func(ctx context.Context, id string, body []byte) error {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
			if err != nil {
				return err
			}
			r.Header.Set("Webhook-Id", id)
			resp, err := client.Do(r)
			if err != nil {
				return err
			}
			_ = resp.Body.Close()
			if resp.StatusCode/100 != 2 {
				return mirror.ByStatus(resp.StatusCode, 0, fmt.Errorf("HTTP %d", resp.StatusCode))
			}
			return nil
		}), nil
	}
}

// soon waits little, so that a test need not.
func soon(int) time.Duration { return 5 * time.Millisecond }

func options(dir, name string, open func() (mirror.Sink, error)) mirror.Options {
	return mirror.Options{Dir: dir, Log: logName, Name: name, Open: open, Wait: soon, Pause: 10 * time.Millisecond}
}

// start runs a mirror until the returned function is called, or the test ends.
func start(t testing.TB, o mirror.Options) (m *mirror.Mirror, stop func()) {
	t.Helper()
	m = mirror.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the end of the context is an error: %v", err)
		}
	})
	t.Cleanup(stop)
	return m, stop
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute: not %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func caughtUp(t testing.TB, m *mirror.Mirror) {
	t.Helper()
	until(t, "caught up", func() bool {
		lag, err := m.Lag()
		return err == nil && lag == 0
	})
}

// lines is a log of the program that tests can read.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.buf.Bytes(), []byte(text))
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

var errHere = errors.New("no luck")
