package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Subscription is somebody who is told of every record of a log: once in order,
// whichever of the machine's processes happen to run.
type Subscription struct {
	Dir  string // of the log
	Name string // of the subscriber: letters, digits and hyphens; its bookmark lies in the log's folder

	// Start is the index to begin with where there is no bookmark yet; negative:
	// behind what is there now.
	Start int64
}

const subscribersDir = "subscribers"

// Run hands records to fn, some at a time and in order, from where fn was last
// successful, until the context ends, which is no error, or fn fails. What fn has
// taken without an error it does not get again, but for the last lot before a
// crash: so it must know repeats by the records' indices. What it gets is only
// lent. While another process has the subscription, Run waits.
func (s Subscription) Run(ctx context.Context, fn func(context.Context, []Raw) error) error {
	release, err := s.claim(ctx)
	if err != nil || release == nil {
		return err
	}
	defer release()
	from, err := s.Position()
	if errors.Is(err, fs.ErrNotExist) {
		if from = s.Start; from < 0 {
			from, _, err = Newest(s.Dir)
		} else {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	mark, err := s.bookmark(from)
	if err != nil {
		return err
	}
	defer func() { _ = mark.file.Close() }()
	return Follow(ctx, s.Dir, from, func(list []Raw) error {
		if err := fn(ctx, list); err != nil {
			return err
		}
		return mark.save(list[len(list)-1].Index + 1)
	})
}

// Position is the index that fn gets next. The error is fs.ErrNotExist where the
// subscription has never run.
func (s Subscription) Position() (int64, error) {
	text, err := readSmall(s.path(""))
	if err != nil {
		return 0, fmt.Errorf("audit subscriber %s: %w", s.Name, err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("audit subscriber %s: %s holds no position: remove it, and all is sent again", s.Name, s.path(""))
	}
	return n, nil
}

func (s Subscription) path(suffix string) string {
	return filepath.Join(s.Dir, subscribersDir, s.Name+suffix)
}

// bookmark is an open file with a position. It has always the same size and lies
// in one sector: it is written over in place and not synced, so that a power
// failure leaves the position or an older one.
type bookmark struct{ file *os.File }

func (s Subscription) bookmark(from int64) (*bookmark, error) {
	path := s.path("")
	if info, err := os.Stat(path); err != nil || info.Size() != segmentDigits+1 {
		if err := replaceFile(path, bookmarkText(from)); err != nil {
			return nil, fmt.Errorf("audit subscriber %s: %w", s.Name, err)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("audit subscriber %s: %w", s.Name, err)
	}
	return &bookmark{f}, nil
}

func bookmarkText(next int64) []byte { return fmt.Appendf(nil, "%0*d\n", segmentDigits, next) }

func (b *bookmark) save(next int64) error {
	if _, err := b.file.WriteAt(bookmarkText(next), 0); err != nil {
		return fmt.Errorf("audit subscriber: %w", err)
	}
	return nil
}

// claim waits for the subscription; release is nil where the context has ended.
func (s Subscription) claim(ctx context.Context) (release func(), err error) {
	if err := os.MkdirAll(filepath.Join(s.Dir, subscribersDir), 0o700); err != nil {
		return nil, fmt.Errorf("audit subscriber %s: %w", s.Name, err)
	}
	f, err := os.OpenFile(s.path(".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit subscriber %s: %w", s.Name, err)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		ok, err := tryLock(f)
		switch {
		case err != nil:
			_ = f.Close()
			return nil, fmt.Errorf("audit subscriber %s: %w", s.Name, err)
		case ok:
			return func() { _ = f.Close() }, nil // which lets go of the lock
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, nil
		case <-tick.C:
		}
	}
}
