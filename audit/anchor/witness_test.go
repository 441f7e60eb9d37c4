package anchor

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A log that grows is cosigned at each size, and what is kept has both signatures
// and the witness's time.
func TestWitnessCosigns(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	w := newWitness(t, "witness.example/w1", keyOf(1))
	url := w.serve(t)
	client := w.client(t, url+"/", log.dir)
	if _, _, err := Kept(log.dir, w.vkey()); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var want []int64
	for _, n := range []int{1, 1, 5, 300, 0, 700} {
		c := log.add(n)
		if err := client.Put(t.Context(), c, 0); err != nil {
			t.Fatalf("%d records: %v", c.Size, err)
		}
		want = append(want, c.Size)
		kept, at, err := Kept(log.dir, w.vkey())
		if err != nil || kept.Size != c.Size || kept.Root != c.Root || time.Since(at) > time.Minute || time.Until(at) > time.Second {
			t.Fatalf("%+v %v %v", kept, at, err)
		}
		text, err := os.ReadFile(CosignedPath(log.dir))
		if err != nil || !bytes.Equal(text, kept.Note) {
			t.Fatal(err)
		}
		v, _ := note.NewVerifier(verifierOf(t, keyOf(1)))
		if n, err := note.Open(kept.Note, note.VerifierList(v)); err != nil || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 1 {
			t.Fatalf("the log's signature, the witness's, and nobody else's: %v", err)
		}
	}
	if got := w.cosigned(); !slices.Equal(got, want) {
		t.Errorf("%v instead of %v", got, want)
	}
	if w.asks != len(want) {
		t.Errorf("%d requests for %d checkpoints", w.asks, len(want))
	}
}

// A client that has lost what it kept asks the witness where it is.
func TestWitnessIsAskedForItsSize(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	w := newWitness(t, "witness.example/w1", keyOf(1))
	client := w.client(t, w.serve(t), log.dir)
	for _, n := range []int{37, 0, 40} {
		c := log.add(n)
		if err := os.RemoveAll(log.dir + "/" + witnessDir); err != nil {
			t.Fatal(err)
		}
		if err := client.Put(t.Context(), c, 0); err != nil {
			t.Fatalf("%d records: %v", c.Size, err)
		}
	}
	if got := w.cosigned(); !slices.Equal(got, []int64{37, 37, 77}) || w.asks != 5 {
		t.Error(got, w.asks)
	}
}

// A witness that has lost its memory begins anew, which is worth a line.
func TestWitnessThatForgets(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	w := newWitness(t, "witness.example/w1", keyOf(1))
	var out bytes.Buffer
	client := w.client(t, w.serve(t), log.dir, func(o *WitnessOptions) { o.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
	if err := client.Put(t.Context(), log.add(10), 0); err != nil || out.Len() > 0 {
		t.Fatal(err, out.String())
	}
	*w.witnessState = witnessState{}
	if err := client.Put(t.Context(), log.add(10), 0); err != nil || !strings.Contains(out.String(), "has forgotten") {
		t.Fatal(err, out.String())
	}
}

// Two witnesses that have signed the same tree are in one note; each is also kept
// for itself.
func TestSeveralWitnesses(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	a, b := newWitness(t, "a.example/w", keyOf(1)), newWitness(t, "b.example/w", keyOf(1))
	toA, toB := a.client(t, a.serve(t), log.dir), b.client(t, b.serve(t), log.dir)
	both := func(c Checkpoint, signed ...*testWitness) {
		t.Helper()
		text, err := os.ReadFile(CosignedPath(log.dir))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Parse(text); err != nil || got.Size != c.Size || len(got.signatures()) != 1+len(signed) {
			t.Errorf("%s (%v)", text, err)
		}
		for _, w := range signed {
			if _, err := Cosigned(text, w.vkey()); err != nil {
				t.Errorf("%s: %v", w.name, err)
			}
		}
	}
	first := log.add(5)
	put := func(client *Witness, c Checkpoint) {
		t.Helper()
		if err := client.Put(t.Context(), c, 0); err != nil {
			t.Fatal(err)
		}
	}
	put(toA, first)
	put(toB, first)
	both(first, a, b)
	second := log.add(5)
	put(toB, second)
	both(second, b)
	put(toA, first) // an older one again does not take the newer one's place
	both(second, b)
	put(toA, second)
	both(second, a, b)
	for _, w := range []*testWitness{a, b} {
		if c, _, err := Kept(log.dir, w.vkey()); err != nil || c.Size != 10 {
			t.Error(c.Size, err)
		}
	}
}

// What a witness refuses is named, and what it must refuse it gets to see.
func TestWitnessRefuses(t *testing.T) {
	cases := []struct {
		name    string
		prepare func(*testing.T) (*testWitness, string) // the witness, and the log's folder
		want    string
		history bool
	}{
		{"another log", func(t *testing.T) (*testWitness, string) {
			log := openLog(t, t.TempDir(), keyOf(1))
			log.add(3)
			w := newWitness(t, "witness.example/w1", keyOf(1))
			v, _ := audit2("toolvault/other", keyOf(1))
			w.verifier = v
			return w, log.dir
		}, "does not know the log", false},
		{"another key", func(t *testing.T) (*testWitness, string) {
			log := openLog(t, t.TempDir(), keyOf(1))
			log.add(3)
			return newWitness(t, "witness.example/w1", keyOf(2)), log.dir
		}, "does not trust the signature", false},
		{"rolled back, with all that was kept beside it", func(t *testing.T) (*testWitness, string) {
			log := openLog(t, t.TempDir(), keyOf(1))
			log.add(3)
			old := copyLog(t, log.dir)
			w := newWitness(t, "witness.example/w1", keyOf(1))
			if err := w.client(t, w.serve(t), log.dir).Put(t.Context(), log.add(3), 0); err != nil {
				t.Fatal(err)
			}
			return w, old
		}, "has cosigned 6 records, and the log has 3", true},
		{"rolled back, but for what was kept", func(t *testing.T) (*testWitness, string) {
			log := openLog(t, t.TempDir(), keyOf(1))
			log.add(3)
			old := copyLog(t, log.dir)
			w := newWitness(t, "witness.example/w1", keyOf(1))
			if err := w.client(t, w.serve(t), log.dir).Put(t.Context(), log.add(3), 0); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(old+"/"+witnessDir, os.DirFS(log.dir+"/"+witnessDir)); err != nil {
				t.Fatal(err)
			}
			return w, old
		}, "has cosigned 6 records, and the log has 3", true},
		{"another history, without what was kept", func(t *testing.T) (*testWitness, string) {
			w, fork, _ := forked(t)
			return w, fork
		}, "finds that the first records are others", true},
		{"another history of the same size", func(t *testing.T) (*testWitness, string) {
			w, fork, log := forked(t)
			if err := w.client(t, w.serve(t), log.dir).Put(t.Context(), log.add(5), 0); err != nil {
				t.Fatal(err)
			}
			return w, fork
		}, "finds that the first records are others", true},
		{"another history, with what was kept", func(t *testing.T) (*testWitness, string) {
			w, fork, log := forked(t)
			if err := os.CopyFS(fork+"/"+witnessDir, os.DirFS(log.dir+"/"+witnessDir)); err != nil {
				t.Fatal(err)
			}
			return w, fork
		}, "of the first 5 records the witness witness.example/w1 has cosigned another history", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w, dir := c.prepare(t)
			newest, err := Newest(dir)
			if err != nil {
				t.Fatal(err)
			}
			before := w.cosigned()
			err = w.client(t, w.serve(t), dir).Put(t.Context(), newest, 0)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrHistory) != c.history {
				t.Errorf("%v", err)
			}
			if after := w.cosigned(); !slices.Equal(before, after) {
				t.Errorf("it was cosigned: %v", after)
			}
		})
	}
}

// forked makes two logs with one key that differ in the fourth record; the witness
// has seen five of the first, the second has ten.
func forked(t *testing.T) (w *testWitness, fork string, log *testLog) {
	t.Helper()
	log = openLog(t, t.TempDir(), keyOf(1))
	log.add(3)
	fork = copyLog(t, log.dir)
	other := openLog(t, fork, keyOf(1))
	other.n = 1000
	other.add(7)
	w = newWitness(t, "witness.example/w1", keyOf(1))
	if err := w.client(t, w.serve(t), log.dir).Put(t.Context(), log.add(2), 0); err != nil {
		t.Fatal(err)
	}
	return w, fork, log
}

func audit2(name string, key ed25519.PrivateKey) (note.Verifier, error) {
	text, err := note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(text)
}

func TestWitnessAsksForTime(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()
	w := newWitness(t, "witness.example/w1", keyOf(1))
	if err := w.client(t, server.URL, log.dir).Put(t.Context(), log.add(1), 0); retryAfterOf(err) != 90*time.Second {
		t.Error(err)
	}
	server.Close()
	if err := w.client(t, server.URL, log.dir).Put(t.Context(), log.newest(), 0); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Error(err)
	}
}

// What is kept is not taken at its word.
func TestKeptWasChanged(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	w := newWitness(t, "witness.example/w1", keyOf(1))
	client := w.client(t, w.serve(t), log.dir)
	if err := client.Put(t.Context(), log.add(7), 0); err != nil {
		t.Fatal(err)
	}
	key, _ := parseWitnessKey(w.vkey())
	path := ownPath(log.dir, key)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte("\n7\n"), []byte("\n6\n"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Kept(log.dir, w.vkey()); err == nil || !strings.Contains(err.Error(), "forged") {
		t.Error(err)
	}
	if err := client.Put(t.Context(), log.add(1), 0); err == nil || !strings.Contains(err.Error(), "was changed") {
		t.Error(err)
	}
	other := newWitness(t, "other.example/w", keyOf(1))
	if _, _, err := Kept(log.dir, other.vkey()); !errors.Is(err, ErrNotCosigned) {
		t.Error(err)
	}
}

// Of two processes of a machine the slower one does not put its older tree in the
// place of the newer one.
func TestOlderDoesNotTakeItsPlace(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	w := newWitness(t, "witness.example/w1", keyOf(1))
	key, err := parseWitnessKey(w.vkey())
	if err != nil {
		t.Fatal(err)
	}
	old, newer := log.add(3), log.add(3)
	for _, c := range []Checkpoint{newer, old} {
		if err := keep(log.dir, key, c, cosign(w.name, w.key, 1679315147, string(c.Text()))); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(CosignedPath(log.dir))
	if err != nil {
		t.Fatal(err)
	}
	merged, _ := Parse(text)
	if c, _, err := Kept(log.dir, w.vkey()); err != nil || c.Size != 6 || merged.Size != 6 {
		t.Error(c.Size, merged.Size, err)
	}
}

// A client that was slower than another process of its machine finds that what it
// wanted to have cosigned is.
func TestAnotherProcessWasFaster(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	w := newWitness(t, "witness.example/w1", keyOf(1))
	url := w.serve(t)
	old, newer := log.add(3), log.add(3)
	for _, c := range []Checkpoint{newer, old} {
		if err := w.client(t, url, log.dir).Put(t.Context(), c, 0); err != nil {
			t.Error(c.Size, err)
		}
	}
	if got := w.cosigned(); !slices.Equal(got, []int64{6}) {
		t.Error(got)
	}
}
