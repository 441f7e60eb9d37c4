package config

import (
	"context"
	"crypto/sha256"
	"os"
	"time"
)

// rereadEvery is after how many looks the file is read although its size, time
// and identity are the same: some file systems have coarse times.
const rereadEvery = 8

// Watch looks at a file until ctx ends and gives each new content to apply, or
// its mistakes to refused; then what was applied before stays in force. It is
// meant for a goroutine of the caller's.
//
// A content counts once it is the same in two looks in a row, so that half a
// write is not read, and is reported once. The first content is given to apply
// too: the file may have changed since Load, and Config.Digest tells. A file that
// is gone is refused like one that is broken. Links are followed at each look, so
// replacing the file, or the link to it, is seen as well as writing into it. It
// returns the error of ctx.
func Watch(ctx context.Context, path string, known Known, every time.Duration, apply func(*Config), refused func(error)) error {
	if every <= 0 {
		every = time.Second
	}
	w := watcher{path: path}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if content, changed, err := w.look(); changed {
			var c *Config
			if err == nil {
				c, err = Parse(path, content, known)
			}
			if err != nil {
				refused(err)
			} else {
				apply(c)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// watcher remembers what it saw.
type watcher struct {
	path  string
	info  os.FileInfo // at the last look; nil: not there
	same  int         // looks in a row with that info
	last  state       // at the last reading
	given state       // what was reported
}

// state is the content of a file, or why there is none.
type state struct {
	known bool
	hash  [sha256.Size]byte
	fault string
}

// look reports a content, or the failure to read one, that has come to rest and
// was not reported before.
func (w *watcher) look() (content []byte, changed bool, err error) {
	info, statErr := os.Stat(w.path)
	if statErr != nil {
		info = nil
	}
	if w.last.known && sameFile(w.info, info) {
		w.same++
	} else {
		w.same = 0
	}
	w.info = info
	if w.same > 1 && w.same%rereadEvery != 0 && w.last == w.given {
		return nil, false, nil
	}
	content, err = read(w.path)
	now := state{known: true, hash: sha256.Sum256(content)}
	if err != nil {
		now.fault = err.Error()
	}
	rested := now == w.last
	w.last = now
	if !rested || now == w.given {
		return nil, false, nil
	}
	w.given = now
	return content, true, err
}

func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
