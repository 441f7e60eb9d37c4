package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cosigner signs as c2sp.org/tlog-cosignature says.
type cosigner struct {
	name string
	key  ed25519.PrivateKey
}

func (c cosigner) id() []byte {
	sum := sha256.Sum256(append([]byte(c.name+"\n\x04"), c.key.Public().(ed25519.PublicKey)...))
	return sum[:4]
}

func (c cosigner) verifier() string {
	return fmt.Sprintf("%s+%x+%s", c.name, c.id(), base64.StdEncoding.EncodeToString(append([]byte{4}, c.key.Public().(ed25519.PublicKey)...)))
}

func (c cosigner) sign(note string, at time.Time) string {
	text, _, _ := strings.Cut(note, "\n\n")
	raw := binary.BigEndian.AppendUint64(bytes.Clone(c.id()), uint64(at.Unix()))
	raw = append(raw, ed25519.Sign(c.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", at.Unix(), text))...)
	return fmt.Sprintf("%s— %s %s\n", note, c.name, base64.StdEncoding.EncodeToString(raw))
}

// The log must hold what the witness has cosigned, and the witness must have done so
// lately where that is asked for.
func TestVerifyWithAWitness(t *testing.T) {
	t.Parallel()
	data := t.TempDir() + "/d"
	for _, agent := range []string{"a1", "a2", "a3"} {
		commandOutput(t, data, "agent", "add", agent)
	}
	note := commandOutput(t, data, "audit", "checkpoint") + "\n"
	commandOutput(t, data, "agent", "add", "a4")
	w := cosigner{"witness.example/w", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	path := filepath.Join(data, "audit", "witness", "checkpoint")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	// Another history of the same log, by whoever has its key.
	fork := t.TempDir() + "/d"
	if out, err := exec.Command("cp", "-a", data, fork).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	commandOutput(t, data, "agent", "add", "a5")
	commandOutput(t, fork, "agent", "add", "b5")
	other := commandOutput(t, fork, "audit", "checkpoint") + "\n"

	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	cases := []struct {
		name, note string
		args       []string
		want       []string
		code       int
	}{
		{"good", w.sign(note, ago(time.Minute)), nil, []string{"Intact: 5 records", "Cosigned by witness.example/w at ", ": the first 3 records."}, 0},
		{"good and lately", w.sign(note, ago(time.Minute)), []string{"--witness-age", "1h"}, []string{"Cosigned by"}, 0},
		{"good and not lately", w.sign(note, ago(2*time.Hour)), []string{"--witness-age", "1h"}, []string{"Intact", "NOT COSIGNED by witness.example/w: its newest cosignature is 2h0m", "may be 1h0m0s"}, 1},
		{"not by it", note, nil, []string{"NOT COSIGNED by witness.example/w: ", "not cosigned by the witness"}, 1},
		{"forged", strings.Replace(w.sign(note, ago(time.Minute)), "\n3\n", "\n2\n", 1), nil, []string{"NOT COSIGNED", "is forged"}, 1},
		{"of another history", w.sign(other, ago(time.Minute)), nil, []string{"NOT INTACT: record 4", "signs other records"}, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(c.note), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := program(t, data, append([]string{"audit", "verify", "--witness", w.verifier()}, c.args...)...)
			out, err := cmd.CombinedOutput()
			code := 0
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != c.code {
				t.Errorf("exit code %d: %s", code, out)
			}
			for _, want := range c.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("there is no %q in: %s", want, out)
				}
			}
		})
	}
}
