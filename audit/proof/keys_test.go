package proof

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolvault/audit"
)

// rotated is a log whose key has given way twice, and its three keys.
func rotated(t *testing.T) (l testLog, keys []string) {
	t.Helper()
	secrets := map[string]ed25519.PrivateKey{}
	l = testLog{dir: t.TempDir(), secret: audit.NewKey()}
	verifier := func(k ed25519.PrivateKey) string {
		v, err := audit.VerifierKey(k, origin)
		if err != nil {
			t.Fatal(err)
		}
		secrets[v] = k
		keys = append(keys, v)
		return v
	}
	l.key = verifier(l.secret)
	var err error
	l.log, err = audit.Open(audit.Options{Dir: l.dir, Key: l.secret, Name: origin, Keys: func(v string) (ed25519.PrivateKey, error) {
		if k, ok := secrets[v]; ok {
			return k, nil
		}
		return nil, errors.New("no such key")
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.log.Close() })
	l.add(t, audit.Record{Phase: audit.PhaseCall, CallID: "first", Outcome: "ok"})
	for range 2 {
		l.filler(t, 3)
		next := audit.NewKey()
		verifier(next)
		if err := l.log.Rotate(t.Context(), next, "root"); err != nil {
			t.Fatal(err)
		}
	}
	l.add(t, audit.Record{Phase: audit.PhaseCall, CallID: "last", Outcome: "ok"})
	return l, keys
}

func TestWhoeverHasAnOlderKeyCanCheckANewProof(t *testing.T) {
	l, keys := rotated(t)
	for _, sealed := range []bool{false, true} {
		if sealed {
			if err := l.log.Upkeep(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
		for _, call := range []string{"first", "last"} {
			text := l.make(t, call, Options{})
			for i, key := range keys {
				if _, err := Verify(text, key); err != nil {
					t.Errorf("%s with key %d: %v", call, i, err)
				}
			}
		}
	}
}

// A segment that was only begun, by a process that died, is no change of the key.
func TestASegmentThatWasOnlyBegunIsNoHandover(t *testing.T) {
	l, keys := rotated(t)
	if err := l.log.Close(); err != nil {
		t.Fatal(err)
	}
	size, _, err := audit.Newest(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(l.dir, fmt.Sprintf("%020d.log", size)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		if _, err := Verify(l.make(t, "last", Options{}), key); err != nil {
			t.Errorf("key %d: %v", i, err)
		}
	}
}

func TestAKeyTakesOverOnlyUnderTheSignatureOfTheOneBefore(t *testing.T) {
	l, keys := rotated(t)
	other, theirs := rotated(t)
	text := l.make(t, "last", Options{})
	var own, foreign file
	if json.Unmarshal(text, &own) != nil || json.Unmarshal(other.make(t, "last", Options{}), &foreign) != nil || len(own.Keys) != 2 {
		t.Fatalf("%s", text)
	}
	for name, c := range map[string]struct {
		change func(f *file)
		key    string
		reason string
	}{
		"no record of it":             {func(f *file) { f.Keys = nil }, keys[0], "not signed with the key"},
		"the first is missing":        {func(f *file) { f.Keys = f.Keys[1:] }, keys[0], "not signed with the key"},
		"the newest needs none":       {func(f *file) { f.Keys = nil }, keys[2], ""},
		"those of another log":        {func(f *file) { f.Keys = foreign.Keys }, keys[0], "not signed with the key"},
		"another log's with its keys": {func(f *file) { f.Keys = foreign.Keys }, theirs[0], "not signed with the key"},
		"another key is named":        {func(f *file) { f.Keys[0].Leaf = strings.Replace(f.Keys[0].Leaf, `"key":"`, `"key":"x`, 1) }, keys[0], "not in the signed tree"},
		"a record that names no key":  {func(f *file) { f.Keys[0] = l.record(t, 0) }, keys[2], "change of the key is none"},
		"a body":                      {func(f *file) { f.Keys[0].Body = "{}" }, keys[0], "not in the signed tree"},
		"too many":                    {func(f *file) { f.Keys = make([]record, maxKeys+1) }, keys[0], "more than 64"},
	} {
		var f file
		_ = json.Unmarshal(text, &f)
		c.change(&f)
		changed, err := f.encode()
		if err != nil {
			t.Fatal(err)
		}
		_, err = Verify(changed, c.key)
		if c.reason == "" && err != nil || c.reason != "" && (err == nil || !strings.Contains(err.Error(), c.reason)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// record is the proof of one record under the newest key.
func (l testLog) record(t *testing.T, index int64) record {
	t.Helper()
	text, err := MakeRecord(t.Context(), l.dir, index, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	return f.Records[0]
}
