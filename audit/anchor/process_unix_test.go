//go:build unix

package anchor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"toolvault/audit"
	"toolvault/audit/tile"
)

// The test binary is also the child of the tests with processes.
func TestMain(m *testing.M) {
	switch os.Getenv("ANCHOR_TEST_CHILD") {
	case "":
		os.Exit(m.Run())
	case "feed":
		childFeed()
	case "full":
		childFull()
	}
}

func childFails(format string, args ...any) {
	fmt.Printf("error "+format+"\n", args...)
	os.Exit(1)
}

// childFeed appends without end, or one record, anchors in a folder and with a witness, and
// prints the size of each tree that both have taken.
func childFeed() {
	dir, once := os.Getenv("ANCHOR_TEST_DIR"), os.Getenv("ANCHOR_TEST_ONCE") != ""
	l, err := audit.Open(audit.Options{Dir: dir, Key: keyOf(1), Name: logName})
	if err != nil {
		childFails("%v", err)
	}
	w, err := NewWitness(WitnessOptions{URL: os.Getenv("ANCHOR_TEST_WITNESS"), Key: os.Getenv("ANCHOR_TEST_KEY"), Dir: dir, Tree: treeOf(dir)})
	if err != nil {
		childFails("%v", err)
	}
	bad := func(_ context.Context, r Report) { childFails("%v", r.Err) }
	list := []*Anchor{
		New(Options{Dir: dir, Name: "anchor-file", Place: NewFile(os.Getenv("ANCHOR_TEST_FOLDER")), Report: bad}),
		New(Options{Dir: dir, Name: "anchor-witness", Place: w, Report: bad}),
	}
	ctx := context.Background()
	for _, a := range list {
		go func() { _ = a.Run(ctx) }()
	}
	last := int64(0)
	for n := 0; ; n++ {
		if n == 0 || !once {
			if _, err := l.Append(ctx, record("hello")); err != nil {
				childFails("%v", err)
			}
		}
		size := l.Size()
		for _, a := range list {
			s, err := a.Status()
			if err != nil {
				childFails("%v", err)
			}
			size = min(size, s.Size)
		}
		if size > last {
			last = size
			fmt.Println("size", size)
		}
	}
}

// childFull puts a checkpoint on a disk that is full, then has room.
func childFull() {
	c, err := Newest(os.Getenv("ANCHOR_TEST_DIR"))
	if err != nil {
		childFails("%v", err)
	}
	folder := os.Getenv("ANCHOR_TEST_FOLDER")
	file := filepath.Join(folder, "newest")
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		childFails("%v", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 50, Max: old.Max}); err != nil {
		childFails("%v", err)
	}
	for _, path := range []string{folder, file} {
		if err := NewFile(path).Put(context.Background(), c, 0); !errors.Is(err, syscall.EFBIG) {
			childFails("%s: %v", path, err)
		}
	}
	if list, err := os.ReadDir(folder); err != nil || len(list) != 1 {
		childFails("%v %v", list, err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		childFails("%v", err)
	}
	for _, path := range []string{folder, file} {
		if err := NewFile(path).Put(context.Background(), c, 0); err != nil {
			childFails("%s: %v", path, err)
		}
	}
	fmt.Println("size", c.Size)
	os.Exit(0)
}

func child(t *testing.T, what string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), "ANCHOR_TEST_CHILD="+what), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func size(t *testing.T, out *bufio.Scanner) int64 {
	t.Helper()
	if !out.Scan() {
		t.Fatal("the child ended")
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(out.Text(), "size "), 10, 64)
	if err != nil {
		t.Fatal("child: " + out.Text())
	}
	return n
}

// Killed at any moment, the next process goes on; every file in the folder is
// whole and of this history, the witness and what is kept of it agree, and what was
// acknowledged is there.
func TestKilledProcess(t *testing.T) {
	dir, folder := t.TempDir(), t.TempDir()
	w := newWitness(t, "witness.example/w1", keyOf(1))
	env := []string{"ANCHOR_TEST_DIR=" + dir, "ANCHOR_TEST_FOLDER=" + folder, "ANCHOR_TEST_WITNESS=" + w.serve(t), "ANCHOR_TEST_KEY=" + w.vkey()}
	for round := range 5 {
		cmd, out := child(t, "feed", env...)
		var acknowledged int64
		for range 1 + 2*round {
			acknowledged = size(t, out)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for out.Scan() {
			n, err := strconv.ParseInt(strings.TrimPrefix(out.Text(), "size "), 10, 64)
			if err != nil {
				t.Fatal("child: " + out.Text())
			}
			acknowledged = n
		}
		_ = cmd.Wait()
		holds(t, dir, folder, acknowledged, w)
	}
	cmd, out := child(t, "feed", append(env, "ANCHOR_TEST_ONCE=1")...)
	for newest, err := Newest(dir); size(t, out) < newest.Size; newest, err = Newest(dir) {
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func holds(t *testing.T, dir, folder string, acknowledged int64, w *testWitness) {
	t.Helper()
	tree, err := tile.Look(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Collect(folder)
	if err != nil {
		t.Fatal(err)
	}
	newest := int64(0)
	for _, text := range list {
		c, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		root, err := tree.RootAt(c.Size)
		if err != nil || root != c.Root {
			t.Fatalf("checkpoint of %d records is not in the log: %v", c.Size, err)
		}
		newest = c.Size
	}
	kept, _, err := Kept(dir, w.vkey())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if newest < acknowledged || kept.Size < acknowledged {
		t.Fatalf("acknowledged are %d records, in the folder %d, cosigned %d", acknowledged, newest, kept.Size)
	}
	if r, err := audit.Verify(t.Context(), audit.VerifyOptions{Dir: dir, Key: verifierOf(t, keyOf(1))}); err != nil || r.Problem != nil {
		t.Fatalf("%+v %v", r.Problem, err)
	}
}

func TestFullDisk(t *testing.T) {
	log := openLog(t, t.TempDir(), keyOf(1))
	log.add(3)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "newest"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, out := child(t, "full", "ANCHOR_TEST_DIR="+log.dir, "ANCHOR_TEST_FOLDER="+folder)
	if size(t, out) != 3 {
		t.Error(out.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	for _, path := range []string{folder, filepath.Join(folder, "newest")} {
		if list, err := Collect(path); err != nil || len(list) != 1 {
			t.Error(path, len(list), err)
		}
	}
}
