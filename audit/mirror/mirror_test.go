package mirror_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
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

// Where a place says what it can take, that is what it gets, and what it will never
// take is told of by its index and passed over, all the rest being sent.
func TestRefusals(t *testing.T) {
	const n = 1500
	dir := filled(t, n)
	poison := []string{mirror.ID(logName, 0), mirror.ID(logName, 700), mirror.ID(logName, 701), mirror.ID(logName, n-1)}
	for name, answer := range map[string]func(ids []string, body []byte) int{
		"400 for a record": func(ids []string, _ []byte) int { return refuse(ids, poison, http.StatusBadRequest) },
		"422 for a record": func(ids []string, _ []byte) int { return refuse(ids, poison, http.StatusUnprocessableEntity) },
		"413 for more than 100, and for a record": func(ids []string, _ []byte) int {
			if len(ids) > 100 {
				return http.StatusRequestEntityTooLarge
			}
			return refuse(ids, poison, http.StatusRequestEntityTooLarge)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			r.set(answer)
			var mu sync.Mutex
			var told []string
			o := options(dir, "refused-"+name[:3], hook(r.URL))
			again := false
			o.Refused = func(_ context.Context, what mirror.Refusal) error {
				mu.Lock()
				defer mu.Unlock()
				if again = !again; again {
					return errHere // that it cannot be told is no reason to pass it over
				}
				if what.Count != 1 || what.End != what.First+1 || what.Mirror != o.Name || what.Reason == nil {
					t.Errorf("told of %+v", what)
				}
				told = append(told, mirror.ID(logName, what.First))
				return nil
			}
			m, stop := start(t, o)
			caughtUp(t, m)
			stop()
			if !slices.Equal(told, poison) {
				t.Errorf("told of %v, not %v", told, poison)
			}
			ids, _ := should(t, dir)
			ids = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(poison, id) })
			if !slices.Equal(ids, r.ids) {
				t.Errorf("%d records arrived, not %d in order", len(r.ids), len(ids))
			}
			if asked := r.asked(); asked > 200 {
				t.Errorf("%d requests for %d records", asked, n)
			}
		})
	}
}

func refuse(ids, poison []string, status int) int {
	if slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(poison, id) }) {
		return status
	}
	return http.StatusOK
}

// A place that refuses the mirror itself, or everything, is one to mend: nothing is
// passed over, and once it is mended it goes on by itself, with a secret that is
// read again.
func TestAPlaceToMend(t *testing.T) {
	for _, status := range []int{401, 403, 404, 405, 301} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			dir := filled(t, 300)
			r := newReceiver(t)
			r.set(func([]string, []byte) int { return status })
			var out lines
			var opened atomic.Int32
			o := options(dir, "hook", nil)
			o.Open = func() (mirror.Sink, error) {
				if opened.Add(1); opened.Load() == 3 {
					return nil, errHere
				}
				return hook(r.URL)()
			}
			o.Logger, o.Refused = out.logger(), func(_ context.Context, what mirror.Refusal) error {
				t.Errorf("passed over %+v", what)
				return nil
			}
			m, _ := start(t, o)
			until(t, "opened again", func() bool { return opened.Load() > 5 })
			if n := out.count("stands still"); n != 1 {
				t.Errorf("%d lines:\n%s", n, out.buf.String())
			}
			r.set(nil)
			caughtUp(t, m)
			r.check(t, dir, 0)
		})
	}
}

// 400 for everything is a mistake of the place, not of what it is sent.
func TestEverythingRefused(t *testing.T) {
	dir := filled(t, 300)
	r := newReceiver(t)
	r.set(func([]string, []byte) int { return http.StatusBadRequest })
	var out lines
	var told atomic.Int32
	o := options(dir, "hook", hook(r.URL))
	o.Logger, o.Refused = out.logger(), func(context.Context, mirror.Refusal) error { told.Add(1); return nil }
	m, _ := start(t, o)
	until(t, "still", func() bool { return out.count("stands still") > 0 })
	asked := r.asked()
	until(t, "tried again", func() bool { return r.asked() > asked+5 })
	if n := told.Load(); n != 16 {
		t.Errorf("%d records were passed over", n)
	}
	r.set(nil)
	caughtUp(t, m)
	if n := r.len() + int(told.Load()); n != 300 {
		t.Errorf("%d of 300 records have arrived or are told of", n)
	}
}

// Many records in a row that a place does not take hold up nobody, as long as it
// takes others.
func TestARunOfRefused(t *testing.T) {
	dir := filled(t, 300)
	ids, _ := should(t, dir)
	poison := ids[50:130]
	r := newReceiver(t)
	r.set(func(ids []string, _ []byte) int { return refuse(ids, poison, http.StatusBadRequest) })
	var told atomic.Int32
	o := options(dir, "hook", hook(r.URL))
	o.Refused = func(context.Context, mirror.Refusal) error { told.Add(1); return nil }
	m, stop := start(t, o)
	caughtUp(t, m)
	stop()
	if told.Load() != 80 {
		t.Errorf("told of %d", told.Load())
	}
	if n := r.len(); n < 220 || n > 230 {
		t.Errorf("%d records arrived", n)
	}
	slices.Sort(r.ids)
	if n := len(slices.Compact(r.ids)); n != 220 {
		t.Errorf("%d different records arrived", n) // some came again, to see whether it takes any
	}
}

// That a record was refused is a record, and it may be refused as well: there is an
// end to it.
func TestRefusedRefusals(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	add(t, l, call(0))
	r := newReceiver(t)
	r.set(func(ids []string, body []byte) int {
		if strings.Contains(string(body), mirror.EventRefused) || strings.Contains(string(body), "0190-call-0") {
			return http.StatusBadRequest
		}
		return http.StatusOK
	})
	o := options(dir, "hook", hook(r.URL))
	o.Refused = func(ctx context.Context, what mirror.Refusal) error {
		_, err := l.Append(ctx, audit.Record{Phase: audit.PhaseEvent, Event: mirror.EventRefused, Spans: []audit.Span{{First: what.First, End: what.End}}})
		return err
	}
	m, _ := start(t, o)
	until(t, "told", func() bool { return l.Size() == 2 })
	caughtUp(t, m)
	add(t, l, call(1))
	caughtUp(t, m)
	if l.Size() != 3 || r.len() != 1 {
		t.Errorf("%d records in the log, %d arrived", l.Size(), r.len())
	}
}

// Records that were moved to an archive before they were sent are told of; a mirror
// that begins after that is sent what is there.
func TestMovedAwayUnsent(t *testing.T) {
	dir := filled(t, 100)
	r := newReceiver(t)
	m, stop := start(t, options(dir, "hook", hook(r.URL)))
	caughtUp(t, m)
	stop()
	l := open(t, dir)
	size := l.Size()
	for i := range 400 { // several segments
		big := call(i)
		big.Arguments = json.RawMessage(`"` + strings.Repeat("x", 250_000) + `"`)
		add(t, l, big)
	}
	moved, err := l.Archive(t.Context(), t.TempDir(), time.Now().Add(time.Hour), "root")
	if err != nil || moved.First != 0 || moved.End <= size {
		t.Fatalf("moved %v: %v", moved, err)
	}
	var told []mirror.Refusal
	o := options(dir, "hook", hook(r.URL))
	o.Refused = func(_ context.Context, what mirror.Refusal) error { told = append(told, what); return nil }
	m, stop = start(t, o)
	caughtUp(t, m)
	stop()
	if len(told) != 1 || told[0].First != size || told[0].End != moved.End || told[0].Count != moved.End-size {
		t.Errorf("told of %+v, %d to %d were moved", told, size, moved.End)
	}
	told = nil
	o.Name = "new"
	m, stop = start(t, o)
	caughtUp(t, m)
	stop()
	if len(told) > 0 {
		t.Errorf("told of %+v", told)
	}
}
