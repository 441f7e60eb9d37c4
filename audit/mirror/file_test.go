package mirror_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toolvault/audit/mirror"
)

func toFile(path string, rotate int64, keep int) func() (mirror.Sink, error) {
	return func() (mirror.Sink, error) {
		return mirror.NewFile(mirror.FileOptions{Path: path, Rotate: rotate, Keep: keep}), nil
	}
}

// inFiles reads what a shipper finds, the oldest file first.
func inFiles(t testing.TB, path string) *sent {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(files, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(b, a)
	})
	s := &sent{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(text); n > 0 && text[n-1] != '\n' {
			t.Errorf("%s ends in the middle of a line", name)
		}
		for line := range bytes.Lines(text) {
			line = bytes.TrimSuffix(line, []byte("\n"))
			s.add(idOf(t, line), string(line))
		}
	}
	return s
}

// A file is put aside when it is large enough, so many are kept, and nothing is lost
// between them; the next has the rights that the admin gave to the one before.
func TestFileRotates(t *testing.T) {
	dir, path := filled(t, 4000), filepath.Join(t.TempDir(), "audit.jsonl")
	m, stop := start(t, options(dir, "file", toFile(path, 200_000, 100)))
	caughtUp(t, m)
	stop()
	inFiles(t, path).check(t, dir, 0)
	if _, err := os.Stat(path + ".3"); err != nil {
		t.Error("it was not put aside")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v: %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	dir = filled(t, 4000)
	m, _ = start(t, options(dir, "file", toFile(path, 200_000, 2)))
	caughtUp(t, m)
	for name, want := range map[string]bool{"": true, ".1": true, ".2": true, ".100": false} {
		info, err := os.Stat(path + name)
		if (err == nil) != want || want && info.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A crash leaves half a line, and a bookmark that is behind the file: half lines are
// cut off, and whole ones not written again, however the lots are cut.
func TestFileAfterACrash(t *testing.T) {
	dir := filled(t, 50)
	ids, texts := should(t, dir)
	var whole []byte
	for _, id := range ids {
		whole = append(append(whole, texts[id]...), '\n')
	}
	for cut := 0; cut <= len(whole); cut += 487 {
		path := filepath.Join(t.TempDir(), "audit.jsonl")
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		sink := mirror.NewFile(mirror.FileOptions{Path: path})
		for begin := 0; begin < len(ids); begin += 7 {
			if err := sink.Send(t.Context(), lotOf(ids, texts, begin, min(begin+7, len(ids)))); err != nil {
				t.Fatal(err)
			}
		}
		_ = sink.Close()
		if got, _ := os.ReadFile(path); !bytes.Equal(got, whole) {
			t.Fatalf("cut at %d: %d bytes instead of %d", cut, len(got), len(whole))
		}
	}
	// The bookmark may be behind by some records only.
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, begin := range []int{49, 20, 0} {
		sink := mirror.NewFile(mirror.FileOptions{Path: path})
		if err := sink.Send(t.Context(), lotOf(ids, texts, begin, 50)); err != nil {
			t.Fatal(err)
		}
		_ = sink.Close()
		if got, _ := os.ReadFile(path); !bytes.Equal(got, whole) {
			t.Fatalf("from %d: %d bytes instead of %d", begin, len(got), len(whole))
		}
	}
}

// Several crashes in a row spread one lot over several files.
func TestFileAfterCrashesBetweenFiles(t *testing.T) {
	dir, path := filled(t, 60), filepath.Join(t.TempDir(), "audit.jsonl")
	ids, texts := should(t, dir)
	for end := 10; end <= 60; end += 10 {
		sink := mirror.NewFile(mirror.FileOptions{Path: path, Rotate: 1, Keep: 20})
		if err := sink.Send(t.Context(), lotOf(ids, texts, 0, end)); err != nil { // the bookmark never gets on
			t.Fatal(err)
		}
		_ = sink.Close()
	}
	if _, err := os.Stat(path + ".4"); err != nil {
		t.Error("it was not put aside")
	}
	inFiles(t, path).check(t, dir, 0)
}

func lotOf(ids []string, texts map[string]string, begin, end int) mirror.Lot {
	lot := mirror.Lot{Log: logName, First: int64(begin), End: int64(end)}
	for i := begin; i < end; i++ {
		lot.Records = append(lot.Records, mirror.Record{Index: int64(i), ID: ids[i], JSON: []byte(texts[ids[i]])})
	}
	return lot
}

// Whoever moves the file away, as logrotate does, gets a new one.
func TestFileMovedAway(t *testing.T) {
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "audit.jsonl")
	l := open(t, dir)
	m, _ := start(t, options(dir, "file", toFile(path, 0, 0)))
	for i := range 3 {
		add(t, l, call(i))
		caughtUp(t, m)
		if err := os.Rename(path, fmt.Sprintf("%s.%d", path, 9-i)); err != nil {
			t.Fatal(err)
		}
	}
	inFiles(t, path).check(t, dir, 0)
}

// A file that cannot be had, or is another's, is one to mend; what stands in it stays.
func TestFileToMend(t *testing.T) {
	base := t.TempDir()
	foreign := filepath.Join(base, "foreign")
	if err := os.WriteFile(foreign, []byte("a line\nand no end"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"a folder": base, "no folder": filepath.Join(base, "none", "audit.jsonl"), "something else": foreign,
	} {
		t.Run(name, func(t *testing.T) {
			sink := mirror.NewFile(mirror.FileOptions{Path: path})
			err := sink.Send(t.Context(), mirror.Lot{Records: []mirror.Record{{JSON: []byte(`{"id":"x"}`)}}})
			var closed *mirror.Closed
			if !errors.As(err, &closed) || strings.Count(err.Error(), path) != 1 {
				t.Errorf("%v", err)
			}
		})
	}
	if text, _ := os.ReadFile(foreign); string(text) != "a line\nand no end" {
		t.Errorf("it was changed: %q", text)
	}
}

// Whatever a file holds, each record that is sent is a line of it afterwards, and what
// is cut was no line.
func FuzzFileHolds(f *testing.F) {
	f.Add([]byte(""), 1)
	f.Add([]byte("{\"id\":\"a\"}\n{\"id\":\"b"), 2)
	f.Add([]byte("{\"id\":\"0\"}\n{\"id\":\"1\"}\n"), 3)
	f.Add([]byte("\n\n{"), 2)
	f.Add([]byte("{\"id\":\"0\"}\n\n"), 3)
	path := filepath.Join(f.TempDir(), "audit.jsonl")
	f.Fuzz(func(t *testing.T, before []byte, n int) {
		if err := os.WriteFile(path, before, 0o600); err != nil {
			t.Fatal(err)
		}
		var lot mirror.Lot
		var want []string
		for i := range min(max(n, 1), 20) {
			line := fmt.Sprintf(`{"id":"%d"}`, i)
			lot.Records, want = append(lot.Records, mirror.Record{JSON: []byte(line)}), append(want, line)
		}
		sink := mirror.NewFile(mirror.FileOptions{Path: path})
		err := sink.Send(t.Context(), lot)
		_ = sink.Close()
		after, _ := os.ReadFile(path)
		var closed *mirror.Closed
		switch {
		case errors.As(err, &closed):
			if !bytes.Equal(before, after) {
				t.Errorf("refused and changed: %q", after)
			}
		case err != nil:
			t.Fatal(err)
		case len(missing(after, want)) > 0:
			t.Errorf("%q became %q: %q is missing", before, after, missing(after, want))
		case !bytes.HasPrefix(after, before[:bytes.LastIndexByte(before, '\n')+1]):
			t.Errorf("%q became %q", before, after)
		}
	})
}

// missing are the lines that a text does not have.
func missing(text []byte, lines []string) (list []string) {
	have := strings.Split(string(text), "\n")
	for _, line := range lines {
		if !slices.Contains(have, line) {
			list = append(list, line)
		}
	}
	return list
}
