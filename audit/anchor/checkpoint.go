package anchor

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxNote bounds a checkpoint with all its signatures, in bytes. One signature
// after quantum computers has 2.4 kB, and verifiers must take 16
// (c2sp.org/signed-note).
const maxNote = 64 << 10

// ErrHistory is in the errors of places whose checkpoints are not in the log's
// history: it was rolled back, replaced by another, or two were signed with one
// key.
var ErrHistory = errors.New("the audit log does not hold what was once anchored: run `toolvault audit verify`, and keep all as it is")

var errNoNote = errors.New("checkpoint is not a signed note")

// Checkpoint is a signed promise about the first Size records of a log, in the
// form of c2sp.org/tlog-checkpoint.
type Checkpoint struct {
	Origin string // of the log
	Size   int64
	Root   tlog.Hash
	Note   []byte // the signed note: Text, an empty line, signature lines
}

// Parse reads a checkpoint without checking a signature. It keeps the note.
func Parse(msg []byte) (Checkpoint, error) {
	c := Checkpoint{Note: msg}
	if len(msg) > maxNote {
		return c, fmt.Errorf("checkpoint has more than %d bytes", maxNote)
	}
	i := bytes.LastIndex(msg, []byte("\n\n"))
	if i < 0 || !utf8.Valid(msg) || !bytes.HasSuffix(msg, []byte("\n")) {
		return c, errNoNote
	}
	var err error
	c.Origin, c.Size, c.Root, err = parseText(string(msg[:i+1]))
	return c, err
}

// Text is what is signed: the lines before the empty one, with their ends.
func (c Checkpoint) Text() []byte {
	return c.Note[:bytes.LastIndex(c.Note, []byte("\n\n"))+1]
}

// signatures lists who has signed, without checking that they have.
func (c Checkpoint) signatures() []note.Signature {
	_, err := note.Open(c.Note, note.VerifierList())
	var unverified *note.UnverifiedNoteError
	if !errors.As(err, &unverified) || unverified.Note.Text != string(c.Text()) {
		return nil
	}
	return unverified.Note.UnverifiedSigs
}

// parseText reads the lines of a checkpoint: origin, size, root hash, and
// extensions, which say nothing that we know of.
func parseText(text string) (origin string, size int64, root tlog.Hash, err error) {
	bad := errors.New("checkpoint is not of the form origin, size, root hash")
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" {
		return "", 0, root, bad
	}
	for _, line := range lines[:len(lines)-1] {
		if line == "" || strings.ContainsFunc(line, func(c rune) bool { return c < ' ' }) {
			return "", 0, root, bad
		}
	}
	size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return "", 0, root, bad
	}
	if root, err = tlog.ParseHash(lines[2]); err != nil || root.String() != lines[2] {
		return "", 0, root, bad
	}
	return lines[0], size, root, nil
}
