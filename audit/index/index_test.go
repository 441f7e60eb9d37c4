package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/audit/audittest"
)

const testPer = 64 // records a block

// filled makes a log of n records and its index.
func filled(t *testing.T, n int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	start := time.Now().Add(-24 * time.Hour)
	if _, err := audittest.Fill(t.Context(), dir, n, audittest.Options{Start: start, Span: 12 * time.Hour, Together: 32}); err != nil {
		t.Fatal(err)
	}
	if err := build(t.Context(), dir, testPer, 2, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// same holds some queries against the oracle.
func same(t *testing.T, dir string) {
	t.Helper()
	for _, f := range []audit.Filter{
		{}, {Limit: 7}, {Agent: audittest.FrequentAgent}, {Tool: "token.refused"}, {Outcome: "timeout"}, {Text: audittest.FrequentWord},
		{Text: "acme.example " + audittest.FrequentWord, Service: "slack"}, {Text: "nevermentioned"}, {Outcome: audit.StatusUnknown},
	} {
		if diff := difference(found(t, dir, testPer, f), wanted(t, dir, f)); diff != "" {
			t.Errorf("%+v: %s", f, diff)
		}
	}
}

func blocks(t *testing.T, dir string) (paths []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, folder, "*"+blockSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestFullBlocksAreKeptAndUsed(t *testing.T) {
	dir := filled(t, 10*testPer+5)
	if n := len(blocks(t, dir)); n != 10 {
		t.Fatalf("%d blocks, want 10", n)
	}
	same(t, dir)
	calls := 0
	err := each(t.Context(), dir, testPer, audit.Filter{Agent: "nobody"}, func(int, int) { calls++ }, time.Now(), func(audit.Entry) error { return nil })
	if err != nil || calls != 0 {
		t.Errorf("%d blocks were built again (%v)", calls, err)
	}
	for _, path := range append(blocks(t, dir), filepath.Join(dir, folder)) {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: others may look: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestProgressTellsOfMissingBlocks(t *testing.T) {
	dir := filled(t, 6*testPer)
	if err := os.RemoveAll(filepath.Join(dir, folder)); err != nil {
		t.Fatal(err)
	}
	var heard []string
	err := each(t.Context(), dir, testPer, audit.Filter{Agent: "nobody"}, func(done, total int) { heard = append(heard, fmt.Sprint(done, "/", total)) }, time.Now(), func(audit.Entry) error { return nil })
	if got := strings.Join(heard, " "); err != nil || got != "1/6 2/6 3/6 4/6 5/6 6/6" {
		t.Errorf("heard %s (%v)", got, err)
	}
}

// TestDamageIsMended changes a block, at its ends and in each section: what is found
// stays right.
func TestDamageIsMended(t *testing.T) {
	dir := filled(t, 4*testPer)
	path := blocks(t, dir)[1]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(name string, change func([]byte) []byte) {
		if err := os.WriteFile(path, change(bytes.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		same(t, dir)
		if t.Failed() {
			t.Fatalf("after %s", name)
		}
		if now, err := os.ReadFile(path); name != "nothing" && (err != nil || !bytes.Equal(now, whole)) && name[0] != '@' {
			t.Errorf("after %s the block was not mended (%v)", name, err)
		}
	}
	spoil("nothing", func(b []byte) []byte { return b })
	spoil("a cut", func(b []byte) []byte { return b[:len(b)/2] })
	spoil("a cut header", func(b []byte) []byte { return b[:100] })
	spoil("emptying", func([]byte) []byte { return nil })
	spoil("another version", func(b []byte) []byte { b[8]++; return b })
	spoil("another number", func(b []byte) []byte {
		other, err := os.ReadFile(blocks(t, dir)[2])
		if err != nil {
			t.Fatal(err)
		}
		return other
	})
	v, err := openView(bytes.NewReader(whole), nil)
	if err != nil {
		t.Fatal(err)
	}
	for section, part := range v.section {
		at := int(v.data) + part.off
		spoil(fmt.Sprintf("@section %d", section), func(b []byte) []byte {
			for i := range min(part.size, 64) {
				b[at+i] ^= 0x55
			}
			return b
		})
	}
}

func TestWithoutAFolderToWriteItWorksToo(t *testing.T) {
	dir := filled(t, 3*testPer+1)
	path := filepath.Join(dir, folder)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // who may write anywhere: but not where a file stands in the way
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	} else {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	}
	same(t, dir)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		t.Error("the folder was made all the same")
	}
}

func TestTheIndexOfAnotherLogIsNotUsed(t *testing.T) {
	for name, other := range map[string]int{"longer": 6 * testPer, "as long": 4 * testPer, "shorter": 2*testPer + 3} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t, 4*testPer)
			there := t.TempDir()
			if _, err := audittest.Fill(t.Context(), there, other, audittest.Options{Seed: 5, Together: 8}); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(dir, folder), filepath.Join(there, folder)); err != nil {
				t.Fatal(err)
			}
			same(t, there)
		})
	}
}

func TestForgetRemovesWhatCoversTheRecords(t *testing.T) {
	dir := filled(t, 6*testPer)
	s := openShelf(dir, testPer, false)
	aside := filepath.Join(s.dir, blockName(3)+".123"+asideSuffix) // of a process that was killed
	old := filepath.Join(s.dir, "0000000003.v0"+blockSuffix)
	for _, path := range []string{aside, old} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.forget([]audit.Span{{First: testPer - 1, End: testPer}, {First: 3*testPer + 5, End: 4*testPer + 1}}); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, path := range blocks(t, dir) {
		left = append(left, filepath.Base(path))
	}
	if got := strings.Join(left, " "); got != blockName(1)+" "+blockName(2)+" "+blockName(5) {
		t.Errorf("left are %s", got)
	}
	if _, err := os.Stat(aside); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a block in the making is still there")
	}
	same(t, dir)
	if err := Forget(t.TempDir(), []audit.Span{{First: 0, End: 1}}); err != nil {
		t.Errorf("where there is no index: %v", err)
	}
}

func TestWhatIsOfNoUseIsRemoved(t *testing.T) {
	dir := filled(t, 2*testPer)
	old := filepath.Join(dir, folder, "0000000000.v0"+blockSuffix)
	killed := filepath.Join(dir, folder, blockName(1)+".1"+asideSuffix)
	making := filepath.Join(dir, folder, blockName(1)+".2"+asideSuffix)
	for _, path := range []string{old, killed, making} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(killed, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	same(t, dir)
	for path, want := range map[string]bool{old: false, killed: false, making: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
}

// TestNothingReadBeforeAnErasureIsWrittenAfterIt stops a process between its
// reading and its writing, and erases meanwhile.
func TestNothingReadBeforeAnErasureIsWrittenAfterIt(t *testing.T) {
	dir := filled(t, 2*testPer)
	s := openShelf(dir, testPer, true)
	if err := os.Remove(blocks(t, dir)[0]); err != nil {
		t.Fatal(err)
	}
	generation, err := s.generation()
	if err != nil {
		t.Fatal(err)
	}
	before, err := read(t.Context(), dir, 0, testPer, 2*testPer, false)
	if err != nil {
		t.Fatal(err)
	}
	span := []audit.Span{{First: 3, End: 4}}
	l := openLog(t, dir, nil)
	defer func() { _ = l.Close() }()
	if err := l.Erase(t.Context(), audit.Erasure{Spans: span, Event: audit.EventErased}); err != nil {
		t.Fatal(err)
	}
	if err := s.forget(span); err != nil {
		t.Fatal(err)
	}
	if err := s.put(0, before.file(), generation); !errors.Is(err, errForgotten) {
		t.Errorf("what was read before the erasure was taken: %v", err)
	}
	if _, err := os.Stat(filepath.Join(s.dir, blockName(0))); !errors.Is(err, fs.ErrNotExist) {
		t.Error("what was read before the erasure is on the shelf")
	}
	if names, _ := filepath.Glob(filepath.Join(s.dir, "*"+asideSuffix)); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
	if now, err := s.generation(); err != nil || now == generation {
		t.Fatalf("generation %q, %v", now, err)
	}
	same(t, dir)
}

// TestErasureWhileManyBuild has the same under way for real: whenever an erasure
// is done, no block says what is erased.
func TestErasureWhileManyBuild(t *testing.T) {
	dir := filled(t, 4*testPer)
	l := openLog(t, dir, nil)
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	var builders sync.WaitGroup
	for range 3 {
		builders.Go(func() {
			for ctx.Err() == nil {
				if err := build(ctx, dir, testPer, 2, nil); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	s := openShelf(dir, testPer, false)
	for index := int64(0); index < 4*testPer; index += 3 {
		rec := recordOf(t, dir, index)
		if rec.Phase != audit.PhaseCall || rec.User == "" { // a write's outcome has the user too
			continue
		}
		span := []audit.Span{{First: index, End: index + 1}}
		if err := l.Erase(t.Context(), audit.Erasure{Spans: span, Event: audit.EventErased}); err != nil {
			t.Fatal(err)
		}
		if err := s.forget(span); err != nil {
			t.Fatal(err)
		}
		v, err := s.open(extentOf{0, l.Size()}, index/testPer)
		if err != nil {
			continue // not built again yet
		}
		var rows rowSet
		if err := v.having(byUser, short(hash([]byte(rec.User))), &rows); err != nil {
			t.Fatal(err)
		}
		_ = v.close()
		if rows.has(int(index % testPer)) {
			t.Fatalf("record %d lost its user, and the index still has it", index)
		}
	}
	cancel()
	builders.Wait()
	same(t, dir)
}

func recordOf(t *testing.T, dir string, index int64) audit.Record {
	t.Helper()
	r := audit.NewReader(dir)
	defer func() { _ = r.Close() }()
	raw, err := r.At(index)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := raw.Record()
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// TestRunKeepsUp lets two processes' worth of it run while a log grows.
func TestRunKeepsUp(t *testing.T) {
	dir := filled(t, testPer)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			if err := run(ctx, dir, testPer); err != nil {
				t.Error(err)
			}
		})
	}
	deadline := time.Now().Add(30 * time.Second)
	for seed := uint64(1); len(blocks(t, dir)) < 4; seed++ {
		if time.Now().After(deadline) {
			t.Fatalf("%d blocks after 30 s", len(blocks(t, dir)))
		}
		if _, err := audittest.Fill(t.Context(), dir, testPer, audittest.Options{Seed: seed, Together: 8}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	running.Wait()
	same(t, dir)
}

// TestALogThatGrows is asked while it does: an answer is that of some moment
// between the question and the end.
func TestALogThatGrows(t *testing.T) {
	dir := filled(t, 3*testPer)
	ctx, cancel := context.WithCancel(t.Context())
	var growing sync.WaitGroup
	growing.Go(func() {
		for seed := uint64(1); ctx.Err() == nil; seed++ {
			if _, err := audittest.Fill(ctx, dir, 40, audittest.Options{Seed: seed, Together: 8}); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	for range 15 {
		before, _, err := audit.Newest(dir)
		if err != nil {
			t.Fatal(err)
		}
		got := found(t, dir, testPer, audit.Filter{Agent: audittest.FrequentAgent})
		after, _, err := audit.Newest(dir)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[int64]bool{}
		for i, e := range got {
			if e.Index >= after || seen[e.Index] || i > 0 && e.Index >= got[i-1].Index {
				t.Fatalf("entry %d is out of order, or there twice", e.Index)
			}
			seen[e.Index] = true
		}
		for _, e := range wanted(t, dir, audit.Filter{Agent: audittest.FrequentAgent}) {
			if e.Index < before && e.Phase != audit.PhaseOutcome && !seen[e.Index] {
				t.Fatalf("entry %d is missing", e.Index)
			}
		}
	}
	cancel()
	growing.Wait()
	same(t, dir)
}

// TestMovedAwaySegments removes the oldest part of a log that has an index.
func TestMovedAwaySegments(t *testing.T) {
	dir := t.TempDir()
	if _, err := audittest.Fill(t.Context(), dir, 70_000, audittest.Options{Span: 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	ask := func() {
		t.Helper()
		for _, f := range []audit.Filter{{Agent: "ops-agent", Outcome: "timeout"}, {Limit: 50}, {Tool: "agent.suspended"}, {Text: "brouna invoice", Limit: 10}} {
			if diff := difference(found(t, dir, blockRows, f), wanted(t, dir, f)); diff != "" {
				t.Errorf("%+v: %s", f, diff)
			}
		}
	}
	ask()
	oldest, err := filepath.Glob(filepath.Join(dir, "00000000000000000000.log*"))
	if err != nil || len(oldest) != 1 {
		t.Fatal(oldest, err)
	}
	aside := filepath.Join(t.TempDir(), filepath.Base(oldest[0]))
	if err := os.Rename(oldest[0], aside); err != nil {
		t.Fatal(err)
	}
	ask()
	if err := os.Rename(aside, oldest[0]); err != nil {
		t.Fatal(err)
	}
	ask()
}

// TestClockFarBehind is where the index finds more than Query.
func TestClockFarBehind(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, nil)
	now := time.Now()
	for i, ago := range []time.Duration{time.Minute, 5 * time.Hour, time.Minute} {
		add(t, l, audit.Record{Phase: audit.PhaseCall, CallID: fmt.Sprint(i), Outcome: "ok", Time: now.Add(-ago)})
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	list := found(t, dir, testPer, audit.Filter{Since: now.Add(-time.Hour)})
	if len(list) != 2 || list[0].CallID != "2" || list[1].CallID != "0" {
		t.Errorf("found %+v", list)
	}
}

func TestFnEndsIt(t *testing.T) {
	dir := filled(t, 2*testPer)
	stop := errors.New("stop")
	n := 0
	err := each(t.Context(), dir, testPer, audit.Filter{}, nil, time.Now(), func(audit.Entry) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%d entries, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Each(ctx, dir, audit.Filter{}, nil, func(audit.Entry) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if err := Each(t.Context(), filepath.Join(dir, "nowhere"), audit.Filter{}, nil, func(audit.Entry) error { return nil }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a log: %v", err)
	}
}
