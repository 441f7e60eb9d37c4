package tile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"golang.org/x/mod/sumdb/tlog"
)

// files are the tiles of a log on disk.
type files struct {
	dir  string
	mode fs.FileMode // of the folders; a file has the same without the right to enter
}

const (
	private fs.FileMode = 0o700 // as the log is
	public  fs.FileMode = 0o755 // for a web server
)

func (f files) name(level int, n int64, width int) string {
	return filepath.Join(f.dir, filepath.FromSlash(Path(level, n, width)))
}

// read returns the hashes of a tile; nil where it is not there, or has not the
// size that it must have. Whether they are right is for others to tell.
func (f files) read(level int, n int64, width int) []tlog.Hash {
	file, err := os.Open(f.name(level, n, width))
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	buf := make([]byte, Width*tlog.HashSize+1)
	size := 0
	for size < len(buf) {
		k, err := file.Read(buf[size:])
		if size += k; err != nil {
			break
		}
	}
	if size != width*tlog.HashSize {
		return nil
	}
	return split(buf[:size])
}

// prefix returns as many of the first hashes of a tile, at most width, as stand
// on disk in any of its forms.
func (f files) prefix(level int, n int64, width int) []tlog.Hash {
	if width == 0 {
		return nil
	}
	if hashes := f.read(level, n, Width); hashes != nil {
		return hashes[:width]
	}
	best := 0
	for _, w := range f.partial(level, n) {
		if w >= width && (best < width || w < best) || w < width && w > best && best < width {
			best = w
		}
	}
	if best == 0 {
		return nil
	}
	hashes := f.read(level, n, best)
	return hashes[:min(len(hashes), width)]
}

// partial lists the widths in which a partial tile is there.
func (f files) partial(level int, n int64) (widths []int) {
	entries, err := os.ReadDir(filepath.Dir(f.name(level, n, 1)))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if w, ok := decimal(e.Name(), Width-1); ok && w > 0 {
			widths = append(widths, w)
		}
	}
	return widths
}

// count finds how many full tiles a level has, all the way from the first, in a
// few looks. Where one is missing among them it may be fewer.
func (f files) count(level int) int64 {
	there := func(n int64) bool {
		info, err := os.Stat(f.name(level, n, Width))
		return err == nil && info.Size() == Width*tlog.HashSize
	}
	end := int64(1) // a tile that may be there
	for end < 1<<40 && there(end-1) {
		end *= 2
	}
	return int64(sort.Search(int(end-1), func(n int) bool { return !there(int64(n)) }))
}

// write keeps a tile, and lets go of the partial ones of the tile before it: a
// reader that has begun with one has had the time of a whole tile.
func (f files) write(level int, n int64, hashes []tlog.Hash) error {
	if err := writeFile(f.name(level, n, len(hashes)), join(hashes), f.mode); err != nil {
		return err
	}
	if len(hashes) == Width && n > 0 {
		return os.RemoveAll(filepath.Dir(f.name(level, n-1, 1)))
	}
	return nil
}

// writeBundle is write for entries.
func (f files) writeBundle(n int64, width int, bundle []byte) error {
	if err := writeFile(f.name(Entries, n, width), bundle, f.mode); err != nil {
		return err
	}
	if width == Width && n > 0 {
		return os.RemoveAll(filepath.Dir(f.name(Entries, n-1, 1)))
	}
	return nil
}

// drop removes the tiles that stand behind the end of a tree of a size.
func (f files) drop(size int64) error {
	var errs []error
	for level := 0; level <= maxLevel; level++ {
		for n := full(size, level); ; n++ {
			err := os.RemoveAll(filepath.Dir(f.name(level, n, 1)))
			if err == nil {
				err = os.Remove(f.name(level, n, Width))
			}
			if errors.Is(err, fs.ErrNotExist) {
				break
			}
			if err != nil {
				errs = append(errs, err)
				break
			}
		}
	}
	return errors.Join(errs...)
}

// writeFile writes a file aside and renames it. Nobody waits for the disk: what
// a power failure leaves of it is noticed when it is read.
func writeFile(name string, text []byte, mode fs.FileMode) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, mode); err != nil {
		return fmt.Errorf("audit tiles: %w", err)
	}
	tmp, err := os.CreateTemp(dir, ".new-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("audit tiles: %w", err)
	}
	_, err = tmp.Write(text)
	if mode != private {
		err = errors.Join(err, tmp.Chmod(mode&^0o111))
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("audit tiles: %w", err)
	}
	return nil
}
