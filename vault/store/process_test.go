package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// TestMain lets the test binary play the other process of a test.
func TestMain(m *testing.M) {
	if role := os.Getenv("TOOLVAULT_TEST_ROLE"); role != "" {
		os.Exit(child(role, os.Getenv("TOOLVAULT_TEST_STORE")))
	}
	os.Exit(m.Run())
}

// child writes to the store and says on stdout what was acknowledged.
func child(role, url string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	st, err := store.Open(ctx, url)
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	switch role {
	case "write": // for ever: each key twice
		for i := 0; ; i++ {
			for v := int64(1); v <= 2; v++ {
				key := fmt.Sprintf("k%06d", i)
				if err := st.Put(ctx, store.Item{Key: key, Version: v, Value: fmt.Appendf(nil, "%s.%d", key, v)}, nil); err != nil {
					fmt.Println("error:", err)
					return 1
				}
				fmt.Println(key, v)
			}
		}
	case "crowd": // for ever, sixteen at once
		return crowd(ctx, st)
	case "spend": // empties a bucket
		return spend(ctx, st)
	case "count": // adds one, thirty times, under a lease and without
		for i := range 30 {
			if err := count(ctx, st, i%2 == 0); err != nil {
				fmt.Println("error:", err)
				return 1
			}
		}
		fmt.Println("done")
	case "hold": // takes a lease and keeps it
		l, err := st.Lease(ctx, "l", 1500*time.Millisecond)
		if err != nil {
			fmt.Println("error:", err)
			return 1
		}
		fmt.Println("held", l.Token())
		<-ctx.Done()
	}
	return 0
}

func count(ctx context.Context, st store.Store, alone bool) error {
	var lease store.Lease
	if alone {
		l, err := st.Lease(ctx, "counter", 30*time.Second)
		if err != nil {
			return err
		}
		defer func() { _ = l.Release(ctx) }()
		lease = l
	}
	for {
		got, err := st.Get(ctx, "n")
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		err = st.Put(ctx, store.Item{Key: "n", Version: got.Version + 1, Value: append(got.Value, 'x')}, lease)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func start(t *testing.T, role, url string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TOOLVAULT_TEST_ROLE="+role, "TOOLVAULT_TEST_STORE="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

// A process is killed in the middle of writing, again and again: every write
// that it was told of is there, and the file needs no repair.
func TestKilledWhileWriting(t *testing.T) {
	for round := range 4 {
		url := "file:" + filepath.Join(t.TempDir(), "store.db")
		cmd, lines := start(t, "write", url)
		acknowledged := map[string]int64{}
		for lines.Scan() {
			var key string
			var v int64
			if _, err := fmt.Sscan(lines.Text(), &key, &v); err != nil {
				t.Fatal(lines.Text())
			}
			acknowledged[key] = v
			if len(acknowledged) == 10+7*round {
				_ = cmd.Process.Signal(syscall.SIGKILL) // and read on to what it said before it died
			}
		}
		_ = cmd.Wait()
		st := open(t, url)
		for key, v := range acknowledged {
			got, err := st.Get(t.Context(), key)
			if err != nil || got.Version < v || string(got.Value) != fmt.Sprintf("%s.%d", key, got.Version) {
				t.Fatalf("%s was acknowledged at version %d and is %d %q: %v", key, v, got.Version, got.Value, err)
			}
		}
		if err := st.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProcessesTogether(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(t *testing.T) string{
		"sqlite": func(t *testing.T) string { return "file:" + filepath.Join(t.TempDir(), "store.db") },
		"redis":  func(t *testing.T) string { return storetest.Redis(t) },
	} {
		t.Run(name, func(t *testing.T) {
			url := at(t) // three processes make the file and its tables together
			var all []*bufio.Scanner
			for range 3 {
				_, lines := start(t, "count", url)
				all = append(all, lines)
			}
			for _, lines := range all {
				if !lines.Scan() || lines.Text() != "done" {
					t.Fatalf("a process says %q", lines.Text())
				}
			}
			got, err := open(t, url).Get(t.Context(), "n")
			if err != nil || got.Version != 90 || len(got.Value) != 90 {
				t.Errorf("version %d with %d, want 90: %v", got.Version, len(got.Value), err)
			}
		})
		t.Run(name+" lease of a dead process", func(t *testing.T) {
			url := at(t)
			cmd, lines := start(t, "hold", url)
			var held int64
			if !lines.Scan() {
				t.Fatal("the process says nothing")
			}
			if _, err := fmt.Sscanf(lines.Text(), "held %d", &held); err != nil {
				t.Fatal(lines.Text())
			}
			_ = cmd.Process.Signal(syscall.SIGKILL)
			_ = cmd.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			defer cancel()
			l, err := open(t, url).Lease(ctx, "l", time.Second)
			if err != nil || l.Token() <= held {
				t.Errorf("the lease of a dead process was not passed on: %v", err)
			}
		})
	}
}

// A writer that has the file locked, or a context that ends: one sentence, soon.
func TestSQLiteContextEndsWaitForLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	st := open(t, "file:"+path)
	unlock := lock(t, path)
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	err := st.Put(ctx, store.Item{Key: "k", Version: 1}, nil)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, store.ErrUnavailable) || time.Since(begin) > 3*time.Second {
		t.Errorf("after %v: %v", time.Since(begin), err)
	}
	cancelled, stop := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, stop)
	if err := st.Put(cancelled, store.Item{Key: "k", Version: 1}, nil); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := st.Get(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("reading while another writes: %v", err)
	}
}

func TestRefusedFiles(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		make func(path string)
		want string
	}{
		{"newer version", func(p string) { execSQL(t, p, "PRAGMA user_version = 99") }, "newer version of toolvault"},
		{"another program's", func(p string) { execSQL(t, p, "PRAGMA application_id = 1") }, "another program"},
		{"no database", func(p string) { write(t, p, strings.Repeat("This is text. ", 200), 0o600) }, "not a toolvault store"},
		{"others may read", func(p string) { write(t, p, "", 0o644) }, "chmod 600"},
		{"a folder", func(p string) { _ = os.Mkdir(p, 0o700) }, "store"},
	} {
		path := filepath.Join(dir, c.name+".db")
		c.make(path)
		st, err := store.OpenSQLite(t.Context(), path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil {
			_ = st.Close()
		}
	}
	if _, err := store.OpenSQLite(t.Context(), filepath.Join(dir, "none", "store.db")); err == nil || !strings.Contains(err.Error(), "folder does not exist") {
		t.Errorf("no folder: %v", err)
	}
}

func TestPrivateFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	st := open(t, "file:"+dir)
	if err := st.Put(t.Context(), store.Item{Key: "k", Version: 1}, nil); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v", info.Mode())
	}
}
