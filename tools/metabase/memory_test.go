package metabase

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
)

// many is an answer of so many rows of about 100 bytes, made as it is read; at
// every quarter of a megabyte it calls look.
type many struct {
	left, count int
	state       int // 0: head, 1: rows, 2: done
	buf         []byte
	read, seen  int
	look        func()
}

func (m *many) Read(p []byte) (int, error) {
	for len(m.buf) == 0 {
		switch {
		case m.state == 0:
			m.buf, m.state = append(m.buf, `{"data":{"rows":[`...), 1
		case m.state == 1 && m.left > 0:
			if m.left < m.count {
				m.buf = append(m.buf, ',')
			}
			m.buf = fmt.Appendf(m.buf, `[%d,"customer number %08d","a subject that says what it is about","open",9007199254740993]`, m.left, m.left)
			m.left--
		case m.state == 1:
			m.buf, m.state = append(m.buf, `],"cols":[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"},{"name":"e"}]},"status":"completed"}`...), 2
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, m.buf)
	m.buf = m.buf[:copy(m.buf, m.buf[n:])]
	if m.read += n; m.look != nil && m.read-m.seen > 256<<10 {
		m.seen = m.read
		m.look()
	}
	return n, nil
}

// Of an answer of ten megabytes and 100,000 rows no more memory is taken than three
// times what is shown of it, all the while.
func TestTheMemoryOfALargeAnswer(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: it collects garbage many times")
	}
	live := func() uint64 {
		for range 3 { // what pools hold is let go in the second
			runtime.GC()
		}
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	for _, limit := range []int{200, 500} {
		peak := uint64(0)
		source := &many{left: 100_000, count: 100_000, buf: make([]byte, 0, 256)}
		source.look = func() { peak = max(peak, live()) }
		base := live()
		got, err := readRows(source, portion{limit: limit})
		if err != nil || len(got.rows) < limit*4/5 || !got.more {
			t.Fatalf("%v, %d rows", err, len(got.rows))
		}
		rows := got.rows
		got = nil // what it holds beside the rows is not shown
		kept := live() - base
		if source.read < 9<<20 || peak < base {
			t.Fatalf("%d bytes were read, the peak was %d over %d", source.read, peak, base)
		}
		t.Logf("limit %d: %d bytes read, %d kept, at most %d in use", limit, source.read, kept, peak-base)
		if peak-base > 3*kept {
			t.Errorf("limit %d: %d bytes kept, and %d in use meanwhile", limit, kept, peak-base)
		}
		runtime.KeepAlive(rows)
	}
}

func BenchmarkReadRows(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		source := &many{left: 100_000, count: 100_000, buf: make([]byte, 0, 256)}
		if got, err := readRows(source, portion{limit: 50}); err != nil || len(got.rows) != 50 {
			b.Fatal(err)
		}
		b.SetBytes(int64(source.read))
	}
}

// What a page of 50 rows costs beside the way to Metabase: reading, and both forms
// of the answer.
func BenchmarkAPageOfRows(b *testing.B) {
	source := &many{left: 51, count: 51}
	body, err := io.ReadAll(source)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		got, err := readRows(bytes.NewReader(body), portion{limit: 50})
		if err != nil {
			b.Fatal(err)
		}
		out := got.answer("q", portion{limit: 50}, nil)
		if raw, err := json.Marshal(out); err != nil || len(raw)+len(out.Text()) < 5000 {
			b.Fatal(err)
		}
	}
}

// A query that takes longer than the call may is given up, and its connection
// closed, whereupon Metabase cancels it.
func TestASlowQueryIsGivenUp(t *testing.T) {
	gone := make(chan struct{})
	double := sandbox.NewMetabase()
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/query") {
			double.ServeHTTP(rw, r)
			return
		}
		_, _ = io.ReadAll(r.Body) // or the server does not notice
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(rw, `{"data":{"rows":[[1]`)
		_ = http.NewResponseController(rw).Flush()
		<-r.Context().Done()
		close(gone)
	}))
	defer s.Close()
	w := &world{t: t, svc: New(), url: s.URL, key: double.Secret}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var f *fault.Error
	for _, tool := range w.svc.Tools {
		if tool.Name == "metabase_run_question" {
			_, err := tool.Run(ctx, w.client(), []byte(`{"id":101,"limit":50}`))
			f = toolstest.FaultOf(t, err)
		}
	}
	if f.Kind != fault.Timeout || !strings.Contains(f.Message, "given up") {
		t.Errorf("got %+v", f)
	}
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the connection stayed open")
	}
}
