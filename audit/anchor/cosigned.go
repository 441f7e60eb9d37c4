package anchor

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// What witnesses have cosigned is kept in the folder of the log:
//
//	witness/checkpoint           the newest cosigned tree: the log's signature, and all cosignatures
//	witness/HASH.checkpoint      the newest that one witness has cosigned; HASH is that of its key
const (
	witnessDir   = "witness"
	cosignedName = "checkpoint"
)

// CosignedPath is the file in the folder of a log that holds the newest cosigned
// checkpoint. It may be missing.
func CosignedPath(dir string) string { return filepath.Join(dir, witnessDir, cosignedName) }

// Kept returns the newest checkpoint in the folder of a log that a witness has
// cosigned, and when it did. The error is fs.ErrNotExist where there is none, and
// ErrNotCosigned, or one that says what is wrong, where what is there is not
// signed by that witness.
func Kept(dir, witnessKey string) (Checkpoint, time.Time, error) {
	key, err := parseWitnessKey(witnessKey)
	if err != nil {
		return Checkpoint{}, time.Time{}, err
	}
	path := ownPath(dir, key)
	c, err := readNote(path)
	if errors.Is(err, fs.ErrNotExist) { // a copy of the log may have only this one
		path = CosignedPath(dir)
		c, err = readNote(path)
	}
	if err != nil {
		return c, time.Time{}, err
	}
	at, _, err := key.open(c.Note)
	if err != nil {
		return c, at, fmt.Errorf("%s: %w", path, err)
	}
	return c, at, nil
}

func ownPath(dir string, key *witnessKey) string {
	return filepath.Join(dir, witnessDir, fmt.Sprintf("%08x%s", key.hash, noteSuffix))
}

// readOwn is the newest checkpoint that a witness has cosigned; the zero value
// where there is none, or none that is signed by it: the witness then says where
// it is.
func readOwn(dir string, key *witnessKey) (Checkpoint, error) {
	c, err := readNote(ownPath(dir, key))
	if errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, nil
	}
	if err == nil {
		_, _, err = key.open(c.Note)
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("what the witness %s has cosigned was changed, remove the file to go on: %w", key.name, err)
	}
	return c, nil
}

// keep writes what a witness has cosigned, and the newest of all witnesses.
func keep(dir string, key *witnessKey, c Checkpoint, line []byte) error {
	sub := filepath.Join(dir, witnessDir)
	if err := os.MkdirAll(sub, 0o700); err != nil {
		return err
	}
	own := append(bytes.Clone(c.Note), line...)
	if old, err := readNote(ownPath(dir, key)); err == nil && old.Size > c.Size {
		return nil // another process was faster
	}
	if err := writeWhole(sub, filepath.Base(ownPath(dir, key)), own, 0o600); err != nil {
		return err
	}
	// Another process may be at the same: whoever writes last has seen the other's.
	var wrote []byte
	for range 3 {
		all, err := merged(sub, own)
		if err != nil {
			return err
		}
		if bytes.Equal(all, wrote) {
			return nil
		}
		if err := writeWhole(sub, cosignedName, all, 0o600); err != nil {
			return err
		}
		wrote = all
	}
	return nil
}

// merged is the newest of the checkpoints that witnesses have cosigned, with the
// signatures of all that have signed the same.
func merged(sub string, own []byte) ([]byte, error) {
	best, err := Parse(own)
	if err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(sub, "*"+noteSuffix))
	if err != nil {
		return nil, err
	}
	var list []Checkpoint
	for _, name := range names {
		c, err := readNote(name)
		if err != nil {
			continue // of another witness, which mends it at its turn
		}
		list = append(list, c)
		if c.Size > best.Size {
			best = c
		}
	}
	note := bytes.Clone(best.Note)
	have := map[string]bool{}
	id := func(name string, hash uint32) string { return fmt.Sprintf("%s+%08x", name, hash) }
	for _, s := range best.signatures() {
		have[id(s.Name, s.Hash)] = true
	}
	for _, c := range list {
		if !bytes.Equal(c.Text(), best.Text()) {
			continue
		}
		for _, s := range c.signatures() {
			if k := id(s.Name, s.Hash); !have[k] && len(note) < maxNote/2 {
				have[k] = true
				note = append(note, signatureLine(s)...)
			}
		}
	}
	return note, nil
}
