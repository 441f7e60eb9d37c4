package tile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"toolvault/audit"
)

func newest(t *testing.T, dir string) string {
	t.Helper()
	_, note, err := audit.Newest(dir)
	must(t, err)
	return string(note)
}

func published(t *testing.T, dir string) string {
	t.Helper()
	note, err := Published(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(note)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within half a minute: %s", what)
		}
	}
}

// What is published can be read by whoever knows the layout: the checkpoint, and
// all tiles that its size asks for.
func TestRunPublishesWhatIsAppended(t *testing.T) {
	w := newLog(t, 300)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 { // two processes
		wg.Go(func() {
			if err := Run(ctx, w.dir, slog.New(slog.DiscardHandler)); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "what was there is published", func() bool { return published(t, w.dir) == newest(t, w.dir) })
	holdFiles(t, w)
	w.append(1)
	eventually(t, "one record is published", func() bool { return published(t, w.dir) == newest(t, w.dir) })
	w.append(5000)
	eventually(t, "many are published", func() bool { return published(t, w.dir) == newest(t, w.dir) })
	stop()
	wg.Wait()
	holdFiles(t, w)

	// A new process goes on, also with what came meanwhile.
	w.append(10)
	ctx, stop = context.WithCancel(t.Context())
	wg.Go(func() { _ = Run(ctx, w.dir, slog.New(slog.DiscardHandler)) })
	eventually(t, "what came meanwhile is published", func() bool { return published(t, w.dir) == newest(t, w.dir) })
	stop()
	wg.Wait()
}

// At most once in a while, however many records come.
func TestPublishingIsPaced(t *testing.T) {
	w := newLog(t, 10)
	p := publisher{dir: w.dir, logger: slog.New(slog.DiscardHandler), every: time.Hour}
	must(t, p.take(t.Context(), []audit.Raw{{Index: 9}}))
	if published(t, w.dir) != newest(t, w.dir) {
		t.Fatal("the first is not published at once")
	}
	must(t, p.take(t.Context(), []audit.Raw{{Index: 8}, {Index: 9}})) // covered: returns at once
	ctx, stop := context.WithCancel(t.Context())
	stop()
	w.append(1)
	if err := p.take(ctx, []audit.Raw{{Index: 10}}); !errors.Is(err, context.Canceled) {
		t.Errorf("it did not wait, or the record counts as taken: %v", err)
	}
}

// The log is cut off behind its program's back and goes on: what was published
// stays, for it is what proves it.
func TestWhatWasPublishedIsNotReplacedByAnotherHistory(t *testing.T) {
	w := newLog(t, 300)
	if _, err := Publish(t.Context(), w.dir, nil); err != nil {
		t.Fatal(err)
	}
	copied := onDisk(t, w.dir)
	w.append(300)
	if _, err := Publish(t.Context(), w.dir, nil); err != nil {
		t.Fatal(err)
	}
	proof := published(t, w.dir)
	must(t, w.log.Close())
	for _, name := range []string{"00000000000000000000.log", "head"} {
		must(t, os.WriteFile(filepath.Join(w.dir, name), []byte(copied[name]), 0o600))
	}
	for _, records := range []int{0, 100, 400} { // shorter, and longer, than what was published
		w.open()
		w.hashes, w.leaves, w.size = nil, nil, 0
		w.append(records)
		must(t, w.log.Close())
		if _, err := Publish(t.Context(), w.dir, nil); !errors.Is(err, ErrRolledBack) {
			t.Errorf("%d records more: %v", records, err)
		}
		if published(t, w.dir) != proof {
			t.Error("the checkpoint was replaced")
		}
		holdTree(t, w, opened(t, w.dir)) // the tiles follow the log that is there
		holdFiles(t, w)
	}
}

func TestBundlesHoldTheLeaves(t *testing.T) {
	w := newLog(t, 600)
	for _, c := range []struct {
		n     int64
		width int
	}{{0, Width}, {1, Width}, {2, 88}, {2, 1}, {0, 3}} {
		b, err := Bundle(t.Context(), w.dir, c.n, c.width)
		must(t, err)
		holdBundle(t, w, c.n, c.width, b)
	}
	for _, c := range []struct {
		n     int64
		width int
	}{{2, 89}, {2, Width}, {3, 1}, {-1, 1}, {0, 0}, {0, 257}, {1 << 60, 1}} {
		if b, err := Bundle(t.Context(), w.dir, c.n, c.width); !errors.Is(err, ErrNone) {
			t.Errorf("%v: %d bytes, %v", c, len(b), err)
		}
	}
}

func holdBundle(t *testing.T, w *written, n int64, width int, b []byte) {
	t.Helper()
	for i := range int64(width) {
		if len(b) < 2 {
			t.Fatalf("bundle %d ends at entry %d", n, i)
		}
		size := 2 + int(binary.BigEndian.Uint16(b))
		if string(b[2:size]) != w.leaves[n*Width+i] {
			t.Fatalf("entry %d of bundle %d is %s", i, n, b[2:size])
		}
		b = b[size:]
	}
	if len(b) != 0 {
		t.Errorf("bundle %d has more than %d entries", n, width)
	}
}

// An export is the log, whole, for anybody to read, and is brought up to date.
func TestAnExportIsATiledLog(t *testing.T) {
	w := newLog(t, 0)
	to := filepath.Join(t.TempDir(), "public")
	for _, records := range []int{0, 100, 1000, 1, 155, 0} {
		w.append(records)
		done, err := Export(t.Context(), w.dir, to, nil)
		must(t, err)
		if done.Records != w.size || records == 0 && done.Tiles != 0 || records == 1 && done.Tiles > 3 {
			t.Errorf("%d records: %+v", w.size, done)
		}
		holdExport(t, w, to)
	}
	info, err := os.Stat(filepath.Join(to, "checkpoint"))
	must(t, err)
	if info.Mode().Perm()&0o044 != 0o044 {
		t.Errorf("a web server cannot read it: %v", info.Mode())
	}
	if found := onDisk(t, to); strings.Contains(found["tile/entries/000"], `"salt"`) {
		t.Error("bodies are exported")
	}
	// Without the checkpoint all is written again.
	must(t, os.WriteFile(filepath.Join(to, "tile", "0", "000"), []byte("damaged"), 0o600))
	must(t, os.Remove(filepath.Join(to, "checkpoint")))
	_, err = Export(t.Context(), w.dir, to, nil)
	must(t, err)
	holdExport(t, w, to)
	// Another log is not written over it.
	other := newLog(t, 2000)
	if _, err := Export(t.Context(), other.dir, to, nil); !errors.Is(err, ErrRolledBack) {
		t.Errorf("another log: %v", err)
	}
}

func holdExport(t *testing.T, w *written, to string) {
	t.Helper()
	if w.size == 0 {
		return
	}
	note, err := Published(to)
	must(t, err)
	if !bytes.Equal(note, []byte(newest(t, w.dir))) {
		t.Fatal("the checkpoint is not the newest")
	}
	there := onDisk(t, to)
	for level := 0; w.size>>(Height*level) > 0; level++ {
		for n := range full(w.size, level) + 1 {
			k := Width
			if n == full(w.size, level) {
				k = width(w.size, level)
			}
			if k == 0 {
				continue
			}
			if there[Path(level, n, k)] != string(w.tile(level, n, k)) {
				t.Fatalf("%s is missing or wrong", Path(level, n, k))
			}
			if level == 0 {
				holdBundle(t, w, n, k, []byte(there[Path(Entries, n, k)]))
			}
		}
	}
}

// No entry is exported that is not the one that the tree has hashed.
func TestAChangedRecordIsNotExported(t *testing.T) {
	w := newLog(t, 600)
	opened(t, w.dir)
	must(t, w.log.Close())
	name := filepath.Join(w.dir, "00000000000000000000.log")
	b, err := os.ReadFile(name)
	must(t, err)
	at := bytes.Index(b, []byte(`{"index":17,`))
	at += bytes.Index(b[at:], []byte(`"agent":"a"`))
	b[at+len(`"agent":"`)] = 'b'
	must(t, os.WriteFile(name, b, 0o600))
	to := t.TempDir()
	if _, err := Export(t.Context(), w.dir, to, nil); !errors.Is(err, ErrMisfit) {
		t.Errorf("%v", err)
	}
	if published(t, to) != "" {
		t.Error("there is a checkpoint")
	}
	// Nor is it in a proof: the tree keeps the hash of the one that was signed.
	tree := opened(t, w.dir)
	p, err := tree.Inclusion(600, 17)
	must(t, err)
	if tlog.CheckRecord(p, 600, tree.Root(), 17, tlog.RecordHash([]byte(w.leaves[17]))) != nil {
		t.Error("the record as it was is not proved")
	}
}

func TestALogOfAnotherNameIsNoContinuation(t *testing.T) {
	w := newLog(t, 10)
	tree := opened(t, w.dir)
	note := string(tree.Checkpoint())
	w.append(1)
	tree = opened(t, w.dir)
	must(t, tree.continues([]byte(note)))
	if err := tree.continues([]byte(strings.Replace(note, "test.example/log", "test.example/other", 1))); !errors.Is(err, ErrRolledBack) {
		t.Errorf("%v", err)
	}
	must(t, tree.continues([]byte("what a power failure has left")))
}
