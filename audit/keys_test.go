package audit

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestAKeyThatRotatesIsNamedByTheOneBefore(t *testing.T) {
	dir := t.TempDir()
	keys := map[string]ed25519.PrivateKey{}
	verifier := func(k ed25519.PrivateKey) string {
		v, err := VerifierKey(k, testName)
		if err != nil {
			t.Fatal(err)
		}
		keys[v] = k
		return v
	}
	find := func(o *Options) {
		o.Keys = func(v string) (ed25519.PrivateKey, error) {
			if k, ok := keys[v]; ok {
				return k, nil
			}
			return nil, errors.New("no such key")
		}
	}
	l, other := openTest(t, dir, find), openTest(t, dir, find)
	appendN(t, l, 0, 5)
	appendN(t, other, 5, 1)
	second := NewKey()
	k1, k2 := testVerifier(t), verifier(second)
	if err := l.Rotate(t.Context(), second, "root"); err != nil {
		t.Fatal(err)
	}
	appendN(t, other, 8, 2) // in another process, which learns of it from the log
	appendN(t, l, 10, 1)
	third := NewKey()
	k3 := verifier(third)
	if err := other.Rotate(t.Context(), third, "root"); err != nil {
		t.Fatal(err)
	}
	appendN(t, l, 13, 1)
	l.Close()
	other.Close()
	for _, k := range []string{k1, k2, k3} {
		r, err := Verify(t.Context(), VerifyOptions{Dir: dir, Key: k})
		if err != nil || r.Problem != nil || r.Records != 14 {
			t.Fatalf("with %s: %+v, %v", k, r, err)
		}
		if len(r.Keys) != 3 || r.Keys[0] != (Key{k1, 0}) || r.Keys[1] != (Key{k2, 7}) || r.Keys[2] != (Key{k3, 12}) {
			t.Fatalf("history %+v", r.Keys)
		}
	}
	stranger := verifier(NewKey())
	if r, err := Verify(t.Context(), VerifyOptions{Dir: dir, Key: stranger}); err != nil || r.Problem == nil || !strings.Contains(r.Problem.Reason, "not signed with the key") {
		t.Fatalf("with a stranger's key: %+v, %v", r, err)
	}

	// With the newest key it opens; with the first, and no way to the newest, not.
	again, err := Open(Options{Dir: dir, Key: third, Name: testName})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := Open(Options{Dir: dir, Key: testKey(), Name: testName}); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}

	// A key that nobody has named.
	last := segmentPath(dir, 12)
	text, _ := os.ReadFile(last)
	forged := t.TempDir()
	f, err := Open(Options{Dir: forged, Key: NewKey(), Name: testName})
	if err != nil {
		t.Fatal(err)
	}
	appendN(t, f, 0, 1)
	f.Close()
	other2, _ := os.ReadFile(segmentPath(forged, 0))
	lines, theirs := bytes.SplitAfter(text, []byte("\n")), bytes.SplitAfter(other2, []byte("\n"))
	lines[1] = theirs[1]
	os.WriteFile(last, bytes.Join(lines, nil), 0o600)
	r, err := Verify(t.Context(), VerifyOptions{Dir: dir, Key: k1})
	if err != nil || r.Problem == nil || r.Problem.Index != 12 || !strings.Contains(r.Problem.Reason, "no record says that it took over") {
		t.Fatalf("%+v, %v", r, err)
	}
}
