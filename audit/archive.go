package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Archive moves the sealed segments whose records are all older than a time to
// another folder: each is copied, made durable and compared there, then that it
// was moved is put on record, and only then it is removed here. Hashes stay: the
// tiles beside the log, if there are any, and the tree in the first line of what
// is left. The folder can be verified by itself, or together with the log
// (VerifyOptions.Archives). It returns the records that were moved; where there
// was nothing to move they are none. admin is who wants it.
func (l *Log) Archive(ctx context.Context, to string, before time.Time, admin string) (Span, error) {
	if same, err := sameFolder(l.dir, to); err != nil || same {
		return Span{}, errors.Join(err, fmt.Errorf("audit log: the archive must be a folder that is there, and another than the log's: %s", to))
	}
	release, err := l.upkeepLock(ctx)
	if err != nil {
		return Span{}, err
	}
	defer release()
	if err := l.sealFull(ctx); err != nil {
		return Span{}, err
	}
	list, err := segments(l.dir)
	if err != nil {
		return Span{}, err
	}
	end, err := firstSince(ctx, l.dir, 0, before)
	if err != nil {
		return Span{}, err
	}
	end, behind, err := l.readByAll(end)
	if err != nil {
		return Span{}, err
	}
	n := 0
	for n+1 < len(list) && list[n+1] <= end {
		if err := copySealed(ctx, sealedPath(l.dir, list[n]), to); err != nil {
			return Span{}, err
		}
		n++
	}
	if n == 0 && behind != "" {
		return Span{}, fmt.Errorf("audit log: %s has read only the records before %d, and would miss what is moved: let it catch up; if it is no longer used, remove %s",
			behind, end, Subscription{Dir: l.dir, Name: behind}.path(""))
	}
	if n == 0 {
		return Span{}, nil
	}
	moved := Span{list[0], list[n]}
	_, err = l.Append(ctx, Record{
		Phase: PhaseEvent, Event: EventArchived, Admin: admin, Outcome: "ok", Spans: []Span{moved},
		Message: fmt.Sprintf("%d records were moved to %s.", moved.End-moved.First, to),
	})
	if err != nil {
		return Span{}, err
	}
	for _, first := range list[:n] {
		if err := os.Remove(sealedPath(l.dir, first)); err != nil {
			return Span{}, fmt.Errorf("audit log: %w", err)
		}
	}
	return moved, nil
}

// readByAll returns how many of the first records every subscriber has read, end
// at most, and who keeps it from being end.
func (l *Log) readByAll(end int64) (read int64, behind string, err error) {
	names, err := os.ReadDir(filepath.Join(l.dir, subscribersDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, "", fmt.Errorf("audit log: %w", err)
	}
	for _, e := range names {
		if strings.Contains(e.Name(), ".") { // a lock, or what a subscriber keeps for itself
			continue
		}
		at, err := Subscription{Dir: l.dir, Name: e.Name()}.Position()
		if err != nil {
			return 0, "", err
		}
		if at < end {
			end, behind = at, e.Name()
		}
	}
	return end, behind, nil
}

func sameFolder(a, b string) (bool, error) {
	ai, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	bi, err := os.Stat(b)
	if err != nil {
		return false, err
	}
	return os.SameFile(ai, bi) || !bi.IsDir(), nil
}

// copySealed copies a file to a folder and reads it back.
func copySealed(ctx context.Context, from, to string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("audit log: %w", context.Cause(ctx))
	}
	want, err := digest(from)
	if err != nil {
		return err
	}
	path := filepath.Join(to, filepath.Base(from))
	if there, err := digest(path); err == nil { // copied before a crash
		if bytes.Equal(there, want) {
			return nil
		}
		return fmt.Errorf("audit log: %s is there already, with other content", path)
	}
	if err := copyFile(from, path+".new"); err != nil {
		_ = os.Remove(path + ".new")
		return err
	}
	got, err := digest(path + ".new")
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("audit log: %s does not read as it was written", path)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncDir(to)
	}
	return err
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

func digest(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return h.Sum(nil), nil
}
