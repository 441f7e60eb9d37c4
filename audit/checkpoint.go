package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// NewKey makes the key that signs a log's checkpoints.
func NewKey() ed25519.PrivateKey {
	_, key, _ := ed25519.GenerateKey(rand.Reader) // since Go 1.24 the reader cannot fail
	return key
}

// VerifierKey is the text that a verifier of the log needs, in the form of C2SP
// signed notes: "name+hash+base64". It is public.
func VerifierKey(key ed25519.PrivateKey, name string) (string, error) {
	if len(key) != ed25519.PrivateKeySize {
		return "", fmt.Errorf("audit key has %d bytes instead of %d: make one with NewKey", len(key), ed25519.PrivateKeySize)
	}
	if name == "" || strings.ContainsAny(name, "+ \t\r\n") {
		return "", fmt.Errorf("audit log name %q must not be empty or hold a space or a plus", name)
	}
	v, err := note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		return "", fmt.Errorf("audit log name %q: %w", name, err)
	}
	return v, nil
}

// authority signs and checks the checkpoints of one log.
type authority struct {
	name     string
	text     string      // verifier key
	signer   note.Signer // nil for one that only checks
	verifier note.Verifier
}

func newAuthority(key ed25519.PrivateKey, name string) (*authority, error) {
	text, err := VerifierKey(key, name)
	if err != nil {
		return nil, err
	}
	a, err := newVerifier(text)
	if err != nil {
		return nil, err
	}
	const ed25519Algorithm = 1 // c2sp.org/signed-note
	seed := append([]byte{ed25519Algorithm}, key.Seed()...)
	a.signer, err = note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, a.verifier.KeyHash(), base64.StdEncoding.EncodeToString(seed)))
	return a, err
}

func newVerifier(text string) (*authority, error) {
	v, err := note.NewVerifier(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("verifier key is not of the form name+hash+base64: copy it from `toolvault audit key`")
	}
	return &authority{name: v.Name(), text: strings.TrimSpace(text), verifier: v}, nil
}

// checkpoint is a commitment to the first size records.
type checkpoint struct {
	size int64
	root tlog.Hash
}

// sign returns the checkpoint as a signed note.
func (a *authority) sign(c checkpoint) ([]byte, error) {
	text := a.name + "\n" + strconv.FormatInt(c.size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.root[:]) + "\n"
	return note.Sign(&note.Note{Text: text}, a.signer)
}

// check verifies the signature of a note.
func (a *authority) check(msg []byte) error {
	_, err := note.Open(msg, note.VerifierList(a.verifier))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unverified):
		return fmt.Errorf("checkpoint is not signed with the key %s+%08x", a.name, a.verifier.KeyHash())
	case errors.As(err, &invalid):
		return errors.New("checkpoint has a forged signature")
	}
	return errors.New("checkpoint is not a signed note")
}

// parse reads a note's checkpoint without checking its signature.
func (a *authority) parse(msg []byte) (checkpoint, error) {
	origin, c, err := parseCheckpoint(msg)
	if err == nil && origin != a.name {
		err = fmt.Errorf("checkpoint is of the log %q, not of %q", origin, a.name)
	}
	return c, err
}

// parseCheckpoint reads the three lines of a checkpoint: origin, size, root.
func parseCheckpoint(msg []byte) (origin string, c checkpoint, err error) {
	bad := errors.New("checkpoint is not of the form origin, size, root hash")
	text, _, ok := bytes.Cut(msg, []byte("\n\n"))
	lines := strings.Split(string(text), "\n")
	if !ok || len(lines) != 3 {
		return "", c, bad
	}
	c.size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || c.size < 0 || strconv.FormatInt(c.size, 10) != lines[1] {
		return "", c, bad
	}
	c.root, err = tlog.ParseHash(lines[2])
	if err != nil {
		return "", c, bad
	}
	return lines[0], c, nil
}

// appendCheckpointLine appends a note as a line of the log.
func appendCheckpointLine(b, msg []byte) []byte {
	return append(appendJSONString(b, msg), '\n')
}

// parseCheckpointLine is its inverse.
func parseCheckpointLine(line []byte) ([]byte, error) {
	if n := len(line); n > 1 && line[0] == '"' && line[n-1] == '"' {
		text := bytes.ReplaceAll(line[1:n-1], []byte(`\n`), []byte("\n"))
		if !bytes.ContainsAny(text, `"\`) && utf8.Valid(text) { // as Append writes it
			return text, nil
		}
	}
	var s string
	if err := json.Unmarshal(line, &s); err != nil {
		return nil, errors.New("checkpoint line is not a JSON string")
	}
	return []byte(s), nil
}
