package tile

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// The sizes are those at which a tile begins, is full, or is followed by another.
func TestATreeIsThatOfTheLog(t *testing.T) {
	w := newLog(t, 0)
	if tree := opened(t, w.dir); tree.Size() != 0 || tree.Checkpoint() != nil || tree.Root() != w.root(0) {
		t.Fatalf("an empty log has the tree %d %s", tree.Size(), tree.Root())
	}
	for _, size := range []int{1, 2, 255, 256, 257, 511, 512, 700, 1023, 1300} {
		w.append(size - int(w.size))
		tree := opened(t, w.dir)
		if tree.Size() != w.size || tree.Root() != w.root(w.size) {
			t.Fatalf("%d records: tree of %d with root %s", w.size, tree.Size(), tree.Root())
		}
		if err := tree.Kept(); err != nil {
			t.Fatal(err)
		}
		holdTree(t, w, tree)
		holdFiles(t, w)
	}
}

// holdTree holds every hash and some proofs against the book.
func holdTree(t *testing.T, w *written, tree *Tree) {
	t.Helper()
	for i, want := range w.hashes {
		got, err := tree.ReadHashes([]int64{int64(i)})
		if err != nil || got[0] != want {
			t.Fatalf("%d records: hash %d is %v, %v", w.size, i, got, err)
		}
	}
	if _, err := tree.ReadHashes([]int64{int64(len(w.hashes))}); !errors.Is(err, ErrNone) {
		t.Errorf("a hash behind the end: %v", err)
	}
	for range 30 {
		size := 1 + rand.Int64N(w.size)
		holdProofs(t, w, tree, size, rand.Int64N(size), rand.Int64N(size+1))
	}
}

func holdProofs(t *testing.T, w *written, tree *Tree, size, index, old int64) {
	t.Helper()
	p, err := tree.Inclusion(size, index)
	if err == nil {
		err = tlog.CheckRecord(p, size, w.root(size), index, tlog.RecordHash([]byte(w.leaves[index])))
	}
	if err != nil {
		t.Errorf("record %d of %d: %v", index, size, err)
	}
	if old == 0 {
		return
	}
	c, err := tree.Consistency(old, size)
	if err == nil {
		err = tlog.CheckTree(c, size, w.root(size), old, w.root(old))
	}
	if err != nil {
		t.Errorf("%d in %d: %v", old, size, err)
	}
	if root, err := tree.RootAt(old); err != nil || root != w.root(old) {
		t.Errorf("root at %d: %s, %v", old, root, err)
	}
}

// holdFiles holds what is on disk against the book: every full tile, the partial
// ones of the size, and nothing that is not the log's.
func holdFiles(t *testing.T, w *written) {
	t.Helper()
	there := onDisk(t, filepath.Join(w.dir, "tile"))
	for level := 0; w.size>>(Height*level) > 0; level++ {
		for n := range full(w.size, level) {
			if p := Path(level, n, Width); there["tile/"+p] != "" || there[strings.TrimPrefix(p, "tile/")] != string(w.tile(level, n, Width)) {
				t.Fatalf("%d records: %s is missing or wrong", w.size, p)
			}
		}
		if k := width(w.size, level); k > 0 {
			if p := Path(level, full(w.size, level), k); there[strings.TrimPrefix(p, "tile/")] != string(w.tile(level, full(w.size, level), k)) {
				t.Fatalf("%d records: %s is missing or wrong", w.size, p)
			}
		}
	}
	for p, text := range there {
		level, n, k, ok := ParsePath("tile/" + p)
		if !ok || string(w.tile(level, n, k)) != text {
			t.Errorf("%d records: %s is no tile of the log", w.size, p)
		}
	}
}

// The levels of c2sp.org/tlog-tiles' example, 70,000 records, cost too much to
// write here: the edge alone is held against the book.
func TestTheExampleOfTheSpecification(t *testing.T) {
	var e edge
	tiles := map[string]int{}
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (list []tlog.Hash, err error) {
		for _, i := range indexes {
			list = append(list, hashes[i])
		}
		return list, nil
	})
	for i := range int64(70_000) {
		h := tlog.RecordHash(fmt.Append(nil, i))
		more, err := tlog.StoredHashesForRecordHash(i, h, reader)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
		err = e.add(h, func(level int, n int64, got []tlog.Hash) error {
			want, err := tlog.ReadTileData(tlog.Tile{H: Height, L: level, N: n, W: Width}, reader)
			if err != nil || string(join(got)) != string(want) {
				t.Fatalf("tile %d %d is wrong (%v)", level, n, err)
			}
			tiles[fmt.Sprint(level)]++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if tiles["0"] != 273 || tiles["1"] != 1 || len(e.tiles[0]) != 112 || len(e.tiles[1]) != 17 || len(e.tiles[2]) != 1 {
		t.Errorf("%v, %d %d %d", tiles, len(e.tiles[0]), len(e.tiles[1]), len(e.tiles[2]))
	}
	want, err := tlog.TreeHash(70_000, reader)
	if err != nil || e.root() != want {
		t.Errorf("root %s, want %s (%v)", e.root(), want, err)
	}
}

// Whatever happens to the tiles, the tree is right, and they are right again.
func TestADamagedTileIsMadeAgain(t *testing.T) {
	w := newLog(t, 66_000)
	opened(t, w.dir)
	at := func(level int, n int64, width int) string {
		return filepath.Join(w.dir, filepath.FromSlash(Path(level, n, width)))
	}
	flip := func(names ...string) func(t *testing.T) {
		return func(t *testing.T) {
			for _, name := range names {
				b, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				b[len(b)/2] ^= 1
				if err := os.WriteFile(name, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for name, damage := range map[string]func(t *testing.T){
		"a leaf's hash":           flip(at(0, 0, Width)),
		"the last full tile":      flip(at(0, 256, Width)),
		"a node above":            flip(at(1, 0, Width)),
		"a node and one below it": flip(at(1, 0, Width), at(0, 40, Width)),
		"the edge":                flip(at(1, 1, 1), at(2, 0, 1), at(0, 257, 208)),
		"the edge and all below":  flip(at(1, 1, 1), at(2, 0, 1), at(1, 0, Width), at(0, 256, Width), at(0, 3, Width)),
		"a tile cut short":        func(t *testing.T) { must(t, os.Truncate(at(0, 7, Width), 100)) },
		"a tile without bytes":    func(t *testing.T) { must(t, os.Truncate(at(1, 0, Width), 0)) },
		"a tile too long":         func(t *testing.T) { must(t, os.Truncate(at(1, 0, Width), 9000)) },
		"a tile removed":          func(t *testing.T) { must(t, os.Remove(at(0, 7, Width))) },
		"a level removed":         func(t *testing.T) { must(t, os.RemoveAll(filepath.Join(w.dir, "tile", "1"))) },
		"all removed":             func(t *testing.T) { must(t, os.RemoveAll(filepath.Join(w.dir, "tile"))) },
		"two in each other's place": func(t *testing.T) {
			must(t, os.Rename(at(0, 5, Width), at(0, 6, Width)+".aside"))
			must(t, os.Rename(at(0, 6, Width), at(0, 5, Width)))
			must(t, os.Rename(at(0, 6, Width)+".aside", at(0, 6, Width)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			damage(t)
			for _, open := range []func() (*Tree, error){
				func() (*Tree, error) { return Look(t.Context(), w.dir, nil) },
				func() (*Tree, error) { return Open(t.Context(), w.dir, nil) },
			} {
				tree, err := open()
				if err != nil {
					t.Fatal(err)
				}
				for _, index := range []int64{0, 255, 256, 1300, 1500, 1800, 2400, 40 * 256, 65_535, 65_536, 65_800, 65_999} {
					holdProofs(t, w, tree, w.size, index, index+1)
				}
			}
			tree := opened(t, w.dir)
			for level := range 3 { // reads every tile
				for n := range full(w.size, level) {
					if _, err := tree.Tile(level, n, Width); err != nil {
						t.Fatal(err)
					}
				}
			}
			holdFiles(t, w)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Who only looks changes nothing, and needs no tile.
func TestLookWritesNothing(t *testing.T) {
	w := newLog(t, 600)
	before := onDisk(t, w.dir)
	tree, err := Look(t.Context(), w.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	holdTree(t, w, tree)
	after := onDisk(t, w.dir)
	if len(after) != len(before) {
		t.Errorf("%d files were there and %d are", len(before), len(after))
	}
	if _, ok := after["tile/0/000"]; ok {
		t.Error("a tile was written")
	}
}

// A record that was changed without the key is in no proof.
func TestAChangedRecordIsNeverProved(t *testing.T) {
	for _, tiles := range []bool{true, false} {
		w := newLog(t, 600)
		if tiles {
			opened(t, w.dir)
			w.append(300)
		}
		must(t, w.log.Close())
		name := filepath.Join(w.dir, "00000000000000000000.log")
		b, err := os.ReadFile(name)
		must(t, err)
		for _, line := range strings.SplitAfter(string(b), "\n") {
			if strings.HasPrefix(line, `{"index":590,`) {
				changed := strings.Replace(line, `"agent":"a"`, `"agent":"b"`, 1)
				b = []byte(strings.Replace(string(b), line, changed, 1))
			}
		}
		must(t, os.WriteFile(name, b, 0o600))
		if _, err := Open(t.Context(), w.dir, nil); !errors.Is(err, ErrMisfit) {
			t.Errorf("with tiles %v: %v", tiles, err)
		}
	}
}

// Writers, readers and another writer of tiles at once: everybody's tree fits,
// and what is left on disk is what one alone would have written.
func TestSeveralWriteTilesOfAGrowingLog(t *testing.T) {
	w := newLog(t, 100)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				tree, err := Open(t.Context(), w.dir, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if err := tree.Kept(); err != nil {
					t.Error(err)
					return
				}
				if _, err := tree.Inclusion(tree.Size(), tree.Size()/2); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 10 {
		w.append(137)
	}
	close(stop)
	wg.Wait()
	holdTree(t, w, opened(t, w.dir))
	holdFiles(t, w)
}

// Nor is one whose tile is gone, so that only the record itself tells its hash.
func TestAChangedRecordMakesNoTile(t *testing.T) {
	w := newLog(t, 2400)
	opened(t, w.dir)
	must(t, w.log.Close())
	name := filepath.Join(w.dir, "00000000000000000000.log")
	b, err := os.ReadFile(name)
	must(t, err)
	at := strings.Index(string(b), `{"index":1300,`)
	at += strings.Index(string(b[at:]), `"agent":"a"`)
	b[at+len(`"agent":"`)] = 'b'
	must(t, os.WriteFile(name, b, 0o600))
	must(t, os.Remove(filepath.Join(w.dir, "tile", "0", "005")))
	tree := opened(t, w.dir)
	if p, err := tree.Inclusion(2400, 1300); !errors.Is(err, ErrMisfit) {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := tree.Inclusion(2400, 17); err != nil {
		t.Errorf("a record beside it: %v", err)
	}
}
