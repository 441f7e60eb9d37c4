package tile

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"toolvault/audit"
)

// written is a log that a test writes, and what its tree must be, by the book:
// all of RFC 6962's hashes as package tlog stores them.
type written struct {
	t      testing.TB
	dir    string
	key    ed25519.PrivateKey
	log    *audit.Log
	hashes []tlog.Hash
	leaves []string
	size   int64
}

func newLog(t testing.TB, records int) *written {
	t.Helper()
	w := &written{t: t, dir: t.TempDir(), key: audit.NewKey()}
	w.open()
	w.append(records)
	return w
}

func (w *written) open() {
	w.t.Helper()
	log, err := audit.Open(audit.Options{Dir: w.dir, Key: w.key, Name: "test.example/log"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.log = log
	w.t.Cleanup(func() { _ = log.Close() })
}

// append adds records, many at a time, since each batch waits for the disk.
func (w *written) append(records int) {
	w.t.Helper()
	var wg sync.WaitGroup
	errs := make(chan error, 1)
	const writers = 512
	for i := range min(writers, records) {
		wg.Go(func() {
			for k := i; k < records; k += writers {
				_, err := w.log.Append(context.Background(), audit.Record{Phase: audit.PhaseCall, CallID: fmt.Sprintf("call-%d", k), Agent: "a", Message: "m"})
				if err != nil {
					select {
					case errs <- err:
					default:
					}
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		w.t.Fatal(err)
	default:
	}
	w.read()
}

// read takes in what is new in the log.
func (w *written) read() {
	w.t.Helper()
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var list []tlog.Hash
		for _, i := range indexes {
			list = append(list, w.hashes[i])
		}
		return list, nil
	})
	_, err := audit.Scan(context.Background(), w.dir, w.size, func(r audit.Raw) error {
		more, err := tlog.StoredHashes(r.Index, r.Leaf, reader)
		w.hashes = append(w.hashes, more...)
		w.leaves = append(w.leaves, string(r.Leaf))
		w.size++
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *written) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var list []tlog.Hash
	for _, i := range indexes {
		list = append(list, w.hashes[i])
	}
	return list, nil
}

func (w *written) root(size int64) tlog.Hash {
	w.t.Helper()
	h, err := tlog.TreeHash(size, w)
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// tile is what must stand in a tile's file.
func (w *written) tile(level int, n int64, width int) []byte {
	w.t.Helper()
	b, err := tlog.ReadTileData(tlog.Tile{H: Height, L: level, N: n, W: width}, w)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func opened(t testing.TB, dir string) *Tree {
	t.Helper()
	tree, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// onDisk is all files below a folder by their path.
func onDisk(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return found
}
