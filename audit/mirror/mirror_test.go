package mirror_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toolvault/audit"
	"toolvault/audit/mirror"
)

// All of a log arrives in order, once, and what is appended later too.
func TestEverythingArrives(t *testing.T) {
	dir := filled(t, 3000)
	r := newReceiver(t)
	m, _ := start(t, options(dir, "hook", hook(r.URL)))
	caughtUp(t, m)
	l := open(t, dir)
	add(t, l, call(1), call(2), call(3))
	caughtUp(t, m)
	r.check(t, dir, 0)
	if r.len() != 3003 {
		t.Errorf("%d records", r.len())
	}
}

// A record is sent as the program prints it, with where it is from.
func TestRecord(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	add(t, l, call(1), call(2), audit.Record{Phase: audit.PhaseEvent, Event: "e"}, audit.Record{Phase: audit.PhaseEvent, Message: `,"body":"`})
	if err := l.Erase(t.Context(), audit.Erasure{Spans: []audit.Span{{First: 1, End: 2}}, Event: audit.EventErased, Admin: "root"}); err != nil {
		t.Fatal(err)
	}
	ids, texts := should(t, dir)
	for i, want := range []map[string]any{
		{"id": logName + ":0", "log": logName, "index": 0.0, "user": "ada@acme.example", "arguments": map[string]any{"channel": "#support-updates", "text": "<hello> 1"}},
		{"id": logName + ":1", "erased": true, "user": nil, "arguments": nil, "agent": "support-agent-1"},
		{"event": "e", "message": nil},
		{"message": `,"body":"`},
		{"id": logName + ":4", "event": audit.EventErased, "admin": "root", "spans": []any{map[string]any{"first": 1.0, "end": 2.0}}},
	} {
		var got map[string]any
		if err := json.Unmarshal([]byte(texts[ids[i]]), &got); err != nil {
			t.Fatal(err)
		}
		for name, value := range want {
			if a, b := mustJSON(t, got[name]), mustJSON(t, value); a != b {
				t.Errorf("record %d: %s is %s instead of %s", i, name, a, b)
			}
		}
	}
	if !strings.Contains(texts[ids[0]], "<hello>") {
		t.Errorf("it was escaped: %s", texts[ids[0]])
	}
	for _, dir := range []string{dir, filled(t, 500)} {
		_, err := audit.Scan(t.Context(), dir, 0, func(raw audit.Raw) error {
			r, err := mirror.NewRecord("a log+of \"others\"", raw)
			if err != nil {
				return err
			}
			rec, err := r.Decode()
			if err != nil {
				return err
			}
			same(t, r.JSON, "a log+of \"others\"", rec)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// same holds what is sent against the members of the decoded record: no other, and
// none left out.
func same(t *testing.T, text []byte, log string, rec audit.Record) {
	t.Helper()
	var got, want map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if err := json.Unmarshal([]byte(mustJSON(t, rec)), &want); err != nil {
		t.Fatal(err)
	}
	want["id"], want["log"] = mirror.ID(log, rec.Index), log
	if a, b := mustJSON(t, got), mustJSON(t, want); a != b {
		t.Errorf("sent is\n%s\nand should be\n%s", a, b)
	}
}

// Whatever stands in the log, what is sent is one object on one line, or nothing.
func FuzzRecord(f *testing.F) {
	commitment := `,"body":"` + strings.Repeat("A", 43) + `="}`
	for _, seed := range [][2]string{
		{`{"index":1,"phase":"call"}`, ""}, {`{"index":1` + commitment, `{"salt":"AA","user":"ada"}`}, {`{"index":1` + commitment, `{"salt":"AA"}`},
		{`{"index":1` + commitment, ""}, {`{"index":1,"x":{"y":1` + commitment + "}", `{"salt":"A\"","user":1}`}, {`{"a":1}`, `{"b":2}`}, {`{}`, `{}`}, {``, ` `},
		{`{"index":1,"phase":7}`, ""}, {"{\n\"index\":1}", ""},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, leaf, body []byte) {
		if len(body) == 0 {
			body = nil
		}
		r, err := mirror.NewRecord(logName, audit.Raw{Index: 7, Leaf: leaf, Body: body})
		if err != nil {
			return
		}
		var got struct{ ID, Log string }
		if err := json.Unmarshal(r.JSON, &got); err != nil || bytes.ContainsRune(r.JSON, '\n') || !bytes.HasPrefix(r.JSON, []byte(`{"id":"`+logName+`:7","log":"`+logName+`"`)) {
			t.Errorf("%s and %s became %s: %v", leaf, body, r.JSON, err)
		}
	})
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A filter selects, but nobody is kept from hearing of an erasure.
func TestFilter(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	other := call(1)
	other.Agent, other.Service, other.Outcome = "ops-agent", "hubspot", "not_permitted"
	add(t, l, call(0), other)
	for _, event := range []string{audit.EventErased, audit.EventDropped} {
		if err := l.Erase(t.Context(), audit.Erasure{Spans: []audit.Span{{First: 0, End: 1}}, Event: event}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		filter mirror.Filter
		want   string
	}{
		"agent":   {mirror.Filter{Agents: []string{"x", "ops-agent"}}, "1 2 3"},
		"service": {mirror.Filter{Services: []string{"slack"}}, "0 2 3"},
		"outcome": {mirror.Filter{Outcomes: []string{"not_permitted", "timeout"}}, "1 2 3"},
		"both":    {mirror.Filter{Agents: []string{"ops-agent"}, Services: []string{"slack"}}, "2 3"},
		"none":    {mirror.Filter{}, "0 1 2 3"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			o := options(dir, "filter-"+name, hook(r.URL))
			o.Filter = c.filter
			m, stop := start(t, o)
			caughtUp(t, m)
			stop()
			var got []string
			for _, id := range r.ids {
				got = append(got, strings.TrimPrefix(id, logName+":"))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("sent %v, not %s", got, c.want)
			}
		})
	}
}

// A place that is down for a long while costs nothing but the wait: it is logged
// once, and gets all of it when it is back.
func TestDownForLong(t *testing.T) {
	dir := filled(t, 1500)
	r := newReceiver(t)
	var attempts atomic.Int32
	r.set(func([]string, []byte) int { return http.StatusServiceUnavailable })
	var out lines
	o := options(dir, "hook", hook(r.URL))
	o.Logger, o.Failed = out.logger(), func() { attempts.Add(1) }
	m, _ := start(t, o)
	l := open(t, dir)
	until(t, "tried fifty times", func() bool { return attempts.Load() > 50 })
	add(t, l, call(1)) // is held up by nothing
	if lag, err := m.Lag(); err != nil || lag != 1501 {
		t.Errorf("the lag is %d: %v", lag, err)
	}
	if n := out.count("the mirror fails"); n != 1 {
		t.Errorf("%d lines for one outage:\n%s", n, out.buf.String())
	}
	r.set(nil)
	caughtUp(t, m)
	r.check(t, dir, 0)
	if n, again := out.count("the mirror fails"), out.count("the mirror is well again"); n != 1 || again != 1 {
		t.Errorf("%d lines for one outage, %d for its end", n, again)
	}
}

// A place that hangs stops neither the others nor the program.
func TestHangingPlace(t *testing.T) {
	dir := filled(t, 2000)
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(hang)
	o := options(dir, "hangs", hook(server.URL))
	o.Patience = 20 * time.Millisecond
	var failed atomic.Int32
	o.Failed = func() { failed.Add(1) }
	stuck, stopStuck := start(t, o)
	_, stopDeaf := start(t, options(dir, "deaf", func() (mirror.Sink, error) { return deaf{hang}, nil }))
	r := newReceiver(t)
	m, _ := start(t, options(dir, "well", hook(r.URL)))
	caughtUp(t, m)
	r.check(t, dir, 0)
	until(t, "tried again", func() bool { return failed.Load() > 2 })
	if lag, err := stuck.Lag(); err != nil || lag != 2000 {
		t.Errorf("the lag is %d: %v", lag, err)
	}
	began := time.Now()
	stopStuck()
	stopDeaf()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the program took %v to stop", took)
	}
}

// deaf is a place that does not keep to its context, as a file on a dead share.
type deaf struct{ until chan struct{} }

func (d deaf) Send(context.Context, mirror.Lot) error { <-d.until; return nil }
func (d deaf) Close() error                           { panic("closed while it is at work") }

// busy is a place that asks for some time, once for each that is listed.
type busy struct {
	errs  []error
	times []time.Time
}

func (b *busy) Send(context.Context, mirror.Lot) error {
	b.times = append(b.times, time.Now())
	if len(b.times) > len(b.errs) {
		return nil
	}
	return b.errs[len(b.times)-1]
}
func (b *busy) Close() error { return nil }

// A place is left alone for as long as it asks, up to an hour; one that says nothing
// for longer and longer, up to a minute; one that refuses us for five minutes.
func TestWaits(t *testing.T) {
	dir := filled(t, 1)
	synctest.Test(t, func(t *testing.T) {
		place := &busy{errs: []error{
			&mirror.Later{After: 90 * time.Second, Err: errHere}, &mirror.Later{After: 10 * time.Hour, Err: errHere}, errHere, errHere, errHere, errHere, errHere, errHere,
			&mirror.Closed{Err: errHere},
		}}
		o := options(dir, "busy", func() (mirror.Sink, error) { return place, nil })
		o.Wait, o.Pause = nil, 0
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- mirror.New(o).Run(ctx) }()
		time.Sleep(3 * time.Hour)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		var got []time.Duration
		for i := range place.times[1:] {
			got = append(got, place.times[i+1].Sub(place.times[i]))
		}
		want := []time.Duration{90 * time.Second, time.Hour, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute, 5 * time.Minute}
		if len(got) != len(want) {
			t.Fatalf("waited %v", got)
		}
		for i := range want {
			if got[i] > want[i] || got[i] < want[i]*3/4 || i < 2 && got[i] != want[i] || i == 8 && got[i] != want[i] {
				t.Errorf("waited %v before attempt %d, and should %v", got[i], i+1, want[i])
			}
		}
	})
}
