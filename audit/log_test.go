package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const testName = "toolvault/test"

func testKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

func testVerifier(t testing.TB) string {
	t.Helper()
	v, err := VerifierKey(testKey(), testName)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func openTest(t testing.TB, dir string, change ...func(*Options)) *Log {
	t.Helper()
	o := Options{Dir: dir, Key: testKey(), Name: testName}
	for _, c := range change {
		c(&o)
	}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func call(n int) Record {
	return Record{
		Phase: PhaseCall, CallID: fmt.Sprintf("0190-call-%d", n), Agent: "support-agent-1", Service: "slack", Tool: "slack_post_message",
		Arguments: json.RawMessage(fmt.Sprintf(`{"channel": "#support-updates", "text": "hello %d"}`, n)), Outcome: "ok",
		Millis: Steps{Total: 1.5},
	}
}

func appendN(t testing.TB, l *Log, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		if _, err := l.Append(t.Context(), call(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// appendTogether makes one batch of n records.
func appendTogether(t testing.TB, l *Log, from, n int) {
	t.Helper()
	var list []*request
	for i := range n {
		r := call(from + i)
		r.Time = time.Now()
		record, err := encodeRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, &request{record: record, reply: make(chan reply, 1)})
	}
	l.mu.Lock()
	l.queue = append(l.queue, list...)
	l.mu.Unlock()
	l.wake()
	for i, req := range list {
		if r := <-req.reply; r.err != nil || r.receipt.Index() != int64(from+i) {
			t.Fatalf("receipt %+v", r)
		}
	}
}

func verified(t testing.TB, dir string, records int64) Report {
	t.Helper()
	r, err := Verify(t.Context(), VerifyOptions{Dir: dir, Key: testVerifier(t)})
	if err != nil {
		t.Fatal(err)
	}
	if r.Problem != nil {
		t.Fatalf("problem: %v", r.Problem)
	}
	if records >= 0 && r.Records != records {
		t.Fatalf("records %d, want %d", r.Records, records)
	}
	return r
}

func TestTreeIsRFC6962(t *testing.T) {
	var tr tree
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(ix []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range ix {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for n := range int64(300) {
		want, err := tlog.TreeHash(n, read)
		if err != nil || tr.root() != want || !tr.sound() {
			t.Fatalf("size %d: root %v, want %v (%v)", n, tr.root(), want, err)
		}
		data := []byte(strconv.FormatInt(n, 10))
		more, err := tlog.StoredHashes(n, data, read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
		tr.add(tlog.RecordHash(data))
	}
}

func TestAppendIsCoveredAndKeptAcrossOpens(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l := openTest(t, dir)
	for i := range 5 {
		r, err := l.Append(t.Context(), call(i))
		if err != nil || r.Index() != int64(i) || r.TreeSize() != int64(i+1) || !r.Durable() {
			t.Fatalf("receipt %+v, %v", r, err)
		}
	}
	appendTogether(t, l, 5, 20)
	if l.Size() != 25 {
		t.Fatalf("size %d", l.Size())
	}
	verified(t, dir, 25)
	if err := l.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), call(0)); !errors.Is(err, ErrClosed) {
		t.Fatalf("append to a closed log: %v", err)
	}
	for _, head := range []bool{true, false} {
		if !head {
			os.Remove(filepath.Join(dir, headName))
		}
		l = openTest(t, dir)
		size := l.Size()
		appendN(t, l, int(size), 1)
		l.Close()
		verified(t, dir, size+1)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		info, _ := d.Info()
		if mode := info.Mode().Perm(); d.IsDir() && mode != 0o700 || !d.IsDir() && mode != 0o600 {
			t.Errorf("%s has mode %o", path, mode)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSegmentsRollOver(t *testing.T) {
	dir := t.TempDir()
	small := func(o *Options) { o.segmentBytes = 2000 }
	a, b := openTest(t, dir, small), openTest(t, dir, small)
	for i := range 60 {
		appendN(t, []*Log{a, b}[i%2], i, 1)
	}
	a.Close()
	b.Close()
	list, _ := segments(dir)
	if len(list) < 5 {
		t.Fatalf("segments %v", list)
	}
	verified(t, dir, 60)
	os.Remove(filepath.Join(dir, headName))
	l := openTest(t, dir, small)
	appendN(t, l, 60, 1)
	verified(t, dir, 61)
	got, err := Query(t.Context(), dir, Filter{})
	if err != nil || len(got) != 61 || got[0].Index != 60 || got[60].Index != 0 {
		t.Fatalf("query: %d entries, %v", len(got), err)
	}
}

func TestRecordsAreBounded(t *testing.T) {
	l := openTest(t, t.TempDir())
	r := call(0)
	r.Arguments, _ = json.Marshal(strings.Repeat("x", maxBody))
	if _, err := l.Append(t.Context(), r); !errors.Is(err, ErrRecordTooLarge) {
		t.Fatalf("error %v", err)
	}
	r = call(0)
	r.Arguments, _ = json.Marshal(strings.Repeat("x", maxBody-1000))
	if _, err := l.Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, r := range []Record{{Phase: "other"}, {Phase: PhaseIntent}, {Phase: PhaseCall, Arguments: json.RawMessage("{")}} {
		if _, err := l.Append(t.Context(), r); err == nil {
			t.Errorf("%+v was taken", r)
		}
	}
	verified(t, l.dir, 1)
}

// Whatever prefix of an unacknowledged batch is on disk, in the next process or
// in one that is running, it is cut off and the log goes on.
func TestTornTailIsCutAtAnyByte(t *testing.T) {
	source := t.TempDir()
	l := openTest(t, source)
	appendN(t, l, 0, 3)
	before, _ := os.ReadFile(segmentPath(source, 0))
	appendTogether(t, l, 3, 1)
	l.Close()
	whole, _ := os.ReadFile(segmentPath(source, 0))
	batch := whole[len(before):]
	dir := t.TempDir()
	var heard logLines
	live := openTest(t, dir, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&heard, nil)) })
	appendN(t, live, 0, 3)
	for n := 1; n < len(batch); n += 7 {
		size := live.Size()
		f, _ := os.OpenFile(segmentPath(dir, 0), os.O_APPEND|os.O_WRONLY, 0)
		f.Write(batch[:n])
		f.Close()
		if n%2 == 0 {
			other := openTest(t, dir)
			other.Close()
		}
		appendN(t, live, int(size), 1)
		if live.Size() != size+1 {
			t.Fatalf("after %d bytes: size %d, want %d", n, live.Size(), size+1)
		}
	}
	// Pages of the last write may be kept out of order: the checkpoint, not the records.
	f, _ := os.OpenFile(segmentPath(dir, 0), os.O_APPEND|os.O_WRONLY, 0)
	f.Write(make([]byte, 3000)) // longer than what comes next
	f.Write(batch[300:])
	f.Close()
	size := live.Size()
	appendN(t, live, int(size), 1)
	verified(t, dir, size+1)
	if !strings.Contains(heard.String(), "torn tail") {
		t.Error("nothing was logged")
	}
}

type logLines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestDamageBehindItsBackStopsTheLog(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	appendN(t, l, 0, 5)
	l.Close()
	name := segmentPath(dir, 0)
	text, _ := os.ReadFile(name)
	changed := []byte(strings.Replace(string(text), "call-2", "call-X", 1))
	os.WriteFile(name, changed, 0o600)
	os.Remove(filepath.Join(dir, headName))
	_, err := Open(Options{Dir: dir, Key: testKey(), Name: testName})
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("error %v", err)
	}
	if now, _ := os.ReadFile(name); string(now) != string(changed) {
		t.Fatal("the evidence was changed")
	}
	if _, err := Open(Options{Dir: dir, Key: NewKey(), Name: testName}); !errors.Is(err, ErrDamaged) {
		t.Fatalf("another key: %v", err)
	}
	live := openTest(t, t.TempDir())
	appendN(t, live, 0, 2)
	os.Rename(segmentPath(live.dir, 0), filepath.Join(live.dir, "away"))
	if _, err := live.Append(t.Context(), call(2)); !errors.Is(err, ErrDamaged) {
		t.Fatalf("segment moved away: %v", err)
	}
	other := openTest(t, t.TempDir())
	appendN(t, other, 0, 1)
	other.Close()
	if _, err := Open(Options{Dir: other.dir, Key: NewKey(), Name: testName}); !errors.Is(err, ErrDamaged) {
		t.Fatalf("whole log, another key: %v", err)
	}
}

func TestCancelledAppend(t *testing.T) {
	l := openTest(t, t.TempDir())
	appendN(t, l, 0, 1)
	hold, _ := openTurns(l.dir)
	defer hold.close()
	if err := hold.take(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := l.Append(ctx, call(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	hold.release()
	appendN(t, l, 2, 1)
	verified(t, l.dir, -1)
}
