package audit

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// followEvery is how often Follow looks for more.
const followEvery = 100 * time.Millisecond

// Bounds on what Follow hands out at once.
const (
	maxFollowed      = 1024 // records
	maxFollowedBytes = 1 << 20
)

// Follow is Scan that goes on: it calls fn with records from an index on, some at
// a time, as any process appends them, until the context ends, which is no error,
// or fn returns one. What fn gets is only lent.
func Follow(ctx context.Context, dir string, from int64, fn func([]Raw) error) error {
	return (&follower{dir: dir, from: from}).run(ctx, fn)
}

type follower struct {
	dir  string
	from int64
	idle func() error // is called when all has been handed out; nil: nobody

	last string // path of the newest segment when it was read to its end
	size int64  // of that, before
}

// look notes how far the log reaches before it is read.
func (f *follower) look() {
	f.last, f.size = "", 0
	list, err := segments(f.dir)
	if err != nil || len(list) == 0 {
		return
	}
	path := segmentPath(f.dir, list[len(list)-1])
	if info, err := os.Stat(path); err == nil {
		f.last, f.size = path, info.Size()
	}
}

// still reports whether nothing can have been appended since.
func (f *follower) still() bool {
	if f.last == "" {
		return false
	}
	info, err := os.Stat(f.last)
	if err != nil || info.Size() != f.size {
		return false
	}
	_, err = os.Stat(segmentPath(f.dir, f.from)) // the next segment
	return errors.Is(err, fs.ErrNotExist)
}

func (f *follower) run(ctx context.Context, fn func([]Raw) error) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	var b bundle
	for {
		next, err := f.from, error(nil)
		if !f.still() {
			f.look()
			next, err = f.scan(ctx, &b, fn)
		}
		if err == nil && f.idle != nil {
			err = f.idle()
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, errNoLog) {
			return err
		}
		f.from = max(f.from, next)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// scan hands out what there is.
func (f *follower) scan(ctx context.Context, b *bundle, fn func([]Raw) error) (next int64, err error) {
	next, err = Scan(ctx, f.dir, f.from, func(r Raw) error {
		b.add(r)
		if len(b.list) < maxFollowed && len(b.text) < maxFollowedBytes {
			return nil
		}
		return b.flush(fn)
	})
	if err == nil {
		err = b.flush(fn)
	}
	return next, err
}

// bundle is copies of records that are handed out together.
type bundle struct {
	text []byte
	list []Raw
}

func (b *bundle) add(r Raw) {
	b.text = append(append(b.text, r.Leaf...), r.Body...)
	b.list = append(b.list, Raw{r.Index, r.Leaf, r.Body})
}

func (b *bundle) flush(fn func([]Raw) error) error {
	if len(b.list) == 0 {
		return nil
	}
	rest := b.text
	for i := range b.list {
		r := &b.list[i]
		r.Leaf, rest = rest[:len(r.Leaf):len(r.Leaf)], rest[len(r.Leaf):]
		if r.Body != nil {
			r.Body, rest = rest[:len(r.Body):len(r.Body)], rest[len(r.Body):]
		}
	}
	err := fn(b.list)
	b.text, b.list = b.text[:0], b.list[:0]
	return err
}
