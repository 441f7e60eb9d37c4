package tile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"toolvault/audit"
)

// CheckpointName is the file of the newest published checkpoint, beside the log.
const CheckpointName = "checkpoint"

const (
	publishEvery = time.Second
	retryEvery   = time.Minute
)

// ErrRolledBack is in the error of Publish where the log does not hold what was
// published of it before. The old checkpoint stays: it proves what there was.
var ErrRolledBack = errors.New("the log was rolled back or replaced: it does not hold the checkpoint that was published of it; run `toolvault audit verify`")

// Run publishes a log at most once a second while it grows, until the context
// ends. Of several processes one does it. What fails is said and tried again: a
// log is not stopped because it cannot be shown.
func Run(ctx context.Context, dir string, logger *slog.Logger) error {
	p := publisher{dir: dir, logger: logger, every: publishEvery}
	for {
		size, _, err := audit.Newest(dir)
		if err == nil {
			err = audit.Subscription{Dir: dir, Name: "tiles", Start: max(0, size-1)}.Run(ctx, p.take)
		}
		if ctx.Err() != nil {
			return nil
		}
		logger.Error("the audit log is not published", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryEvery):
		}
	}
}

type publisher struct {
	dir    string
	logger *slog.Logger
	every  time.Duration
	size   int64     // of the tree that was published last
	at     time.Time // when
	failed time.Time // when a failure was last said
}

// take sees to it that the records are published. It may take more with them.
func (p *publisher) take(ctx context.Context, list []audit.Raw) error {
	if list[len(list)-1].Index < p.size {
		return nil
	}
	if wait := p.every - time.Since(p.at); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
	p.at = time.Now()
	tree, err := Publish(ctx, p.dir, nil)
	if err != nil {
		if ctx.Err() == nil && time.Since(p.failed) > retryEvery {
			p.failed = time.Now()
			p.logger.Error("the audit log's newest checkpoint is not published", "error", err)
		}
		return nil
	}
	p.size = tree.Size()
	return nil
}

// Publish brings the tiles of a log up to date and puts its newest checkpoint
// beside them, in this order, so that whoever reads the checkpoint finds its
// tiles. The error is ErrRolledBack where the tree is not a continuation of the
// one that was published before.
func Publish(ctx context.Context, dir string, progress func(done int64)) (*Tree, error) {
	t, err := Open(ctx, dir, progress)
	if err != nil {
		return nil, err
	}
	if err := t.Kept(); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, CheckpointName)
	old, err := Published(dir)
	switch {
	case err == nil && bytes.Equal(old, t.note), err == nil && t.note == nil && old == nil:
		return t, nil
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := t.continues(old); err != nil {
			if errors.Is(err, ErrRolledBack) { // the tiles follow the log that is there
				t.kept(t.files.drop(t.Size()))
				t.keepEdge()
			}
			return nil, err
		}
	}
	if t.note == nil {
		return t, nil
	}
	return t, writeFile(name, t.note, private)
}

// Published returns the checkpoint that was published last.
func Published(dir string) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, CheckpointName))
	if err != nil {
		return nil, fmt.Errorf("audit tiles: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("audit tiles: %w", err)
	}
	return text, nil
}

// continues reports whether the tree holds that of an older checkpoint. One that
// cannot be read, as a power failure may leave it, says nothing.
func (t *Tree) continues(old []byte) error {
	origin, size, root, err := parse(old)
	if err != nil {
		return nil
	}
	if here, _, _, err := parse(t.note); err != nil || here != origin {
		return fmt.Errorf("%w (it was published as %q)", ErrRolledBack, origin)
	}
	if size > t.Size() {
		return fmt.Errorf("%w (records %d, published %d)", ErrRolledBack, t.Size(), size)
	}
	here, err := t.RootAt(size)
	if err != nil {
		return err
	}
	if here != root {
		return fmt.Errorf("%w (one of the first %d records is another)", ErrRolledBack, size)
	}
	return nil
}

// parse reads a checkpoint (c2sp.org/tlog-checkpoint) without checking its
// signature.
func parse(note []byte) (origin string, size int64, root tlog.Hash, err error) {
	bad := errors.New("checkpoint is not of the form origin, size, root hash")
	lines := strings.SplitN(string(note), "\n", 4)
	if len(lines) < 4 || lines[0] == "" {
		return "", 0, root, bad
	}
	if size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return "", 0, root, bad
	}
	if root, err = tlog.ParseHash(lines[2]); err != nil {
		return "", 0, root, bad
	}
	return lines[0], size, root, nil
}
