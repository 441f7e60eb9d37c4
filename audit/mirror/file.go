package mirror

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
)

// File appends records to a file, one a line as NewRecord makes them, for a log shipper
// to follow. A lot is acknowledged when the disk has it.
//
// When the file has reached a size it is renamed to PATH.1, that to PATH.2 and so
// on, and a new one begins; a shipper that follows the file by its inode loses
// nothing, as long as it is not behind by more than are kept. A file that somebody
// else has moved away is let go of.
//
// What a crash has cut in the middle of a line is taken away at the next start, and
// the lines that the file already ends with are not written again. Only a record
// whose body was erased between the two may then come twice.
type File struct {
	path   string
	rotate int64
	keep   int

	file  *os.File // nil: not open yet
	size  int64
	there map[string]struct{} // lines that the files ended with when they were opened
}

// FileOptions say where the file is, and when it is another's turn.
type FileOptions struct {
	Path   string // absolute; its folder must exist
	Rotate int64  // bytes that a file has before the next begins; 0: 100 MB
	Keep   int    // files besides the one that is written to; 0: ten
}

const (
	defaultRotate = 100_000_000
	defaultKeep   = 10
	tailBytes     = 4 << 20 // that are looked at for what is already there: more than a lot ever has
)

// NewFile makes a sink, which opens its file when it first has something to write.
func NewFile(o FileOptions) *File {
	if o.Rotate == 0 {
		o.Rotate = defaultRotate
	}
	if o.Keep == 0 {
		o.Keep = defaultKeep
	}
	return &File{path: o.Path, rotate: o.Rotate, keep: o.Keep}
}

// Send appends a lot.
func (f *File) Send(_ context.Context, lot Lot) error {
	if len(lot.Records) == 0 {
		return nil
	}
	if err := f.ready(); err != nil {
		return fmt.Errorf("file %s: %w", f.path, bare(err))
	}
	text := f.lines(lot.Records)
	n, err := f.file.Write(text)
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		// What is half there is cut off, so that the next attempt begins anew; where
		// that fails too, opening the file again does it.
		_ = f.file.Truncate(f.size)
		_ = f.file.Close()
		f.file = nil
		return fmt.Errorf("file %s: %w", f.path, bare(err))
	}
	f.size += int64(n)
	return nil
}

// Close lets go of the file.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// ready opens the file, or the next one.
func (f *File) ready() error {
	if f.file != nil {
		mine, err := f.file.Stat()
		if err != nil {
			return err
		}
		theirs, err := os.Stat(f.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err != nil || !os.SameFile(mine, theirs) {
			_ = f.Close()
			f.there = nil
		}
	}
	if f.file == nil {
		if err := f.open(0o600); err != nil {
			return err
		}
	}
	if f.size < f.rotate {
		return nil
	}
	return f.next()
}

func (f *File) open(mode fs.FileMode) error {
	if info, err := os.Stat(f.path); err == nil && !info.Mode().IsRegular() {
		return &Closed{errors.New("it is not a regular file")}
	}
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, mode)
	if errors.Is(err, fs.ErrPermission) {
		return &Closed{err}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &Closed{errors.New("its folder is not there: make it")}
	}
	if err != nil {
		return err
	}
	size, there, err := mend(file)
	// The last before a crash may reach back into the files before.
	f.there = map[string]struct{}{}
	room := tailBytes
	for i := 1; err == nil; i++ {
		for line := range bytes.Lines(there) {
			f.there[string(bytes.TrimSuffix(line, []byte("\n")))] = struct{}{}
		}
		if room -= len(there); room <= 0 || i > f.keep {
			break
		}
		if there = f.endOf(f.aside(i)); there == nil {
			break
		}
	}
	if err == nil {
		err = syncDir(filepath.Dir(f.path))
	}
	if err != nil {
		_ = file.Close()
		return err
	}
	f.file, f.size = file, size
	return nil
}

// endOf is what a file ends with, nil if it cannot be read.
func (f *File) endOf(path string) []byte {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	_, tail, err := readEnd(file)
	if err != nil {
		return nil
	}
	return tail
}

// readEnd returns the last of a file, and where it begins.
func readEnd(file *os.File) (begin int64, tail []byte, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, nil, err
	}
	begin = max(info.Size()-tailBytes, 0)
	tail = make([]byte, info.Size()-begin)
	if _, err := file.ReadAt(tail, begin); err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, err
	}
	return begin, tail, nil
}

// mend cuts off what a crash has left of a line, and returns the end of the file.
func mend(file *os.File) (size int64, tail []byte, err error) {
	begin, tail, err := readEnd(file)
	if err != nil {
		return 0, nil, err
	}
	size = begin + int64(len(tail))
	whole := bytes.LastIndexByte(tail, '\n') + 1
	if whole < len(tail) {
		// Who has named a file of something else by mistake must not lose its end.
		if torn := tail[whole:]; !bytes.HasPrefix(torn, []byte(lineHead)) && !strings.HasPrefix(lineHead, string(torn)) {
			return 0, nil, &Closed{errors.New("it ends in something that is no record: name another file")}
		}
		size, tail = begin+int64(whole), tail[:whole]
		if err := file.Truncate(size); err != nil {
			return 0, nil, err
		}
	}
	return size, tail, nil
}

// lines are the records that the files do not end with already.
func (f *File) lines(list []Record) []byte {
	var b []byte
	news := false
	for i := range list {
		line := list[i].JSON
		if _, ok := f.there[string(line)]; ok {
			news = false
			continue
		}
		b, news = append(append(b, line...), '\n'), true
	}
	if news { // and all that follows
		f.there = nil
	}
	return b
}

// next puts the file aside and begins another, with the same rights.
func (f *File) next() error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	_ = f.Close() // Windows renames no open file
	for i := f.keep; i > 1; i-- {
		if err := os.Rename(f.aside(i-1), f.aside(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(f.path, f.aside(1)); err != nil {
		return err
	}
	return f.open(info.Mode().Perm())
}

func (f *File) aside(i int) string { return f.path + "." + strconv.Itoa(i) }

// syncDir makes the names in a folder durable; on Windows a folder cannot be
// synced, and need not.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// bare is an error of the operating system without the path, which stands before it.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		var closed *Closed
		if errors.As(err, &closed) {
			return &Closed{p.Err}
		}
		return p.Err
	}
	return err
}
