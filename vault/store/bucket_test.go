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
	"toolvault/vault/store/bucket"
	"toolvault/vault/store/storetest"
)

// pot fills so slowly that processes share what is in it.
var pot = bucket.Rate{Burst: 2000, Every: time.Minute}

// spend says how many it gets, until there are none.
func spend(ctx context.Context, st store.Store) int {
	for i := 0; ; i++ {
		got, _, err := st.Spend(ctx, "pot", pot, 1+i%3, 0)
		if err != nil {
			fmt.Println("error:", err)
			return 1
		}
		fmt.Println(got)
		if got == 0 {
			return 0
		}
	}
}

// Processes that share a bucket get together what is in it, and one that is
// killed takes no more with it than what it had not told of yet.
func TestProcessesShareABucket(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(t *testing.T) string{
		"sqlite": func(t *testing.T) string { return "file:" + filepath.Join(t.TempDir(), "store.db") },
		"redis":  func(t *testing.T) string { return storetest.Redis(t) },
	} {
		t.Run(name, func(t *testing.T) {
			url := at(t)
			const processes, killed = 4, 0
			var wg sync.WaitGroup
			var mu sync.Mutex
			total := 0
			for i := range processes {
				cmd, lines := start(t, "spend", url)
				wg.Go(func() {
					sum, told, last := 0, 0, ""
					for lines.Scan() {
						var n int
						if last = lines.Text(); !scanned(last, &n) {
							t.Errorf("a process says %q", last)
							break
						}
						if sum, told = sum+n, told+1; i == killed && told == 20 {
							_ = cmd.Process.Signal(syscall.SIGKILL)
						}
					}
					if i != killed && last != "0" {
						t.Errorf("a process ended with %q", last)
					}
					mu.Lock()
					total += sum
					mu.Unlock()
				})
			}
			wg.Wait()
			if most := pot.Burst + 1; total > most || total < pot.Burst-3 {
				t.Errorf("%d tokens were given, want the %d that were there, less 3 at most that the dead one had not told of", total, pot.Burst)
			}
		})
	}
}

func scanned(line string, n *int) bool {
	_, err := fmt.Sscan(line, n)
	return err == nil
}

// The buckets have a file of their own, private, that does not grow.
func TestSQLiteBucketFile(t *testing.T) {
	dir := t.TempDir()
	st := open(t, "file:"+dir)
	path := filepath.Join(dir, "toolvault.limits")
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there before anybody needs it: %v", err)
	}
	for i := range 5000 {
		if got, _, err := st.Spend(t.Context(), fmt.Sprint("b", i), pot, 1, 0); err != nil || got != 1 {
			t.Fatal(got, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != 1<<20 || info.Mode().Perm() != 0o600 {
		t.Errorf("%d bytes, mode %v: %v", info.Size(), info.Mode(), err)
	}

	// What others may write is not believed.
	other := filepath.Join(t.TempDir(), "store.db")
	write(t, strings.TrimSuffix(other, ".db")+".limits", "", 0o666)
	_, _, err = open(t, "file:"+other).Spend(t.Context(), "b", pot, 1, 0)
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others may write: %v", err)
	}
}

// A file that is cut off under the process costs an error, not the process, and
// another store goes on.
func TestSQLiteBucketFileCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	st := open(t, "file:"+path)
	if _, _, err := st.Spend(t.Context(), "b", pot, 1, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(strings.TrimSuffix(path, ".db")+".limits", 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := st.Spend(t.Context(), "b", pot, 1, 0); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the file is gone under it: %v", err)
	}
	if err := st.Pause(t.Context(), "b", time.Second); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the file is gone under it: %v", err)
	}
	if got, _, err := open(t, "file:"+path).Spend(t.Context(), "b", pot, 1, 0); err != nil || got != 1 {
		t.Errorf("the next to open it got %d: %v", got, err)
	}
	if got, _, err := st.Spend(t.Context(), "b", pot, 1, 0); err != nil || got != 1 {
		t.Errorf("and so the first got %d: %v", got, err)
	}
}

// In Redis a bucket ends when it is full, and one that the clock has left far
// behind locks nobody up.
func TestRedisBucketsEnd(t *testing.T) {
	t.Parallel()
	server := storetest.StartRedis(t)
	st, client := open(t, server.URL), server.Client(t)
	const key = "{toolvault}:bucket:b"
	quick := bucket.Rate{Burst: 10, Every: 100 * time.Millisecond}
	if got, _, err := st.Spend(t.Context(), "b", quick, 5, 0); err != nil || got != 5 {
		t.Fatal(got, err)
	}
	if ttl := client.PTTL(t.Context(), key).Val(); ttl <= 0 || ttl > 1600*time.Millisecond {
		t.Errorf("half a bucket is kept for %v, want until it is full and a second more", ttl)
	}
	if err := st.Pause(t.Context(), "b", time.Minute); err != nil {
		t.Fatal(err)
	}
	if ttl := client.PTTL(t.Context(), key).Val(); ttl <= 59*time.Second || ttl > 61*time.Second {
		t.Errorf("a pause of a minute is kept for %v", ttl)
	}
	if got, _, err := st.Spend(t.Context(), "b", quick, 1, time.Minute); err != nil || got != 1 {
		t.Fatal(got, err)
	}
	if ttl := client.PTTL(t.Context(), key).Val(); ttl <= 59*time.Second {
		t.Errorf("a token that was reserved for after the pause has it forgotten in %v", ttl)
	}

	ahead := fmt.Sprintf("%d", time.Now().Add(time.Hour).UnixMicro())
	if err := client.HSet(t.Context(), key, "f", ahead, "c", ahead).Err(); err != nil {
		t.Fatal(err)
	}
	got, wait, err := st.Spend(t.Context(), "b", quick, 1, time.Minute)
	if err != nil || got != 1 || wait > quick.Every {
		t.Errorf("a bucket from an hour ahead gave %d after %v: %v", got, wait, err)
	}
	if err := client.HSet(t.Context(), key, "f", ahead, "c", ahead).Err(); err != nil {
		t.Fatal(err)
	}
	if err := st.Pause(t.Context(), "b", time.Second); err != nil {
		t.Fatal(err)
	}
	if got, wait, err := st.Spend(t.Context(), "b", quick, 1, 0); err != nil || got != 0 || wait > time.Second+quick.Every {
		t.Errorf("a pause of a second over one from an hour ahead: got %d, wait %v: %v", got, wait, err)
	}
}

// A server that has forgotten the script is sent it again.
func TestRedisBucketScriptForgotten(t *testing.T) {
	t.Parallel()
	server := storetest.StartRedis(t)
	st := open(t, server.URL)
	for range 2 {
		if got, _, err := st.Spend(t.Context(), "b", pot, 1, 0); err != nil || got != 1 {
			t.Fatal(got, err)
		}
		if err := server.Client(t).ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// A Redis that hangs, and a URL that asks for replicas that are not there: the
// first is an error in time, the second is none, since there is nothing to keep.
func TestRedisBucketsWithoutReplicas(t *testing.T) {
	t.Parallel()
	server := storetest.StartRedis(t)
	if got, _, err := open(t, server.URL+"?replicas=1").Spend(t.Context(), "b", pot, 1, 0); err != nil || got != 1 {
		t.Errorf("got %d: %v", got, err)
	}
	st := open(t, server.URL)
	server.Hang()
	defer server.Resume()
	began := time.Now()
	if _, _, err := st.Spend(t.Context(), "b", pot, 1, 0); !errors.Is(err, store.ErrUnavailable) || time.Since(began) > 4*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

// BenchmarkSpend is one token, while nobody else spends and while two processes'
// worth of goroutines do.
func BenchmarkSpend(b *testing.B) {
	wide := bucket.Rate{Burst: bucket.MaxBurst, Every: time.Microsecond}
	for name, st := range map[string]store.Store{"sqlite": benchStore(b), "redis": benchRedis(b)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := st.Spend(context.Background(), "slack T0123456789 conversations.history", wide, 1, time.Minute); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+" by 16", func(b *testing.B) {
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, _, err := st.Spend(context.Background(), "slack T0123456789 conversations.history", wide, 1, time.Minute); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func benchRedis(b *testing.B) store.Store {
	b.Helper()
	st, err := store.Open(b.Context(), storetest.Redis(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	return st
}

// The store is closed while others are spending: each gets tokens or hears of it.
func TestSQLiteBucketsAreClosedInUse(t *testing.T) {
	for range 20 {
		st := open(t, "file:"+filepath.Join(t.TempDir(), "store.db"))
		var wg sync.WaitGroup
		begun := make(chan struct{}, 4)
		for range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					_, _, err := st.Spend(t.Context(), "b", pot, 1, 0)
					if i == 0 {
						begun <- struct{}{}
					}
					if err != nil {
						if !errors.Is(err, store.ErrUnavailable) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		for range 4 {
			<-begun
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
}
