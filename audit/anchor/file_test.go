package anchor

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFolder(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	dir := t.TempDir()
	f := NewFile(dir + "/")
	var last int64
	var want []string
	for _, n := range []int{1, 2, 0, 10} {
		c := log.add(n)
		if err := f.Put(t.Context(), c, last); err != nil {
			t.Fatal(err)
		}
		last = c.Size
		if n > 0 {
			want = append(want, filepath.Base(noteName(dir, c.Size)))
		}
		b, err := os.ReadFile(noteName(dir, c.Size))
		if err != nil || !bytes.Equal(b, c.Note) {
			t.Fatal(err)
		}
		if info, err := os.Stat(noteName(dir, c.Size)); err != nil || info.Mode().Perm()&0o222 != 0 {
			t.Errorf("%v can be written (%v)", info.Mode(), err)
		}
	}
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("%v instead of %v", got, want)
	}
	list, err := Collect(dir)
	if err != nil || len(list) != 3 {
		t.Fatal(len(list), err)
	}
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestOneFile(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "newest")
	if err := errors.Join(os.WriteFile(real, nil, 0o640), os.Symlink(real, link)); err != nil {
		t.Fatal(err)
	}
	f := NewFile(link)
	var last int64
	for _, n := range []int{1, 2, 0, 10} {
		c := log.add(n)
		if err := f.Put(t.Context(), c, last); err != nil {
			t.Fatal(err)
		}
		last = c.Size
		if b, err := os.ReadFile(link); err != nil || !bytes.Equal(b, c.Note) {
			t.Fatal(err)
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced", err)
	}
	if info, err := os.Stat(real); err != nil || info.Mode().Perm() != 0o640 {
		t.Error(info.Mode(), err)
	}
	if got := names(t, dir); len(got) != 2 {
		t.Error(got)
	}
}

// What is not there is not made: it would be on the wrong disk.
func TestMissingPlaceIsNotMade(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	mount := filepath.Join(t.TempDir(), "mnt")
	dir := filepath.Join(mount, "checkpoints")
	f := NewFile(dir)
	if err := f.Put(t.Context(), log.add(1), 0); err == nil || !strings.Contains(err.Error(), "is its disk mounted?") {
		t.Fatal(err)
	}
	if _, err := os.Stat(mount); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("it was made", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(t.Context(), log.add(1), 0); err != nil {
		t.Fatal(err)
	}
	// The disk goes away, and what is under the mount point is an empty folder: also
	// for a process that has just begun.
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []*File{f, NewFile(dir)} {
		if err := f.Put(t.Context(), log.add(1), 2); !errors.Is(err, ErrLost) {
			t.Error(err)
		}
	}
	if got := names(t, dir); len(got) != 0 {
		t.Error(got)
	}
	if err := errors.Join(os.Remove(dir), os.Rename(dir+".away", dir)); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(t.Context(), log.add(1), 2); err != nil {
		t.Error(err)
	}
	empty := filepath.Join(mount, "newest")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := NewFile(empty).Put(t.Context(), log.newest(), 2); !errors.Is(err, ErrLost) {
		t.Error("an empty file in the place of one that had a checkpoint:", err)
	}
}

// A place that holds what this log cannot have signed takes no more, and stays as
// it is.
func TestPlaceHoldsAnotherHistory(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	log.add(3)
	old := log.newest()
	fork := openLog(t, copyLog(t, log.dir), keyOf(1))
	fork.n = 500
	kept := log.add(4)
	cases := []struct {
		name    string
		c       Checkpoint
		last    int64
		want    string
		history bool
	}{
		{"rolled back", old, 7, "is of 7 records, and the log has 3", true},
		{"rolled back, and a new process that remembers nothing", old, 0, "is of 7 records, and the log has 3", true},
		{"forked", fork.add(4), 0, "is another history of 7 records", true},
		{"another log", Checkpoint{Origin: "toolvault/other", Size: 9, Note: []byte("x")}, 0, `is of the log "toolvault/test"`, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(t.TempDir(), "newest")
			err := errors.Join(os.WriteFile(noteName(dir, 7), kept.Note, 0o444), os.WriteFile(file, kept.Note, 0o600))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{dir, file} {
				f := NewFile(path)
				for range 2 {
					if err := f.Put(t.Context(), c.c, c.last); err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrHistory) != c.history {
						t.Errorf("%s: %v", path, err)
					}
				}
			}
			a, _ := os.ReadFile(noteName(dir, 7))
			b, _ := os.ReadFile(file)
			if !bytes.Equal(a, kept.Note) || !bytes.Equal(b, kept.Note) || len(names(t, dir)) != 1 {
				t.Error("it was changed")
			}
		})
	}
}

// What a killed process has left does no harm and does not stay.
func TestLeftovers(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	dir, states := t.TempDir(), filepath.Join(log.dir, statesDir)
	if err := os.Mkdir(states, 0o700); err != nil {
		t.Fatal(err)
	}
	old, state, fresh := filepath.Join(dir, ".5.checkpoint.123.new"), filepath.Join(states, ".anchor-x.1.new"), filepath.Join(dir, ".6.checkpoint.456.new")
	for _, name := range []string{old, state, fresh} {
		err := os.WriteFile(name, []byte("tool"), 0o600)
		if err == nil && name != fresh {
			err = os.Chtimes(name, time.Now(), time.Now().Add(-time.Hour))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, stop := run(t, Options{Dir: log.dir, Name: "anchor-test", Place: &testPlace{}})
	eventually(t, "it is swept", func() bool { _, err := os.Stat(state); return errors.Is(err, os.ErrNotExist) })
	stop()
	if err := NewFile(dir).Put(t.Context(), log.add(2), 0); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{".6.checkpoint.456.new", "2.checkpoint"}) {
		t.Error(got)
	}
	if list, err := Collect(dir); err != nil || len(list) != 1 {
		t.Error(len(list), err)
	}
}

func TestCollect(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	a, b := log.add(9), log.add(91)
	dir := t.TempDir()
	put := func(name string, text []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if _, err := Collect(dir); err == nil || !strings.Contains(err.Error(), "there is no checkpoint") {
		t.Error(err)
	}
	put("100.checkpoint", b.Note)
	put("9.checkpoint", a.Note)
	put("readme", []byte("x"))
	list, err := Collect(dir)
	if err != nil || len(list) != 2 || !bytes.Equal(list[0], a.Note) || !bytes.Equal(list[1], b.Note) {
		t.Error(len(list), err)
	}
	both := slices.Concat(a.Note, b.Note)
	for name, text := range map[string][]byte{"one behind the other": both, "with a line between": slices.Concat(a.Note, []byte("\n\n"), b.Note)} {
		list, err = Collect(put("several", text))
		if err != nil || len(list) != 2 || !bytes.Equal(list[0], a.Note) || !bytes.Equal(list[1], b.Note) {
			t.Errorf("%s: %d %v", name, len(list), err)
		}
	}
	for name, text := range map[string]string{"empty": "", "blank": " \n", "torn": string(a.Note[:len(a.Note)-5]), "words": "hello\n"} {
		if _, err := Collect(put(name, []byte(text))); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := Collect(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	put("50.checkpoint", a.Note)
	if _, err := Collect(dir); err == nil || !strings.Contains(err.Error(), "is of 9 records") {
		t.Error(err)
	}
}
