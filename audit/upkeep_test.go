package audit

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func small(o *Options) { o.segmentBytes = 4 << 10 }

// sealedLog is a log of n records in sealed segments and one that is not.
func sealedLog(t *testing.T, n int, change ...func(*Options)) (*Log, string) {
	t.Helper()
	dir := t.TempDir()
	l := openTest(t, dir, append([]func(*Options){small}, change...)...)
	for i := 0; i < n; i += 10 {
		appendTogether(t, l, i, 10)
	}
	if err := l.Upkeep(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	return l, dir
}

func files(t *testing.T, dir, suffix string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func scanAll(t *testing.T, dir string, from int64) []Raw {
	t.Helper()
	var list []Raw
	next, err := Scan(t.Context(), dir, from, func(r Raw) error {
		list = append(list, r.Clone())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) > 0 && next != list[len(list)-1].Index+1 {
		t.Fatalf("next is %d behind record %d", next, list[len(list)-1].Index)
	}
	return list
}

func TestFullSegmentsAreSealedAndReadAsBefore(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, small)
	for i := 0; i < 1000; i += 10 {
		appendTogether(t, l, i, 10)
	}
	before := scanAll(t, dir, 0)
	if len(before) != 1000 {
		t.Fatalf("%d records", len(before))
	}
	asked := Filter{Agent: "support-agent-1", Limit: 700}
	wanted, err := Query(t.Context(), dir, asked)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Upkeep(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if plain, packed := files(t, dir, segmentSuffix), files(t, dir, sealedSuffix); len(plain) != 1 || len(packed) < 10 {
		t.Fatalf("%d segments and %d sealed ones", len(plain), len(packed))
	}
	for _, from := range []int64{0, 1, 255, 256, 257, 600, 999, 1000} {
		after := scanAll(t, dir, from)
		if len(after) != 1000-int(from) {
			t.Fatalf("%d records from %d", len(after), from)
		}
		for i, r := range after {
			b := before[from+int64(i)]
			if r.Index != b.Index || !bytes.Equal(r.Leaf, b.Leaf) || !bytes.Equal(r.Body, b.Body) {
				t.Fatalf("record %d is %s%s, was %s%s", b.Index, r.Leaf, r.Body, b.Leaf, b.Body)
			}
		}
	}
	r := NewReader(dir)
	defer r.Close()
	for _, i := range []int64{999, 0, 512, 511, 3, 998} {
		got, err := r.At(i)
		if err != nil || !bytes.Equal(got.Leaf, before[i].Leaf) || !bytes.Equal(got.Body, before[i].Body) {
			t.Fatalf("record %d is %s, %v", i, got.Leaf, err)
		}
	}
	if _, err := r.At(1000); !errors.Is(err, ErrNoRecord) {
		t.Fatal(err)
	}
	got, err := Query(t.Context(), dir, asked)
	if err != nil || len(got) != len(wanted) || got[699].CallID != wanted[699].CallID {
		t.Fatalf("query: %d, %v", len(got), err)
	}
	verified(t, dir, 1000)

	// It goes on, in this process and in others.
	appendN(t, l, 1000, 1)
	other := openTest(t, dir, small)
	appendN(t, other, 1001, 200)
	if err := other.Upkeep(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	appendN(t, l, 1201, 1) // its segment was sealed by the other
	verified(t, dir, 1202)
}

// Others' tools can unpack a sealed segment.
func TestASealedSegmentIsZstandard(t *testing.T) {
	_, dir := sealedLog(t, 100)
	zstd, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("SKIPPED: there is no zstd program here to hold the format against")
	}
	out, err := exec.Command(zstd, "-dc", files(t, dir, sealedSuffix)[0]).Output()
	if err != nil || !bytes.HasPrefix(out, []byte(`["tree",0]`)) {
		t.Fatalf("%v: %.80s", err, out)
	}
}

func TestVerifyNamesWhatDoesNotFitInASealedSegment(t *testing.T) {
	// repack rewrites a sealed segment with other lines.
	repack := func(t *testing.T, path string, change func(string) string) {
		s, err := openSealed(filepath.Dir(path), 0)
		if err != nil {
			t.Fatal(err)
		}
		in, _ := s.from(0)
		var text strings.Builder
		for {
			line, err := in.next()
			if err != nil {
				break
			}
			text.Write(append(line, '\n'))
		}
		s.close()
		f, _ := os.Create(path)
		p, _ := newPacker(f, 0)
		for line := range strings.Lines(change(text.String())) {
			p.line([]byte(strings.TrimSuffix(line, "\n")))
		}
		p.end()
		f.Close()
	}
	for _, c := range []struct {
		name   string
		attack func(t *testing.T, path string)
		index  int64
		reason string
	}{
		{"a byte of the file", func(t *testing.T, path string) {
			b, _ := os.ReadFile(path)
			b[len(b)/3] ^= 1
			os.WriteFile(path, b, 0o600)
		}, 0, ""},
		{"a record changed", func(t *testing.T, path string) {
			repack(t, path, func(s string) string { return strings.Replace(s, "call-3\"", "call-X\"", 1) })
		}, 0, "one of the records 0 to"},
		{"a record removed", func(t *testing.T, path string) {
			repack(t, path, func(s string) string {
				from := strings.Index(s, `{"index":4,`)
				to := strings.Index(s, `{"index":5,`)
				return s[:from] + s[to:]
			})
		}, 4, "record 4 is missing"},
		{"a body changed", func(t *testing.T, path string) {
			repack(t, path, func(s string) string { return strings.Replace(s, "hello 6", "hello 7", 1) })
		}, 6, "were changed"},
		{"a body removed", func(t *testing.T, path string) {
			repack(t, path, func(s string) string {
				from := strings.Index(s, `{"index":4,`)
				body := from + strings.Index(s[from:], bodyHead)
				to := strings.Index(s, `{"index":5,`)
				return s[:body] + s[to:]
			})
		}, 4, "no record says that they were erased"},
		{"the checkpoint removed", func(t *testing.T, path string) {
			repack(t, path, func(s string) string { return s[:strings.LastIndex(s[:len(s)-1], "\n")+1] })
		}, 0, "ends within a batch"},
		{"cut off", func(t *testing.T, path string) {
			b, _ := os.ReadFile(path)
			os.WriteFile(path, b[:len(b)-30], 0o600)
		}, 0, "seek table"},
		{"removed", func(t *testing.T, path string) { os.Remove(path) }, 0, "no record says that they were moved away"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, dir := sealedLog(t, 100)
			l.Close()
			c.attack(t, sealedPath(dir, 0))
			named(t, dir, c.index, c.reason)
		})
	}
}

func TestErasedBodiesAreGoneAndTheTreeStands(t *testing.T) {
	l, dir := sealedLog(t, 300)
	for i, r := range scanAll(t, dir, 0) {
		if r.Body == nil {
			t.Fatalf("record %d has no body", i)
		}
	}
	var told []Span
	l.erased = func(s []Span) error { told = s; return nil }
	err := l.Erase(t.Context(), Erasure{Spans: []Span{{295, 297}, {3, 4}, {4, 5}, {120, 130}}, Event: EventErased, Admin: "root", Message: "asked for."})
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != 3 || told[0] != (Span{3, 5}) {
		t.Fatalf("told of %v", told)
	}
	gone := func(i int64) bool { return i == 3 || i == 4 || i >= 120 && i < 130 || i == 295 || i == 296 }
	for _, r := range scanAll(t, dir, 0)[:300] {
		if r.Erased() != gone(r.Index) {
			t.Fatalf("record %d: erased is %t", r.Index, r.Erased())
		}
		if rec, err := r.Record(); err != nil || rec.Erased != gone(r.Index) || rec.Tool != "slack_post_message" {
			t.Fatalf("record %d: %+v, %v", r.Index, rec, err)
		}
	}
	filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error {
		if text, _ := os.ReadFile(path); bytes.Contains(text, []byte("hello 295")) {
			t.Errorf("%s has it still", path)
		}
		return nil
	})
	if r := verified(t, dir, 301); r.Erased != 14 {
		t.Fatalf("%d erased", r.Erased)
	}
	last, err := Query(t.Context(), dir, Filter{Limit: 1})
	if err != nil || last[0].Event != EventErased || last[0].Admin != "root" || len(last[0].Spans) != 3 || !strings.Contains(last[0].Message, "14 records lost their arguments, results, messages and users. asked for.") {
		t.Fatalf("the record of it: %+v, %v", last, err)
	}
	if err := l.Erase(t.Context(), Erasure{Spans: []Span{{300, 5000}}, Event: EventErased}); err == nil {
		t.Fatal("records that are not there were erased")
	}
	// It stays gone when the segment is sealed, and through a second time.
	for i := 301; i < 500; i++ {
		appendN(t, l, i, 1)
	}
	if err := l.Upkeep(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, dir, 500); r.Erased != 14 {
		t.Fatalf("%d erased", r.Erased)
	}
}

// Killed in the middle, an erasure is done by the next upkeep.
func TestAnErasureThatWasCutShortIsDone(t *testing.T) {
	l, dir := sealedLog(t, 300)
	fail := errors.New("killed here")
	l.erased = func([]Span) error { return fail }
	e := Erasure{Spans: []Span{{10, 20}}, Event: EventErased}
	if err := l.Erase(t.Context(), e); !errors.Is(err, fail) {
		t.Fatal(err)
	}
	l.Close()
	again := openTest(t, dir, small)
	called := 0
	again.erased = func([]Span) error { called++; return nil }
	if err := again.Upkeep(t.Context(), 0); err != nil || called != 1 {
		t.Fatalf("%v, called %d times", err, called)
	}
	if err := again.Upkeep(t.Context(), 0); err != nil || called != 1 {
		t.Fatalf("%v, called %d times", err, called)
	}
	if r := verified(t, dir, -1); r.Erased != 10 {
		t.Fatalf("%d erased", r.Erased)
	}
}

func TestBodiesAreDroppedAfterTheirTime(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func(o *Options) { o.Now = func() time.Time { return now } }
	dir := t.TempDir()
	l := openTest(t, dir, small, clock)
	for i := range 1000 {
		now = now.Add(time.Minute)
		appendN(t, l, i, 1)
	}
	if err := l.Upkeep(t.Context(), 300*time.Minute); err != nil { // those before record 699
		t.Fatal(err)
	}
	r := verified(t, dir, 1001)
	if r.Erased != 699-699%frameRecords {
		t.Fatalf("%d dropped", r.Erased)
	}
	if err := l.Upkeep(t.Context(), 300*time.Minute); err != nil {
		t.Fatal(err)
	}
	verified(t, dir, 1001) // nothing was to be done
}

// Killed between any two steps, sealing goes on where it was.
func TestSealingThatWasCutShortIsEnded(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, small)
	for i := 0; i < 200; i += 10 {
		appendTogether(t, l, i, 10)
	}
	list, _ := segments(dir)
	for i, stop := range []func(first int64){
		func(first int64) { os.WriteFile(sealedPath(dir, first)+".new", []byte("half"), 0o600) },
		func(first int64) { // before the plain one was removed
			text, _ := os.ReadFile(segmentPath(dir, first))
			if err := seal(dir, first, nil); err != nil {
				t.Fatal(err)
			}
			os.WriteFile(segmentPath(dir, first), text, 0o600)
		},
	} {
		stop(list[i])
		verified(t, dir, 200)
		if got := scanAll(t, dir, 0); len(got) != 200 {
			t.Fatalf("%d records", len(got))
		}
	}
	// The bodies of the one that lies there twice are erased in both.
	e := Erasure{Spans: []Span{{list[1], list[1] + 2}}, Event: EventErased}
	if err := l.Erase(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := l.Upkeep(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, dir, 201); r.Erased != 2 {
		t.Fatalf("%d erased", r.Erased)
	}
	if plain := files(t, dir, segmentSuffix); len(plain) != 1 {
		t.Fatalf("left: %v", plain)
	}
}
