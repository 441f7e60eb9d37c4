package audit

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// elsewhere keeps the newest head, as a program does where the folder's owner
// cannot write.
type elsewhere struct {
	mu   sync.Mutex
	list [][]byte
}

func (e *elsewhere) hear(head []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, head)
}

func (e *elsewhere) heads() [][]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

// keptLog writes n records and returns the last head that was handed out.
func keptLog(t *testing.T, dir string, n int) []byte {
	t.Helper()
	var kept elsewhere
	l := openTest(t, dir, func(o *Options) { o.Kept = kept.hear })
	appendN(t, l, 0, n)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	heads := kept.heads()
	if len(heads) == 0 {
		t.Fatal("no head was handed out")
	}
	last := heads[len(heads)-1]
	if size, log, err := HeadSize(last); err != nil || size != int64(n) || log != testName {
		t.Fatalf("the last head is of %d records of %s (%v), want %d", size, log, err, n)
	}
	return last
}

// cut leaves the first n records of a log and nothing that tells of the others.
func cut(t *testing.T, dir string, n int) {
	t.Helper()
	text, err := os.ReadFile(segmentPath(dir, 0))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if err := os.WriteFile(segmentPath(dir, 0), bytes.Join(lines[:recordLine(lines[:len(lines)-1], n)], nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, headName)); err != nil {
		t.Fatal(err)
	}
}

func problemWith(t *testing.T, dir string, kept ...[]byte) *Problem {
	t.Helper()
	r, err := Verify(t.Context(), VerifyOptions{Dir: dir, Key: testVerifier(t), Kept: kept})
	if err != nil {
		t.Fatal(err)
	}
	return r.Problem
}

func TestAHeadThatWasKeptElsewhereFindsACutTail(t *testing.T) {
	dir := t.TempDir()
	kept := keptLog(t, dir, 9)
	if p := problemWith(t, dir, kept); p != nil {
		t.Fatalf("a whole log: %v", p)
	}
	cut(t, dir, 4)
	if p := problemWith(t, dir); p != nil {
		t.Fatalf("without the head nobody can know: %v", p)
	}
	p := problemWith(t, dir, kept)
	if p == nil || p.Index != 4 || !strings.Contains(p.Reason, "records 4 to 8 are missing from the end") {
		t.Fatalf("found %v", p)
	}
}

func TestAHeadThatWasKeptElsewhereFindsALogWrittenAnew(t *testing.T) {
	dir := t.TempDir()
	kept := keptLog(t, dir, 9)
	cut(t, dir, 4)
	l := openTest(t, dir)
	appendN(t, l, 100, 20) // past the old size
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if p := problemWith(t, dir); p != nil {
		t.Fatalf("without the head nobody can know: %v", p)
	}
	if p := problemWith(t, dir, kept); p == nil || p.Index != 8 || !strings.Contains(p.Reason, "signs other records") {
		t.Fatalf("found %v", p)
	}

	// In a batch that goes past the old size there is no checkpoint of that size.
	cut(t, dir, 4)
	l = openTest(t, dir)
	appendTogether(t, l, 4, 20)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if p := problemWith(t, dir, kept); p == nil || !strings.Contains(p.Reason, "signs other records") {
		t.Fatalf("found %v", p)
	}
}

func TestAKeptHeadIsBelievedOnlyWithItsSignature(t *testing.T) {
	dir := t.TempDir()
	kept := keptLog(t, dir, 3)
	forged := bytes.Clone(kept)
	forged[bytes.Index(kept, []byte(`\n","edge"`))-5] ^= 1 // a letter of the signature
	for name, text := range map[string][]byte{"forged": forged, "no JSON": []byte("x"), "empty": nil} {
		if p := problemWith(t, dir, text); p == nil || !strings.Contains(p.Reason, "kept outside") {
			t.Errorf("%s: found %v", name, p)
		}
	}
}

func TestARolledBackLogDoesNotOverwriteTheKeptHead(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(dir string)
	}{
		{"nothing", func(string) {}},
		{"a cut tail", func(dir string) { cut(t, dir, 4) }},
		{"all gone", func(dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			kept := keptLog(t, dir, 9)
			c.harm(dir)
			var now elsewhere
			l := openTest(t, dir, func(o *Options) { o.Known, o.Kept = kept, now.hear })
			appendN(t, l, 100, 20)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if heard := len(now.heads()) > 0; heard != (c.name == "nothing") {
				t.Errorf("a newer head was handed out: %t", heard)
			}
		})
	}
}

func TestKeptHearsOncePerSecondAtMost(t *testing.T) {
	var kept elsewhere
	l := openTest(t, t.TempDir(), func(o *Options) { o.Kept, o.headEvery = kept.hear, time.Hour })
	appendN(t, l, 0, 50)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var sizes []int64
	for _, h := range kept.heads() {
		size, _, err := HeadSize(h)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, size)
	}
	if !slices.Equal(sizes, []int64{1, 50}) {
		t.Errorf("heads of %v records, want the first and the last", sizes)
	}
}

// Two histories signed by the same key: whoever has kept a checkpoint of one, as
// a head or as a signed note, finds the other.
func TestAForkIsFoundByACheckpointOfTheOtherHistory(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	appendN(t, l, 0, 10)
	l.Close()
	other := t.TempDir()
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for i, d := range []string{dir, other} {
		l := openTest(t, d, func(o *Options) { o.segmentBytes = 4 << 10 })
		appendN(t, l, 10+i, 15)
		if err := l.Upkeep(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		l.Close()
		verified(t, d, 25)
	}
	_, theirs, err := Newest(other)
	if err != nil {
		t.Fatal(err)
	}
	head, _ := os.ReadFile(filepath.Join(other, headName))
	for what, kept := range map[string][]byte{"a note": theirs, "a head": head} {
		r, err := Verify(t.Context(), VerifyOptions{Dir: dir, Key: testVerifier(t), Kept: [][]byte{kept}})
		if err != nil || r.Problem == nil || r.Problem.Index != 24 || !strings.Contains(r.Problem.Reason, "signs other records") {
			t.Errorf("%s: %+v, %v", what, r.Problem, err)
		}
	}
	// One from before the fork is of both.
	_, before, err := Newest(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(t.Context(), VerifyOptions{Dir: dir, Key: testVerifier(t), Kept: [][]byte{before}}); err != nil || r.Problem != nil {
		t.Errorf("%+v, %v", r.Problem, err)
	}
	// A forged signature is none.
	forged := append([]byte(nil), before...)
	forged[len(forged)-20] ^= 1
	if r, err := Verify(t.Context(), VerifyOptions{Dir: dir, Key: testVerifier(t), Kept: [][]byte{forged}}); err != nil || r.Problem == nil {
		t.Errorf("forged: %+v, %v", r, err)
	}
	// One that says other things, with a signature that is not of them, accuses nobody
	// of a second history.
	edited := bytes.Replace(before, []byte("\n25\n"), []byte("\n24\n"), 1)
	r, err := Verify(t.Context(), VerifyOptions{Dir: dir, Key: testVerifier(t), Kept: [][]byte{edited}})
	if err != nil || r.Problem == nil || !strings.Contains(r.Problem.Reason, "it was changed, or is of another log") {
		t.Errorf("edited: %+v, %v", r.Problem, err)
	}
}
