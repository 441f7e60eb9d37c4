package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// laneStore is a store whose file another process keeps locked until unlock, and
// a count of the transactions that changed records.
func laneStore(t *testing.T) (s *sqliteStore, unlock func(), commits *atomic.Int64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	opened, err := OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	s = opened.(*sqliteStore)
	commits = &atomic.Int64{}
	s.records.wrote = func() { commits.Add(1); s.kick() }
	db, err := sql.Open("sqlite", path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	unlock = func() {
		once.Do(func() {
			_ = tx.Rollback()
			_ = db.Close()
		})
	}
	t.Cleanup(func() {
		unlock()
		_ = s.Close()
	})
	return s, unlock, commits
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func queued(l *lane) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// Writes that come while others are in the way go to the disk together, and each
// has the answer that it would have had alone.
func TestWritesThatWaitShareACommit(t *testing.T) {
	s, unlock, commits := laneStore(t)
	ctx := t.Context()
	stale := &sqliteLease{s, "l", 7} // of before: nobody holds it
	const each = 20
	var fresh, same, lost, gone atomic.Int64
	count := func(n *atomic.Int64, err error) {
		if err == nil {
			n.Add(1)
		}
	}
	var wg sync.WaitGroup
	for i := range each {
		wg.Go(func() { count(&fresh, s.Put(ctx, Item{Key: fmt.Sprint("k", i), Version: 1}, nil)) })
		wg.Go(func() {
			err := s.Put(ctx, Item{Key: "same", Version: 1, Value: fmt.Append(nil, i)}, nil)
			if err != nil && !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
			count(&same, err)
		})
		wg.Go(func() {
			err := s.Put(ctx, Item{Key: fmt.Sprint("lost", i), Version: 1}, stale)
			if errors.Is(err, ErrLeaseLost) {
				err = nil
			}
			count(&lost, err)
		})
		wg.Go(func() {
			err := s.Delete(ctx, fmt.Sprint("none", i), 1)
			if errors.Is(err, ErrNotFound) {
				err = nil
			}
			count(&gone, err)
		})
	}
	until(t, "all of them wait", func() bool { return queued(s.records) == 4*each })
	unlock()
	wg.Wait()
	if fresh.Load() != each || same.Load() != 1 || lost.Load() != each || gone.Load() != each {
		t.Errorf("%d new keys, %d of one version, %d lost leases, %d not there: want %d, 1, %[5]d, %[5]d",
			fresh.Load(), same.Load(), lost.Load(), gone.Load(), each)
	}
	if n := commits.Load(); n != 1 {
		t.Errorf("%d commits, want one for all", n)
	}
	items, err := s.List(ctx, "", "", 1000)
	if err != nil || len(items) != each+1 {
		t.Errorf("%d records, want %d: %v", len(items), each+1, err)
	}
	var numbers int
	if err := s.db.QueryRow(`SELECT count(DISTINCT seq) FROM records`).Scan(&numbers); err != nil || numbers != each+1 {
		t.Errorf("%d numbers for watchers: %v", numbers, err)
	}
}

// What fails is the transaction: nobody is told that a write of it stands, and
// none does.
func TestACommitThatFailsFailsAll(t *testing.T) {
	s, unlock, _ := laneStore(t)
	ctx := t.Context()
	if _, err := s.records.db.Exec(`PRAGMA max_page_count = 40`); err != nil { // a full disk
		t.Fatal(err)
	}
	var full atomic.Int64
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			err := s.Put(ctx, Item{Key: fmt.Sprint("k", i), Version: 1, Value: make([]byte, 20_000)}, nil)
			if errors.Is(err, ErrUnavailable) && strings.Contains(err.Error(), "disk is full") {
				full.Add(1)
			}
		})
	}
	until(t, "all of them wait", func() bool { return queued(s.records) == 30 })
	unlock()
	wg.Wait()
	items, err := s.List(ctx, "", "", 1000)
	if err != nil || len(items) != 0 || full.Load() != 30 {
		t.Errorf("%d were told that the disk is full, want 30, and %d stand: %v", full.Load(), len(items), err)
	}
	if _, err := s.records.db.Exec(`PRAGMA max_page_count = 100000`); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(ctx, Item{Key: "k", Version: 1, Value: make([]byte, 20_000)}, nil); err != nil {
		t.Error("once there is room again:", err)
	}
}

// A group is bounded: what does not fit is the next one's.
func TestAGroupIsBounded(t *testing.T) {
	s, unlock, commits := laneStore(t)
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			if err := s.Put(t.Context(), Item{Key: fmt.Sprint("k", i), Version: 1, Value: make([]byte, MaxValue)}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	until(t, "all of them wait", func() bool { return queued(s.records) == 9 })
	unlock()
	wg.Wait()
	if n := commits.Load(); n != 3 {
		t.Errorf("%d commits for 9 MB, want 3", n)
	}
}

// Whoever leaves the queue has not written, and the others have.
func TestWhoLeavesTheQueueHasNotWritten(t *testing.T) {
	s, unlock, _ := laneStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if err := s.Put(ctx, Item{Key: fmt.Sprint("left", i), Version: 1}, nil); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	var stay sync.WaitGroup
	stay.Go(func() {
		if err := s.Put(t.Context(), Item{Key: "stayed", Version: 1}, nil); err != nil {
			t.Error(err)
		}
	})
	until(t, "all of them wait", func() bool { return queued(s.records) == 11 })
	cancel()
	wg.Wait()
	unlock()
	stay.Wait()
	items, err := s.List(t.Context(), "", "", 100)
	if err != nil || len(items) != 1 || items[0].Key != "stayed" {
		t.Errorf("%v: %v", items, err)
	}
}

// Whoever goes while the write is under way may use its bytes for something else.
func TestWhatIsWrittenIsWhatWasPut(t *testing.T) {
	s, unlock, _ := laneStore(t)
	var others sync.WaitGroup
	gone := make(chan struct{})
	others.Go(func() { // is made first, and takes until the other's caller has gone
		if err := s.change(t.Context(), s.records, &change{do: func(*turn) (refused, failed error) { <-gone; return nil, nil }}); err != nil {
			t.Error(err)
		}
	})
	until(t, "the first waits", func() bool { return queued(s.records) == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	value := []byte("what was put")
	told := make(chan error, 1)
	go func() { told <- s.Put(ctx, Item{Key: "k", Version: 1, Value: value}, nil) }()
	until(t, "both wait", func() bool { return queued(s.records) == 2 })
	unlock()
	until(t, "both are taken up", func() bool { return queued(s.records) == 0 })
	cancel()
	if err := <-told; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	copy(value, "something else")
	close(gone)
	others.Wait()
	if got, err := s.Get(t.Context(), "k"); err != nil || string(got.Value) != "what was put" {
		t.Errorf("%q: %v", got.Value, err)
	}
}

// A lease that is given to somebody who has gone meanwhile is let go.
func TestALeaseOfSomebodyWhoHasGoneIsLetGo(t *testing.T) {
	s, unlock, _ := laneStore(t)
	unlock()
	ctx, cancel := context.WithCancel(t.Context())
	taken, gone, undone := make(chan struct{}), make(chan struct{}), make(chan struct{})
	told := make(chan error, 1)
	go func() {
		told <- s.change(ctx, s.leases, &change{
			do:   func(*turn) (refused, failed error) { close(taken); <-gone; return nil, nil },
			undo: func(*turn) (refused, failed error) { close(undone); return nil, nil },
		})
	}()
	<-taken
	cancel()
	if err := <-told; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(gone)
	select {
	case <-undone:
	case <-time.After(10 * time.Second):
		t.Fatal("it was not taken back")
	}
}

// Close does not wait for another process, and those who wait are told.
func TestCloseWhileOthersHaveTheFile(t *testing.T) {
	s, _, _ := laneStore(t)
	told := make(chan error, 2)
	go func() { told <- s.Put(t.Context(), Item{Key: "k", Version: 1}, nil) }()
	go func() { _, err := s.Lease(t.Context(), "l", time.Minute); told <- err }()
	until(t, "both wait", func() bool { return queued(s.records) == 1 && queued(s.leases) == 1 })
	begin := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-told; !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "closed") {
			t.Error(err)
		}
	}
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("closed after %v", d)
	}
}

// Records are synced to the disk by each commit (FULL is 2), and leases are not
// (NORMAL is 1), by whatever connection of the pool.
func TestWhatIsSynced(t *testing.T) {
	s, unlock, _ := laneStore(t)
	unlock()
	for name, c := range map[string]struct {
		db   *sql.DB
		want int
	}{"records": {s.records.db, 2}, "leases": {s.leases.db, 1}, "reading": {s.db, 2}} {
		var got int
		if err := c.db.QueryRow(`PRAGMA synchronous`).Scan(&got); err != nil || got != c.want {
			t.Errorf("%s: synchronous is %d, want %d: %v", name, got, c.want, err)
		}
	}
}
