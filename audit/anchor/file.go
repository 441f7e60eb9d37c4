package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	noteSuffix = ".checkpoint"
	newSuffix  = ".new" // of a file that is being written
)

// ErrLost is returned where a place does not have what it once took.
var ErrLost = errors.New("is it another disk, or not mounted? Put back what was there")

// File keeps checkpoints on a disk that others own: in a folder, each as a file of
// its own, "SIZE.checkpoint", that is never written again; or, where the path is a
// file, the newest in it, replaced as a whole.
//
// The folder or the file must be there. It is not made: where a disk is not
// mounted, what is made at its place is on the wrong one. For the same reason a
// place that has lost what was put there last gets no more.
type File struct {
	path string

	mu    sync.Mutex
	swept bool
}

// NewFile returns the place at a path.
func NewFile(path string) *File { return &File{path: filepath.Clean(path)} }

// Put makes a checkpoint durable; last is the size of the newest one that was put
// there before, 0 for none. Putting the same one again is no error. The error is
// ErrHistory where the place holds one that this log cannot have signed before
// this (of the same size with another root, or of a larger one), and ErrLost where
// it does not hold the last.
func (f *File) Put(ctx context.Context, c Checkpoint, last int64) error {
	return f.visit(ctx, c, last, writeWhole)
}

// Check is Put that writes nothing.
func (f *File) Check(ctx context.Context, c Checkpoint, last int64) error {
	return f.visit(ctx, c, last, func(string, string, []byte, fs.FileMode) error { return nil })
}

// write puts a file of that name into a folder.
type write func(dir, name string, content []byte, mode fs.FileMode) error

func (f *File) visit(ctx context.Context, c Checkpoint, last int64, w write) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	path, err := filepath.EvalSymlinks(f.path) // a link stays what it is
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not there: is its disk mounted? If it is, make the folder, or an empty file, yourself", f.path)
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return f.add(path, c, last, w)
	case info.Mode().IsRegular():
		return f.replace(path, info, c, last, w)
	}
	return fmt.Errorf("%s is neither a folder nor a file", f.path)
}

// add keeps a checkpoint in a folder.
func (f *File) add(dir string, c Checkpoint, last int64, w write) error {
	newest := last
	if !f.swept { // the first time: what is there beside what is known
		there, err := look(dir)
		if err != nil {
			return err
		}
		newest, f.swept = max(newest, there), true
	}
	held := false
	for _, size := range []int64{last, newest, c.Size} {
		if size == 0 {
			continue
		}
		name := noteName(dir, size)
		old, err := readNote(name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && size == last:
			return fmt.Errorf("the folder %s has lost the checkpoint of %d records that was put there: %w", f.path, last, ErrLost)
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		}
		if err := follows(c, old, name); err != nil {
			f.swept = false
			return err
		}
		held = held || size == c.Size
	}
	if held {
		return nil
	}
	return w(dir, filepath.Base(noteName(dir, c.Size)), c.Note, 0o444)
}

// replace puts a checkpoint in the place of the one that a file holds.
func (f *File) replace(path string, info fs.FileInfo, c Checkpoint, last int64, w write) error {
	var old Checkpoint
	if info.Size() > 0 {
		var err error
		if old, err = readNote(path); err != nil {
			return err
		}
		if err := follows(c, old, path); err != nil {
			return err
		}
		if bytes.Equal(old.Note, c.Note) {
			return nil
		}
	}
	if old.Size < last {
		return fmt.Errorf("the file %s has lost the checkpoint of %d records that was put there: %w", f.path, last, ErrLost)
	}
	return w(filepath.Dir(path), filepath.Base(path), c.Note, info.Mode().Perm())
}

func noteName(dir string, size int64) string {
	return filepath.Join(dir, strconv.FormatInt(size, 10)+noteSuffix)
}

// follows reports what keeps a log with the checkpoint c from having had old
// before. That the larger tree holds the smaller one is not to be seen from two
// checkpoints alone: Verify does, with the records.
func follows(c, old Checkpoint, name string) error {
	switch {
	case old.Origin != c.Origin:
		return fmt.Errorf("%s is of the log %q, not of %q: each log needs a place of its own", name, old.Origin, c.Origin)
	case old.Size > c.Size:
		return fmt.Errorf("%w (%s is of %d records, and the log has %d: it was rolled back, or begun anew with the same name)", ErrHistory, name, old.Size, c.Size)
	case old.Size == c.Size && old.Root != c.Root:
		return fmt.Errorf("%w (%s is another history of %d records: two were signed with one key)", ErrHistory, name, c.Size)
	}
	return nil
}

// look returns the size of the newest checkpoint in a folder, by its name, and
// removes what a killed process has not finished.
func look(dir string) (newest int64, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer func() { _ = d.Close() }()
	for {
		list, err := d.Readdirnames(1024)
		for _, name := range list {
			newest = max(newest, sizeOf(name))
			if strings.HasPrefix(name, ".") && strings.HasSuffix(name, newSuffix) && strings.Contains(name, noteSuffix) {
				removeOld(filepath.Join(dir, name))
			}
		}
		if errors.Is(err, io.EOF) {
			return newest, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// sweep removes what killed processes have not finished in a folder of our own.
func sweep(dir string) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return // there is nothing yet
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), newSuffix) {
			removeOld(filepath.Join(dir, e.Name()))
		}
	}
}

// removeOld removes an unfinished file unless somebody may be at it.
func removeOld(path string) {
	if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > time.Minute {
		_ = os.Remove(path) // if it cannot be, it is in nobody's way
	}
}

// sizeOf is the size in the name of a checkpoint's file; 0 for any other.
func sizeOf(name string) int64 {
	digits, ok := strings.CutSuffix(name, noteSuffix)
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 0 || strconv.FormatInt(n, 10) != digits {
		return 0
	}
	return n
}

// readNote reads a file that holds one checkpoint.
func readNote(path string) (Checkpoint, error) {
	f, err := os.Open(path)
	if err != nil {
		return Checkpoint{}, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxNote+1))
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := Parse(text)
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// writeWhole makes a file with a content durable, or leaves what was.
func writeWhole(dir, name string, content []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(dir, "."+name+".*"+newSuffix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	_ = f.Chmod(mode) // some shares have no modes; whoever owns the disk can change it anyway
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the names in a folder durable; on Windows and on some shares a
// folder cannot be synced, and need not.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
