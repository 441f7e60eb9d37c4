package store

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"toolvault/vault/store/bucket"
)

// buckets are the token buckets of all processes that share a database: a table
// in a file beside it, which each of them maps into its memory. There is nothing
// in it to keep, so it is never synced, and nobody waits for the disk, for a lock
// or for those who write records. It has its whole size from the beginning, 1 MiB
// of which only what was used takes room, and may be deleted while nobody runs.
type buckets struct {
	path string

	mu    sync.RWMutex // held to write while the memory comes and goes
	table *bucket.Table
	unmap func() error
	ended bool
}

// bucketBytes is 32768 buckets.
const bucketBytes = 1 << 20

// bucketsOf is the file that belongs to a database. It is made when it is needed.
func bucketsOf(database string) *buckets {
	return &buckets{path: strings.TrimSuffix(database, ".db") + ".limits"}
}

// use has f work on the table. What the memory cannot give, since the disk is full
// or the file was cut off under it, is an error and not the end of the process.
func (b *buckets) use(f func(*bucket.Table)) (err error) {
	for {
		b.mu.RLock()
		if b.table != nil {
			break
		}
		b.mu.RUnlock()
		if err := b.open(); err != nil {
			return err
		}
	}
	defer b.mu.RUnlock()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the file %s cannot be used: %v", b.path, p)
		}
	}()
	f(b.table)
	return nil
}

func (b *buckets) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.ended:
		return errGone
	case b.table != nil:
		return nil
	}
	if err := makePrivate(b.path); err != nil {
		return err
	}
	f, err := os.OpenFile(b.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < bucketBytes { // zeros are an empty table, so two may do it at once
		if err := f.Truncate(bucketBytes); err != nil {
			return err
		}
	}
	memory, unmap, err := mapFile(f, bucketBytes)
	if err != nil {
		return fmt.Errorf("map %s: %w", b.path, err)
	}
	b.table, b.unmap = bucket.Over(memory), unmap
	return nil
}

func (b *buckets) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	if b.table == nil {
		return nil
	}
	b.table = nil
	return b.unmap()
}

func (s *sqliteStore) Spend(ctx context.Context, name string, rate bucket.Rate, want int, most time.Duration) (got int, wait time.Duration, err error) {
	if err := checkSpend(name, rate, want); err != nil {
		return 0, 0, err
	}
	err = s.onBuckets(ctx, func(t *bucket.Table) { got, wait = t.Spend(time.Now(), name, rate, want, most) })
	return got, wait, err
}

func (s *sqliteStore) Pause(ctx context.Context, name string, d time.Duration) error {
	if err := checkKey("name of a bucket", name); err != nil {
		return err
	}
	return s.onBuckets(ctx, func(t *bucket.Table) { t.Pause(time.Now(), name, d) })
}

func (s *sqliteStore) onBuckets(ctx context.Context, f func(*bucket.Table)) error {
	if err := ctx.Err(); err != nil {
		return s.fail(ctx, err)
	}
	if err := s.buckets.use(f); err != nil {
		return s.fail(ctx, err)
	}
	return nil
}
