package anchor

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"toolvault/audit"
	"toolvault/audit/tile"
)

const logName = "toolvault/test"

func keyOf(b byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = b
	return ed25519.NewKeyFromSeed(seed)
}

func verifierOf(t testing.TB, key ed25519.PrivateKey) string {
	t.Helper()
	v, err := audit.VerifierKey(key, logName)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// testLog is a real log in a folder.
type testLog struct {
	*audit.Log
	t   testing.TB
	dir string
	n   int
}

func openLog(t testing.TB, dir string, key ed25519.PrivateKey) *testLog {
	t.Helper()
	l, err := audit.Open(audit.Options{Dir: dir, Key: key, Name: logName})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &testLog{Log: l, t: t, dir: dir}
}

func record(what string) audit.Record {
	return audit.Record{Phase: audit.PhaseCall, Agent: "support-agent-1", Service: "slack", Tool: "slack_post_message",
		Arguments: json.RawMessage(`{"text":` + strconv.Quote(what) + `}`), Outcome: "ok"}
}

func (l *testLog) add(n int) Checkpoint {
	l.t.Helper()
	for range n {
		if _, err := l.Append(l.t.Context(), record(fmt.Sprintf("hello %d", l.n))); err != nil {
			l.t.Fatal(err)
		}
		l.n++
	}
	return l.newest()
}

func (l *testLog) newest() Checkpoint {
	l.t.Helper()
	c, err := Newest(l.dir)
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

// copyLog copies the records of a log, and nothing of what is kept beside them.
func copyLog(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	names, err := filepath.Glob(filepath.Join(from, "*.log"))
	if err != nil || len(names) == 0 {
		t.Fatal(err, len(names))
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(name)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func treeOf(dir string) func(context.Context) (Tree, error) {
	return func(ctx context.Context) (Tree, error) { return tile.Open(ctx, dir, nil) }
}

// witnessState is what a witness remembers: it outlives the server.
type witnessState struct {
	mu   sync.Mutex
	size int64
	root tlog.Hash
	seen []int64 // the sizes that it has cosigned
	asks int
}

// testWitness is a witness after c2sp.org/tlog-witness, with all that it has to
// refuse. It is written from that page, apart from the client, and so that it
// can be made to lie.
type testWitness struct {
	*witnessState
	name     string
	key      ed25519.PrivateKey
	now      func() time.Time
	verifier note.Verifier                                                      // of the log that it knows
	lie      func(w http.ResponseWriter, text string, truth []byte) (lied bool) // instead of the truth
}

func newWitness(t testing.TB, name string, log ed25519.PrivateKey) *testWitness {
	t.Helper()
	v, err := note.NewVerifier(verifierOf(t, log))
	if err != nil {
		t.Fatal(err)
	}
	return &testWitness{witnessState: &witnessState{}, name: name, key: keyOf(name[0]), now: time.Now, verifier: v}
}

func (w *testWitness) vkey() string { return vkey(w.name, w.key) }

func vkey(name string, key ed25519.PrivateKey) string {
	pub := append([]byte{4}, key.Public().(ed25519.PublicKey)...)
	return fmt.Sprintf("%s+%08x+%s", name, keyHash(name, pub), base64.StdEncoding.EncodeToString(pub))
}

func (w *testWitness) serve(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	return server.URL
}

// cosign is a signature line of "Ed25519 signed message", c2sp.org/tlog-cosignature.
func cosign(name string, key ed25519.PrivateKey, at int64, text string) []byte {
	pub := append([]byte{4}, key.Public().(ed25519.PublicKey)...)
	raw := binary.BigEndian.AppendUint32(nil, keyHash(name, pub))
	raw = binary.BigEndian.AppendUint64(raw, uint64(at))
	raw = append(raw, ed25519.Sign(key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text))...)
	return fmt.Appendf(nil, "— %s %s\n", name, base64.StdEncoding.EncodeToString(raw))
}

func (w *testWitness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asks++
	if r.URL.Path != "/add-checkpoint" || r.Method != http.MethodPost {
		http.NotFound(rw, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	head, msg, _ := strings.Cut(string(body), "\n\n")
	lines := strings.Split(head, "\n")
	digits, ok := strings.CutPrefix(lines[0], "old ")
	old, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || strconv.FormatInt(old, 10) != digits || old < 0 || len(lines) > 64 {
		http.Error(rw, "old size line", http.StatusBadRequest)
		return
	}
	var proof tlog.TreeProof
	for _, line := range lines[1:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			http.Error(rw, "proof line", http.StatusBadRequest)
			return
		}
		proof = append(proof, h)
	}
	if origin, _, _ := strings.Cut(msg, "\n"); origin != w.verifier.Name() {
		http.Error(rw, "unknown log", http.StatusNotFound)
		return
	}
	n, err := note.Open([]byte(msg), note.VerifierList(w.verifier))
	if err != nil {
		http.Error(rw, "signature", http.StatusForbidden)
		return
	}
	text := strings.Split(n.Text, "\n")
	size, _ := strconv.ParseInt(text[1], 10, 64)
	root, _ := tlog.ParseHash(text[2])
	if old > size {
		http.Error(rw, "old size is larger", http.StatusBadRequest)
		return
	}
	if old != w.size {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(http.StatusConflict)
		_, _ = fmt.Fprintf(rw, "%d\n", w.size)
		return
	}
	switch {
	case old == 0 && len(proof) > 0,
		old == size && (len(proof) > 0 || size > 0 && root != w.root),
		old > 0 && old < size && tlog.CheckTree(proof, size, root, old, w.root) != nil:
		http.Error(rw, "proof", http.StatusUnprocessableEntity)
		return
	}
	line := cosign(w.name, w.key, w.now().Unix(), n.Text)
	if w.lie != nil && w.lie(rw, n.Text, line) {
		return
	}
	w.size, w.root = size, root
	w.seen = append(w.seen, size)
	// Others' signatures stand beside its own, as on the page.
	_, _ = rw.Write(append(cosign("other.example/w", keyOf('x'), 1, n.Text), line...))
}

func (w *testWitness) cosigned() []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen)
}

func (w *testWitness) client(t testing.TB, url, dir string, change ...func(*WitnessOptions)) *Witness {
	t.Helper()
	o := WitnessOptions{URL: url, Key: w.vkey(), Dir: dir, Tree: treeOf(dir)}
	for _, f := range change {
		f(&o)
	}
	c, err := NewWitness(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits for something that another goroutine or process does.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("not in 20 s: " + what)
		}
	}
}
