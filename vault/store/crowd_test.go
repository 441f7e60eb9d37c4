package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"toolvault/vault/store"
)

// crowd is sixteen writers of one process, who share commits. It says on stdout
// which version of a key stands, and 0 of a key that is forgotten.
func crowd(ctx context.Context, st store.Store) int {
	var out sync.Mutex
	var all sync.WaitGroup
	for w := range 16 {
		all.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d.%02d.%06d", os.Getpid(), w, i)
				err := member(ctx, st, key, func(v int64) {
					out.Lock()
					defer out.Unlock()
					fmt.Println(key, v)
				})
				if err != nil {
					out.Lock()
					defer out.Unlock()
					fmt.Println("error:", err)
					return
				}
			}
		})
	}
	all.Wait()
	return 1
}

// member writes a key twice, the second time under a lease, has a conflict among
// those who have none, and forgets some.
func member(ctx context.Context, st store.Store, key string, stands func(int64)) error {
	value := func(v int64) []byte { return fmt.Appendf(nil, "%s.%d", key, v) }
	if err := st.Put(ctx, store.Item{Key: key, Version: 1, Value: value(1)}, nil); err != nil {
		return err
	}
	stands(1)
	l, err := st.Lease(ctx, key, time.Minute)
	if err != nil {
		return err
	}
	if err := st.Put(ctx, store.Item{Key: key, Version: 2, Value: value(2)}, l); err != nil {
		return err
	}
	stands(2)
	if err := st.Put(ctx, store.Item{Key: key, Version: 2}, l); !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("the same version again: %w", err)
	}
	if forgets(key) {
		if err := st.Forget(ctx, key, 2); err != nil {
			return err
		}
		stands(0)
	}
	return l.Release(ctx)
}

// forgets reports whether a member forgets the key.
func forgets(key string) bool { return strings.HasSuffix(key, "0") || strings.HasSuffix(key, "5") }

// Two processes of sixteen writers each share the file, and are killed in the
// middle of their commits, one after the other: every write that they were told
// of is there.
func TestKilledInTheMiddleOfGroups(t *testing.T) {
	for round := range 5 {
		url := "file:" + filepath.Join(t.TempDir(), "store.db")
		var mu sync.Mutex
		acknowledged := map[string]int64{}
		var both sync.WaitGroup
		for n := range 2 {
			cmd, lines := start(t, "crowd", url)
			enough := 100 + 150*n + 37*round
			both.Go(func() {
				told := 0
				for lines.Scan() {
					var key string
					var v int64
					if _, err := fmt.Sscan(lines.Text(), &key, &v); err != nil {
						t.Error(lines.Text())
						break
					}
					mu.Lock()
					acknowledged[key] = v
					mu.Unlock()
					if told++; told == enough {
						_ = cmd.Process.Signal(syscall.SIGKILL) // and read on to what it said before it died
					}
				}
				if told < enough {
					t.Errorf("a process ended by itself after %d writes", told)
				}
			})
		}
		both.Wait()
		st := open(t, url)
		for key, v := range acknowledged {
			got, err := st.Get(t.Context(), key)
			if errors.Is(err, store.ErrNotFound) && got.Version == 0 && (v == 0 || v == 2 && forgets(key)) {
				continue // it was forgotten, and perhaps not told of any more
			}
			if v == 0 || err != nil || got.Version < v || string(got.Value) != fmt.Sprintf("%s.%d", key, got.Version) {
				t.Errorf("%s was acknowledged at version %d and is %d %q: %v", key, v, got.Version, got.Value, err)
			}
		}
		if err := st.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
