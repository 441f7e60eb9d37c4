package idempotency

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolvault/vault/store"
)

// Neither the key nor what was done nor its outcome can be read in the store.
func TestNothingCanBeReadInTheStore(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, "file:"+dir+"/s.db")
	l := b.ledger()
	w := b.write("0192f0c1-7777-7000-8000-000000000000")
	w.Key, w.User, w.Arguments = "key-canary", "user-canary", []byte(`{"title":"argument-canary"}`)
	c := claim(t, l, w)
	files := func() (all []byte) {
		names, err := filepath.Glob(dir + "/*")
		must(t, err)
		for _, name := range names {
			data, err := os.ReadFile(name)
			must(t, err)
			all = append(all, data...)
		}
		return all
	}
	claimed := files()
	must(t, c.Keep(t.Context(), []byte("outcome-canary")))
	kept := files()
	if !bytes.Contains(kept, []byte(w.name())) {
		t.Fatal("the record is not in the file, so this would prove nothing")
	}
	for when, data := range map[string][]byte{"claimed": claimed, "kept": kept} {
		for _, text := range []string{"canary", w.CallID, "shelf", w.digest()} {
			if bytes.Contains(data, []byte(text)) {
				t.Errorf("%s: %q is in the file", when, text)
			}
		}
	}
}

// A record that was put under another name, or put back from an older state,
// opens nothing, and nothing is done.
func TestARecordThatIsOutOfPlaceIsRefused(t *testing.T) {
	b := newBench(t, "file:"+t.TempDir()+"/s.db")
	l := b.ledger()
	w := b.write("c1")
	must(t, claim(t, l, w).Keep(t.Context(), []byte("alice's")))
	item, err := b.store.Get(t.Context(), w.name())
	must(t, err)
	other := b.write("c2")
	other.Agent = "a2"
	must(t, b.store.Put(t.Context(), store.Item{Key: other.name(), Version: 1, Value: item.Value}, nil))
	if _, f, err := l.Begin(t.Context(), other); !errors.Is(err, ErrUnreadable) {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestAnOutcomeThatIsTooLargeIsKnownToBe(t *testing.T) {
	b := newBench(t, "file:"+t.TempDir()+"/s.db")
	l := b.ledger()
	must(t, claim(t, l, b.write("c1")).Keep(t.Context(), make([]byte, MaxOutcome+1)))
	if f := repeat(t, l, b.write("c2")); f.TooLarge != MaxOutcome+1 || len(f.Outcome) != 0 {
		t.Errorf("%+v", f)
	}
	w := b.write("c3")
	w.Key = "just so"
	must(t, claim(t, l, w).Keep(t.Context(), make([]byte, MaxOutcome)))
	if f := repeat(t, l, w2(w, "c4")); f.TooLarge != 0 || len(f.Outcome) != MaxOutcome {
		t.Errorf("%d bytes, too large: %d", len(f.Outcome), f.TooLarge)
	}
}

func w2(w Write, callID string) Write { w.CallID = callID; return w }

func TestWhatIsAKey(t *testing.T) {
	for key, want := range map[string]bool{
		"":                       false,
		"a":                      true,
		"toolu_01A b/c:d.é漢":     true,
		strings.Repeat("漢", 200): true,
		strings.Repeat("a", 201): false,
		strings.Repeat("漢", 201): false,
		"a\nb":                   false,
		"a\x00":                  false,
		"a\u202e":                false,
		"a\u00a0":                false,
		"\xff":                   false,
	} {
		if got := ValidKey(key); got != want {
			t.Errorf("%q: %v", key, got)
		}
	}
}

func FuzzOpenTakesAnything(f *testing.F) {
	f.Add([]byte(`{"digest":"d","call_id":"c","begun":"2026-01-02T03:04:05Z","deadline":"2026-01-02T03:04:05Z","done":true}` + "\noutcome"))
	f.Add([]byte("\n"))
	f.Add([]byte(`{"begun":7}`))
	f.Fuzz(func(t *testing.T, plain []byte) {
		l := New(Options{Sealer: open{}, Now: time.Now})
		e, err := l.open(store.Item{Key: "k", Version: 1, Value: plain})
		if (e == nil) == (err == nil) {
			t.Fatalf("%+v, %v", e, err)
		}
		if e != nil {
			again, err := l.seal(e, "k", 1)
			must(t, err)
			back, err := l.open(again)
			must(t, err)
			if back.CallID != e.CallID || !bytes.Equal(back.outcome, e.outcome) || !back.Begun.Equal(e.Begun) {
				t.Fatalf("%+v became %+v", e, back)
			}
		}
	})
}

// open is a sealer that seals nothing.
type open struct{}

func (open) Seal(plain []byte, _ string, _ int64) ([]byte, error) { return plain, nil }

func (open) Open(sealed []byte, _ string, _ int64) ([]byte, error) { return sealed, nil }
