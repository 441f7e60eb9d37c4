package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The log under attack: records 0 to 5 each in a batch of its own, 6 to 12 in
// one, then 13.
func attacked(t *testing.T) (dir string, lines [][]byte) {
	dir = t.TempDir()
	l := openTest(t, dir)
	appendN(t, l, 0, 6)
	appendTogether(t, l, 6, 7)
	appendN(t, l, 13, 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(segmentPath(dir, 0))
	if err != nil {
		t.Fatal(err)
	}
	return dir, bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

func recordLine(lines [][]byte, index int) int {
	n := -1
	for i, l := range lines {
		if l[0] == '{' {
			n++
		}
		if n == index {
			return i
		}
	}
	return -1
}

func TestVerifyNamesWhatDoesNotFit(t *testing.T) {
	edit := func(lines [][]byte, index int) {
		i := recordLine(lines, index)
		lines[i] = bytes.Replace(bytes.Clone(lines[i]), []byte("slack_post"), []byte("slack_pOst"), 1)
	}
	body := func(lines [][]byte, index int, change func([]byte) []byte) [][]byte {
		i := recordLine(lines, index) + 1
		lines[i] = change(bytes.Clone(lines[i]))
		return lines
	}
	remove := func(lines [][]byte, i int) [][]byte { return append(lines[:i:i], lines[i+1:]...) }
	cases := []struct {
		name   string
		attack func(lines [][]byte) [][]byte
		index  int64
		reason string
	}{
		{"a byte edited", func(l [][]byte) [][]byte { edit(l, 2); return l }, 2, "was changed"},
		{"a byte of the arguments edited", func(l [][]byte) [][]byte {
			return body(l, 2, func(b []byte) []byte { return bytes.Replace(b, []byte("hello"), []byte("hEllo"), 1) })
		}, 2, "arguments, result, user or message were changed"},
		{"the arguments blanked, as an erasure does", func(l [][]byte) [][]byte {
			return body(l, 9, func(b []byte) []byte {
				return append(append([]byte(bodyHead), bytes.Repeat([]byte(" "), len(b)-len(bodyHead)-2)...), "]\n"...)
			})
		}, 9, "no record says that they were erased"},
		{"the arguments removed", func(l [][]byte) [][]byte { return remove(l, recordLine(l, 9)+1) }, 9, "no record says that they were erased"},
		{"the arguments of another call", func(l [][]byte) [][]byte {
			a, b := recordLine(l, 7)+1, recordLine(l, 10)+1
			l[a], l[b] = l[b], l[a]
			return l
		}, 7, "arguments, result, user or message were changed"},
		{"a byte edited within a batch", func(l [][]byte) [][]byte { edit(l, 9); return l }, 9, "was changed"},
		{"a byte edited and its hash in the leaves too", func(l [][]byte) [][]byte {
			edit(l, 9)
			i := recordLine(l, 12) + 2
			l[i] = bytes.Replace(bytes.Clone(l[i]), l[i][20:30], []byte("AAAAAAAAAA"), 1)
			return l
		}, 6, "records 6 to 12"},
		{"a checkpoint edited", func(l [][]byte) [][]byte {
			i := recordLine(l, 3) + 2
			l[i] = bytes.Replace(bytes.Clone(l[i]), []byte(`\n4\n`), []byte(`\n5\n`), 1)
			return l
		}, 3, "checkpoint is of 5 records"},
		{"a signature edited", func(l [][]byte) [][]byte {
			i := recordLine(l, 3) + 2
			n := len(l[i]) - 40
			c := bytes.Clone(l[i])
			c[n] ^= 1
			l[i] = c
			return l
		}, 3, "checkpoint"},
		{"a record deleted", func(l [][]byte) [][]byte { return remove(remove(l, recordLine(l, 8)+1), recordLine(l, 8)) }, 8, "record 8 is missing"},
		{"a record and its checkpoint deleted", func(l [][]byte) [][]byte {
			i := recordLine(l, 2)
			return append(l[:i:i], l[i+3:]...)
		}, 2, "record 2 is missing"},
		{"a checkpoint deleted", func(l [][]byte) [][]byte { return remove(l, recordLine(l, 13)+2) }, 13, "no checkpoint covers"},
		{"two swapped", func(l [][]byte) [][]byte {
			a, b := recordLine(l, 7), recordLine(l, 10)
			l[a], l[a+1], l[b], l[b+1] = l[b], l[b+1], l[a], l[a+1]
			return l
		}, 7, "record 10 stands in the place of record 7"},
		{"the tail cut in the middle of a batch", func(l [][]byte) [][]byte {
			i := recordLine(l, 10)
			l[i] = l[i][:20]
			return l[:i+1]
		}, 6, "missing from the end"},
		{"the tail cut between batches", func(l [][]byte) [][]byte { return l[:recordLine(l, 13)] }, 13, "missing from the end"},
		{"a record added at the end", func(l [][]byte) [][]byte {
			return append(l, bytes.Replace(bytes.Clone(l[recordLine(l, 0)]), []byte(`"index":0`), []byte(`"index":14`), 1))
		}, 14, "without the key"},
		{"a record added in the middle", func(l [][]byte) [][]byte {
			i := recordLine(l, 4)
			return append(append(l[:i:i], bytes.Replace(l[i], []byte("call-4"), []byte("call-x"), 1)), l[i:]...)
		}, 5, "record 4 stands in the place of record 5"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir, lines := attacked(t)
			lines[len(lines)-1] = append(bytes.Clone(lines[len(lines)-1]), '\n')
			os.WriteFile(segmentPath(dir, 0), bytes.Join(c.attack(lines), nil), 0o600)
			named(t, dir, c.index, c.reason)
		})
	}
}

func named(t *testing.T, dir string, index int64, reason string) {
	t.Helper()
	r, err := Verify(t.Context(), VerifyOptions{Dir: dir, Key: testVerifier(t)})
	if err != nil {
		t.Fatal(err)
	}
	if r.Problem == nil {
		t.Fatalf("nothing was found: %+v", r)
	}
	if r.Problem.Index != index || !strings.Contains(r.Problem.Reason, reason) {
		t.Fatalf("found %v, want record %d: …%s…", r.Problem, index, reason)
	}
}

func TestVerifyFindsAnotherKeyAndAnotherLog(t *testing.T) {
	write := func(change func(*Options)) string {
		dir := t.TempDir()
		l := openTest(t, dir, change)
		appendN(t, l, 0, 4)
		l.Close()
		return dir
	}
	same := func(*Options) {}
	forged := write(func(o *Options) { o.Key = NewKey() })
	named(t, forged, 0, "not signed with the key")
	named(t, write(func(o *Options) { o.Name = "other/log" }), 0, "other/log")

	// A checkpoint of another log with the same key and name, at the same size.
	dir, other := write(same), write(func(o *Options) { o.Now = func() time.Time { return time.Unix(1, 0) } })
	a, _ := os.ReadFile(segmentPath(dir, 0))
	b, _ := os.ReadFile(segmentPath(other, 0))
	la, lb := bytes.SplitAfter(a, []byte("\n")), bytes.SplitAfter(b, []byte("\n"))
	i := recordLine(la, 2) + 2
	la[i] = lb[i]
	os.WriteFile(segmentPath(dir, 0), bytes.Join(la, nil), 0o600)
	named(t, dir, 2, "checkpoint")

	// The head of another log.
	dir = write(same)
	head, _ := os.ReadFile(filepath.Join(other, headName))
	os.WriteFile(filepath.Join(dir, headName), head, 0o600)
	named(t, dir, 3, "head signs other records")
}

func TestMissingTailIsRememberedWhenTheLogGoesOn(t *testing.T) {
	dir, lines := attacked(t)
	os.WriteFile(segmentPath(dir, 0), bytes.Join(lines[:recordLine(lines, 3)], nil), 0o600)
	l := openTest(t, dir)
	appendN(t, l, 100, 20)
	l.Close()
	named(t, dir, 14, "once acknowledged and then missing")
}

func TestVerifyFindsMissingSegments(t *testing.T) {
	for _, which := range []int{0, 1, 2} {
		dir := t.TempDir()
		l := openTest(t, dir, func(o *Options) { o.segmentBytes = 1000 })
		appendN(t, l, 0, 12)
		l.Close()
		list, _ := segments(dir)
		if len(list) < 4 {
			t.Fatal(list)
		}
		os.Remove(segmentPath(dir, list[which]))
		named(t, dir, list[which], "are missing")
	}
}

func TestUnknownOutcomes(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	past, future := time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	for _, r := range []Record{
		{Phase: PhaseIntent, CallID: "lost", Write: true, Agent: "a", Deadline: &past},
		{Phase: PhaseIntent, CallID: "open", Write: true, Agent: "a", Deadline: &future},
		{Phase: PhaseIntent, CallID: "done", Write: true, Agent: "a", Arguments: []byte(`{"x":1}`), Deadline: &past},
		{Phase: PhaseOutcome, CallID: "done", Outcome: "conflict", CredentialID: "c1"},
		{Phase: PhaseEvent, Event: "token.refused", Outcome: "not_permitted"},
	} {
		if _, err := l.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if r := verified(t, dir, 5); r.Unknown != 1 {
		t.Fatalf("unknown %d", r.Unknown)
	}
	list, err := Query(t.Context(), dir, Filter{})
	if err != nil || len(list) != 4 {
		t.Fatalf("%v %v", list, err)
	}
	for i, want := range []string{"not_permitted", "conflict", StatusPending, StatusUnknown} {
		if list[i].Status != want {
			t.Errorf("entry %d has status %s, want %s", i, list[i].Status, want)
		}
	}
	if e := list[1]; e.Index != 2 || e.OutcomeIndex != 3 || e.CredentialID != "c1" || string(e.Arguments) != `{"x":1}` || e.Agent != "a" {
		t.Errorf("joined entry %+v", e)
	}
	for _, c := range []struct {
		f    Filter
		want int
	}{
		{Filter{Agent: "a"}, 3}, {Filter{Agent: "a", CredentialID: "c1"}, 1}, {Filter{Outcome: StatusUnknown}, 1},
		{Filter{CallID: "done"}, 1}, {Filter{CredentialID: "c2"}, 0}, {Filter{Limit: 2}, 2}, {Filter{Outcome: "conflict"}, 1},
		{Filter{Since: time.Now().Add(time.Hour)}, 0}, {Filter{Until: time.Now().Add(-time.Hour)}, 0}, {Filter{Since: time.Now().Add(-time.Hour)}, 4},
	} {
		got, err := Query(t.Context(), dir, c.f)
		if err != nil || len(got) != c.want {
			t.Errorf("%+v: %d entries, want %d (%v)", c.f, len(got), c.want, err)
		}
	}
}

func TestTailFollowsOtherProcesses(t *testing.T) {
	dir := t.TempDir()
	small := func(o *Options) { o.segmentBytes = 2000 }
	l, other := openTest(t, dir, small), openTest(t, dir, small)
	appendN(t, l, 0, 10)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan Entry, 100)
	ended := make(chan error, 1)
	go func() { ended <- Tail(ctx, dir, 3, true, func(e Entry) error { got <- e; return nil }) }()
	next := func() Entry {
		t.Helper()
		select {
		case e := <-got:
			return e
		case err := <-ended:
			t.Fatalf("tail ended: %v", err)
		case <-time.After(10 * time.Second):
			t.Fatal("nothing came")
		}
		panic("unreachable")
	}
	for i := range 3 {
		if e := next(); e.Index != int64(7+i) {
			t.Fatalf("index %d", e.Index)
		}
	}
	appendN(t, other, 10, 15)
	for i := range 15 {
		if e := next(); e.Index != int64(10+i) {
			t.Fatalf("index %d, want %d", e.Index, 10+i)
		}
	}
	past := time.Now().Add(-time.Minute)
	for _, r := range []Record{
		{Phase: PhaseIntent, CallID: "w", Agent: "a"}, {Phase: PhaseOutcome, CallID: "w", Outcome: "ok"},
		{Phase: PhaseIntent, CallID: "lost", Deadline: &past},
	} {
		if _, err := other.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if e := next(); e.CallID != "w" || e.Status != "ok" || e.Agent != "a" || e.Index != 25 {
		t.Fatalf("write %+v", e)
	}
	if e := next(); e.CallID != "lost" || e.Status != StatusUnknown {
		t.Fatalf("lost write %+v", e)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// The readers take any bytes: no panic, no endless loop, no error but a problem.
func FuzzReaders(f *testing.F) {
	seed, err := os.ReadFile("testdata/three.log") // the same in all workers: salts are random
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:len(seed)-10])
	f.Add([]byte("[\"tree\",0]\n{}\n\"\"\n"))
	f.Add(bytes.Repeat([]byte("x"), maxLine+10))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		os.WriteFile(segmentPath(dir, 0), data, 0o600)
		r, err := Verify(t.Context(), VerifyOptions{Dir: dir, Key: testVerifier(t)})
		if err != nil {
			t.Fatal(err)
		}
		if r.Records > 3 || r.Problem == nil && r.Records > 0 && !bytes.HasPrefix(seed, data[:int64(len(data))-r.TornBytes]) {
			t.Fatalf("accepted what was never signed: %+v", r)
		}
		if _, err := Query(t.Context(), dir, Filter{Agent: "support-agent-1"}); err != nil {
			t.Fatal(err)
		}
		if err := Tail(t.Context(), dir, 2, false, func(Entry) error { return nil }); err != nil {
			t.Fatal(err)
		}
		l, err := Open(Options{Dir: dir, Key: testKey(), Name: testName})
		if err != nil {
			return
		}
		if _, err := l.Append(t.Context(), call(0)); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if r.Problem == nil { // Open reads what is new; old lines are for Verify
			verified(t, dir, r.Records+1)
		}
	})
}

// A process that dies when it has just begun a segment leaves one without a whole
// batch: nothing of the log is missing, and it goes on.
func TestASegmentThatWasOnlyBegun(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "torn": `["tree",5,"`, "no batch yet": "whole"} {
		dir := t.TempDir()
		second := NewKey()
		keys := func(o *Options) {
			o.Keys = func(string) (ed25519.PrivateKey, error) { return second, nil }
		}
		l := openTest(t, dir, keys)
		appendN(t, l, 0, 4)
		verifier, err := VerifierKey(second, testName)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(t.Context(), Record{Phase: PhaseEvent, Event: EventKey, Key: verifier}); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if text == "whole" {
			tr := treeOf(t, dir)
			text = string(appendKeyLine(appendTreeLine(nil, &tr), verifier)) + `{"index":5,"time`
		}
		os.WriteFile(segmentPath(dir, 5), []byte(text), 0o600)
		if r := verified(t, dir, 5); r.TornBytes != int64(len(text)) {
			t.Errorf("%s: %d bytes are torn", name, r.TornBytes)
		}
		l = openTest(t, dir, keys)
		appendN(t, l, 5, 1)
		if r := verified(t, dir, 6); len(r.Keys) != 2 {
			t.Errorf("%s: keys %v", name, r.Keys)
		}
	}
}

// treeOf is the tree over a log's records.
func treeOf(t *testing.T, dir string) (tr tree) {
	t.Helper()
	if _, err := Scan(t.Context(), dir, 0, func(r Raw) error {
		tr.add(newHasher().leaf(r.Leaf))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return tr
}
