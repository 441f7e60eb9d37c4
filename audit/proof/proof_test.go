package proof

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"toolvault/audit"
	"toolvault/audit/anchor"
)

const origin = "test.example/log"

// testLog is a log with a read, a write, a write without an outcome, an event that
// belongs to the write, and one that belongs to nothing; and some more around.
type testLog struct {
	dir, key string
	secret   ed25519.PrivateKey
	log      *audit.Log
}

func newLog(t testing.TB) testLog {
	t.Helper()
	l := testLog{dir: t.TempDir(), secret: audit.NewKey()}
	var err error
	if l.key, err = audit.VerifierKey(l.secret, origin); err != nil {
		t.Fatal(err)
	}
	if l.log, err = audit.Open(audit.Options{Dir: l.dir, Key: l.secret, Name: origin}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.log.Close() })
	args := json.RawMessage(`{"channel":"#support-updates","text":"Größe <b> \"x\" \\ 𝛑"}`)
	l.filler(t, 5)
	l.add(t, audit.Record{Phase: audit.PhaseCall, CallID: "read", Agent: "a", User: "ana@example.com", Arguments: args, Result: json.RawMessage(`[1]`), Outcome: "ok"})
	l.add(t, audit.Record{Phase: audit.PhaseIntent, CallID: "write", Agent: "a", Arguments: args})
	l.filler(t, 3)
	l.add(t, audit.Record{Phase: audit.PhaseOutcome, CallID: "write", Agent: "a", Result: json.RawMessage(`{"ok":true}`), Outcome: "ok"})
	l.add(t, audit.Record{Phase: audit.PhaseEvent, Event: "consent.given", CallID: "write"})
	l.add(t, audit.Record{Phase: audit.PhaseIntent, CallID: "unended", Agent: "a"})
	l.add(t, audit.Record{Phase: audit.PhaseCall, CallID: "odd", Arguments: json.RawMessage("\"\xff\xfe\"")})
	l.add(t, audit.Record{Phase: audit.PhaseEvent, Event: "agent.added", Agent: "a"})
	l.filler(t, 7)
	return l
}

func (l testLog) add(t testing.TB, r audit.Record) {
	t.Helper()
	if _, err := l.log.Append(context.Background(), r); err != nil {
		t.Fatal(err)
	}
}

func (l testLog) filler(t testing.TB, n int) {
	for i := range n {
		l.add(t, audit.Record{Phase: audit.PhaseCall, CallID: fmt.Sprint("other-", i), Agent: "b", Message: "m"})
	}
}

func (l testLog) make(t testing.TB, callID string, o Options) []byte {
	t.Helper()
	text, err := Make(t.Context(), l.dir, callID, o)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func verified(t *testing.T, text []byte, key string, witnesses ...string) *Report {
	t.Helper()
	r, err := Verify(text, key, witnesses...)
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return r
}

func TestAFileProvesACall(t *testing.T) {
	l := newLog(t)
	for _, c := range []struct {
		call    string
		without bool
		want    string // index phase body
	}{
		{"read", false, "5 call shown"},
		{"read", true, "5 call absent"},
		{"write", false, "6 intent shown, 10 outcome shown, 11 event none"},
		{"write", true, "6 intent absent, 10 outcome absent, 11 event none"},
		{"unended", false, "12 intent none"},
		{"odd", false, "13 call shown"},
	} {
		text := l.make(t, c.call, Options{WithoutBody: c.without})
		r := verified(t, text, l.key)
		var got []string
		for _, p := range r.Records {
			got = append(got, fmt.Sprintf("%d %s %s", p.Index, p.Record.Phase, p.Body))
			if p.Record.CallID != c.call || p.Record.Index != p.Index {
				t.Errorf("record %+v", p.Record)
			}
		}
		if strings.Join(got, ", ") != c.want || r.CallID != c.call || r.Log != origin || r.TreeSize != l.log.Size() {
			t.Errorf("%s: %v, %+v", c.call, got, r)
		}
		if c.without && strings.Contains(string(text), "ana@example.com") {
			t.Error("a body is in a file without bodies")
		}
		if text[len(text)-1] != '\n' {
			t.Error("no newline at the end")
		}
	}
	if r := verified(t, l.make(t, "read", Options{}), l.key).Records[0].Record; r.User != "ana@example.com" || !strings.Contains(string(r.Arguments), "Größe <b>") {
		t.Errorf("%+v", r)
	}
	for _, id := range []string{"", "none", "wri"} {
		if _, err := Make(t.Context(), l.dir, id, Options{}); err == nil || id != "" && !errors.Is(err, ErrNotFound) {
			t.Errorf("call %q: %v", id, err)
		}
	}
}

// The time in a call's id narrows the search; one that lies costs only time.
func TestACallIsFoundWhateverItsIDSays(t *testing.T) {
	l := newLog(t)
	now, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{now.String(), "01000000-0000-7000-8000-000000000000", "f1000000-0000-7000-8000-000000000000", uuid.NewString()} {
		l.add(t, audit.Record{Phase: audit.PhaseIntent, CallID: id})
		l.filler(t, 2)
		l.add(t, audit.Record{Phase: audit.PhaseOutcome, CallID: id, Outcome: "ok"})
		if r := verified(t, l.make(t, id, Options{}), l.key); len(r.Records) != 2 || r.CallID != id {
			t.Errorf("%s: %+v", id, r)
		}
	}
}

func TestAnyRecordCanBeProvedByItsIndex(t *testing.T) {
	l := newLog(t)
	for index := range l.log.Size() {
		text, err := MakeRecord(t.Context(), l.dir, index, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r := verified(t, text, l.key); r.Records[0].Index != index {
			t.Errorf("%d: %+v", index, r)
		}
	}
	for _, index := range []int64{-1, l.log.Size(), 1 << 62} {
		if _, err := MakeRecord(t.Context(), l.dir, index, Options{}); !errors.Is(err, ErrNotFound) {
			t.Errorf("%d: %v", index, err)
		}
	}
}

// What was erased is gone from new files; what remains is proved as before, and an
// older file still proves what it said.
func TestErasureLeavesTheProof(t *testing.T) {
	l := newLog(t)
	before := l.make(t, "read", Options{})
	if err := l.log.Erase(t.Context(), audit.Erasure{Event: audit.EventErased, Admin: "me", Spans: []audit.Span{{First: 5, End: 6}}}); err != nil {
		t.Fatal(err)
	}
	after := l.make(t, "read", Options{})
	if r := verified(t, after, l.key); r.Records[0].Body != BodyAbsent || strings.Contains(string(after), "ana@example.com") {
		t.Errorf("%s", after)
	}
	if r := verified(t, before, l.key); r.Records[0].Body != BodyShown {
		t.Errorf("%+v", r)
	}
}

// A witness cosigns an older tree that covers the call: that is the one proved.
func TestCosignaturesGoAlong(t *testing.T) {
	l := newLog(t)
	_, msg, err := audit.Newest(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	_, other, _ := ed25519.GenerateKey(nil)
	_, secret, _ := ed25519.GenerateKey(nil)
	cosigned := append(msg, cosignature(msg, "witness.example/w1", secret, 1764000000)...)
	path := anchor.CosignedPath(l.dir)
	write := func(text []byte) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(cosigned)
	l.filler(t, 4)
	l.add(t, audit.Record{Phase: audit.PhaseCall, CallID: "late"})
	text := l.make(t, "write", Options{})
	key := cosignerKey("witness.example/w1", secret)
	r := verified(t, text, l.key, key)
	if len(r.Cosigned) != 1 || r.Cosigned[0].Witness != "witness.example/w1" || r.Cosigned[0].Time.Unix() != 1764000000 || r.TreeSize != l.log.Size()-5 {
		t.Errorf("%+v", r)
	}
	verified(t, text, l.key)
	for _, k := range []string{cosignerKey("witness.example/w1", other), cosignerKey("witness.example/w2", secret), l.key, "x"} {
		if _, err := Verify(text, l.key, k); err == nil {
			t.Errorf("cosigned by %s", k)
		}
		if _, err := Verify(text, l.key, key, k); err == nil {
			t.Errorf("cosigned by both, also %s", k)
		}
	}
	// The cosigned tree does not cover it.
	if r := verified(t, l.make(t, "late", Options{}), l.key); r.TreeSize != l.log.Size() {
		t.Errorf("%+v", r)
	}
	if _, err := Verify(l.make(t, "late", Options{}), l.key, key); !errors.Is(err, anchor.ErrNotCosigned) {
		t.Errorf("%v", err)
	}
	// What is in its place is of no use: the proof is made without it.
	for name, bad := range map[string][]byte{
		"nothing": nil, "no note": []byte("hello\n"),
		"another log":  []byte(strings.Replace(string(cosigned), origin, "other.example/log", 1)),
		"another tree": []byte(strings.Replace(string(cosigned), strings.Split(string(cosigned), "\n")[2], tlog.RecordHash(nil).String(), 1)),
		"larger":       []byte(strings.Replace(string(cosigned), "\n22\n", "\n99\n", 1)),
	} {
		write(bad)
		if r := verified(t, l.make(t, "write", Options{}), l.key); r.TreeSize != l.log.Size() {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func cosignerKey(name string, secret ed25519.PrivateKey) string {
	key := append([]byte{4}, secret.Public().(ed25519.PublicKey)...)
	return fmt.Sprintf("%s+%08x+%s", name, cosignerHash(name, key), base64.StdEncoding.EncodeToString(key))
}

func cosignerHash(name string, key []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	return binary.BigEndian.Uint32(sum[:])
}

// cosignature is a line of c2sp.org/tlog-cosignature, made by the book.
func cosignature(msg []byte, name string, secret ed25519.PrivateKey, at uint64) string {
	text, _, _ := strings.Cut(string(msg), "\n\n")
	sig := binary.BigEndian.AppendUint32(nil, cosignerHash(name, append([]byte{4}, secret.Public().(ed25519.PublicKey)...)))
	sig = binary.BigEndian.AppendUint64(sig, at)
	sig = append(sig, ed25519.Sign(secret, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", at, text))...)
	return "— " + name + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
}

// A record that was changed in the log is not proved at all.
func TestAChangedRecordIsNotProved(t *testing.T) {
	l := newLog(t)
	l.filler(t, 250)             // so that its tile is full
	l.make(t, "read", Options{}) // the tile has the hash that was signed
	if err := l.log.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(l.dir, "00000000000000000000.log")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines(string(b)) {
		if strings.HasPrefix(line, `{"index":5,`) {
			b = []byte(strings.Replace(string(b), line, strings.Replace(line, `"agent":"a"`, `"agent":"z"`, 1), 1))
		}
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := Make(t.Context(), l.dir, "read", Options{}); err == nil || !strings.Contains(err.Error(), "record 5 is not the one that the tree has hashed") {
		t.Errorf("%v: %s", err, text)
	}
	l.make(t, "write", Options{}) // beside it
}

func TestTextsOfProofs(t *testing.T) {
	h := tlog.RecordHash([]byte("x"))
	text := formatText(7, tlog.RecordProof{h, h}, []byte("note\n"))
	if want := "c2sp.org/tlog-proof@v1\nindex 7\n" + h.String() + "\n" + h.String() + "\n\nnote\n"; text != want {
		t.Errorf("%q", text)
	}
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{text, true},
		{strings.Replace(text, "index", "extra YWdl\nindex", 1), true},
		{"c2sp.org/tlog-proof@v1\nindex 0\n\nnote\n", true},
		{strings.Replace(text, "@v1", "@v2", 1), false},
		{strings.Replace(text, "index 7", "index 07", 1), false},
		{strings.Replace(text, "index 7", "index -7", 1), false},
		{strings.Replace(text, "index 7", "index +7", 1), false},
		{strings.Replace(text, "index 7", "index 99999999999999999999", 1), false},
		{strings.Replace(text, "index 7\n", "", 1), false},
		{strings.Replace(text, h.String(), h.String()+"\r", 1), false},
		{strings.Replace(text, h.String(), "x"+h.String(), 1), false},
		{strings.Replace(text, "\n\n", "\n", 1), false},
		{"", false},
	} {
		if _, err := parseText(c.text); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}
