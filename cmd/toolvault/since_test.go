package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"toolvault/audit"
)

// sinceLog is a log that a test writes, with a key of its own choice.
type sinceLog struct {
	t   *testing.T
	dir string
	log *audit.Log
}

const sinceName = "test.example/log"

func newSinceLog(t *testing.T, records string, keys ...ed25519.PrivateKey) sinceLog {
	t.Helper()
	l := sinceLog{t: t, dir: t.TempDir()}
	var err error
	l.log, err = audit.Open(audit.Options{Dir: l.dir, Key: keys[0], Name: sinceName, Keys: func(verifier string) (ed25519.PrivateKey, error) {
		for _, k := range keys {
			if sinceKey(t, k) == verifier {
				return k, nil
			}
		}
		return nil, context.Canceled
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.log.Close() })
	l.add(records)
	return l
}

// add adds a record for each letter.
func (l sinceLog) add(records string) {
	l.t.Helper()
	for _, r := range records {
		if _, err := l.log.Append(l.t.Context(), audit.Record{Phase: audit.PhaseCall, CallID: string(r)}); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l sinceLog) checkpoint() []byte {
	l.t.Helper()
	_, msg, err := audit.Newest(l.dir)
	if err != nil {
		l.t.Fatal(err)
	}
	return msg
}

func sinceKey(t *testing.T, k ed25519.PrivateKey) string {
	t.Helper()
	v, err := audit.VerifierKey(k, sinceName)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// hold is what verify --since does with a log.
func (l sinceLog) hold(seen []byte, key string) since {
	l.t.Helper()
	report, err := audit.Verify(l.t.Context(), audit.VerifyOptions{Dir: l.dir, Key: key})
	if err != nil {
		l.t.Fatal(err)
	}
	s, err := holdSince(l.t.Context(), l.dir, seen, key, report)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

func TestACheckpointFromBeforeIsHeldAgainstTheLog(t *testing.T) {
	key, next, stranger := audit.NewKey(), audit.NewKey(), audit.NewKey()
	l := newSinceLog(t, "abc", key, next)
	v := sinceKey(t, key)
	early := l.checkpoint()
	l.add("def")
	late := l.checkpoint()

	// signedBy is a checkpoint of this log's name and tree, signed with another key.
	lines := strings.SplitAfterN(string(early), "\n", 4)
	signedBy := func(k ed25519.PrivateKey, hash uint32) []byte {
		text := strings.Join(lines[:3], "")
		sig := append(binary.BigEndian.AppendUint32(nil, hash), ed25519.Sign(k, []byte(text))...)
		return []byte(text + "\n— " + sinceName + " " + base64.StdEncoding.EncodeToString(sig) + "\n")
	}
	hashOf := func(k ed25519.PrivateKey) uint32 {
		v, err := note.NewVerifier(sinceKey(t, k))
		if err != nil {
			t.Fatal(err)
		}
		return v.KeyHash()
	}
	for name, c := range map[string]struct {
		log  sinceLog
		seen []byte
		want string
	}{
		"a part of it":             {l, early, sinceHolds},
		"all of it":                {l, late, sinceHolds},
		"with other signatures":    {l, append(early[:len(early):len(early)], "— witness.example/w AAAAAAAA\n"...), sinceHolds},
		"shorter than it was":      {newSinceLog(t, "abc", key), late, sinceRolledBack},
		"empty":                    {newSinceLog(t, "", key), early, sinceRolledBack},
		"another history, longer":  {newSinceLog(t, "abcxyzxyz", key), late, sinceFork},
		"another history, as long": {newSinceLog(t, "abcdeg", key), late, sinceFork},
		"another key":              {l, signedBy(stranger, hashOf(stranger)), sinceOtherKey},
		"a forged signature":       {l, signedBy(stranger, hashOf(key)), sinceForged},
		"a changed size":           {l, []byte(strings.Replace(string(early), "\n3\n", "\n2\n", 1)), sinceForged},
		"a changed root":           {l, []byte(strings.Replace(string(early), lines[2], strings.SplitAfterN(string(late), "\n", 4)[2], 1)), sinceForged},
		"another name":             {l, []byte(strings.Replace(string(early), sinceName, "other.example/log", 1)), sinceOtherLog},
	} {
		if got := c.log.hold(c.seen, v); got.Finding != c.want || (got.Reason == "") != (c.want == sinceHolds) {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}

	// When the key has given way to another, what it signed is good as before.
	if err := l.log.Rotate(t.Context(), next, "root"); err != nil {
		t.Fatal(err)
	}
	l.add("gh")
	for _, k := range []ed25519.PrivateKey{key, next} {
		for _, seen := range [][]byte{early, late, l.checkpoint()} {
			if got := l.hold(seen, sinceKey(t, k)); got.Finding != sinceHolds {
				t.Errorf("after the key was rotated: %+v", got)
			}
		}
	}
	for _, bad := range []string{"", "hello", "\n\n", "a\nb\nc\n\n— x AAAA\n", string(early[:20])} {
		report, err := audit.Verify(t.Context(), audit.VerifyOptions{Dir: l.dir, Key: v})
		if err != nil {
			t.Fatal(err)
		}
		if s, err := holdSince(t.Context(), l.dir, []byte(bad), v, report); err == nil {
			t.Errorf("%q is a checkpoint: %+v", bad, s)
		}
	}
}
