package index

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"
)

// Progress hears how many of the blocks that the index lacked were built. A query
// that has found enough ends before all are.
type Progress func(done, total int)

// library is the blocks of one log for one query.
type library struct {
	shelf    *shelf
	log      extentOf
	have     map[int64]bool
	progress Progress

	mu            sync.Mutex
	done, missing int // blocks
}

func openLibrary(ctx context.Context, dir string, per int64, progress Progress) (*library, error) {
	l := &library{progress: progress}
	var err error
	if l.log, err = measure(ctx, dir); err != nil {
		return nil, err
	}
	full := l.log.size / per
	l.shelf = openShelf(dir, per, full > 0)
	l.have = l.shelf.there()
	l.shelf.check(l.log, l.have)
	for n := l.log.oldest / per; n < full; n++ {
		if !l.have[n] {
			l.missing++
		}
	}
	return l, nil
}

// bounds are the numbers of the first block and of the last, which may not be full.
func (l *library) bounds() (first, last int64) {
	return l.log.oldest / l.shelf.per, (l.log.size+l.shelf.per-1)/l.shelf.per - 1
}

// get opens a block or builds it.
func (l *library) get(ctx context.Context, number int64, wordless bool) (*view, error) {
	if l.have[number] {
		if v, err := l.shelf.open(l.log, number); err == nil {
			return v, nil
		}
	}
	return l.make(ctx, number, wordless)
}

// make builds a block.
func (l *library) make(ctx context.Context, number int64, wordless bool) (*view, error) {
	v, err := l.shelf.build(ctx, l.log, number, wordless)
	if err == nil && l.shelf.full(l.log, number) && l.progress != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.done++
		l.missing = max(l.missing, l.done) // one that was there was damaged
		l.progress(l.done, l.missing)
	}
	return v, err
}

// judge has a block looked at; one that turns out to be damaged is built anew.
func (l *library) judge(ctx context.Context, w *wish, number int64) (*judged, error) {
	v, err := l.get(ctx, number, len(w.words) == 0)
	if err != nil {
		return nil, err
	}
	j, err := w.judge(v)
	if errors.Is(err, errDamaged) {
		_ = v.close()
		if v, err = l.make(ctx, number, len(w.words) == 0); err != nil {
			return nil, err
		}
		j, err = w.judge(v)
	}
	if err != nil {
		_ = v.close()
		return nil, err
	}
	return j, nil
}

// mend reads something of a block and, where that is damaged, builds the block
// anew, which gives the same, and reads again.
func (l *library) mend(ctx context.Context, j *judged, read func() error) error {
	err := read()
	if !errors.Is(err, errDamaged) {
		return err
	}
	v, err := l.make(ctx, j.number, true)
	if err != nil {
		return err
	}
	_ = j.view.close()
	j.view = v
	return read()
}

// newest hands out the blocks, newest first, some of them looked at ahead and side
// by side. What it hands out is closed after.
func (l *library) newest(ctx context.Context, w *wish) iter.Seq2[*judged, error] {
	return func(yield func(*judged, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		type answer struct {
			*judged
			err error
		}
		oldest, next := l.bounds()
		var ahead []chan answer
		ask := func() {
			if next < oldest {
				return
			}
			number, reply := next, make(chan answer, 1)
			next--
			ahead = append(ahead, reply)
			running.Go(func() {
				j, err := l.judge(ctx, w, number)
				reply <- answer{j, err}
			})
		}
		for range runtime.GOMAXPROCS(0) {
			ask()
		}
		stopped := false
		for len(ahead) > 0 {
			a := <-ahead[0]
			ahead = ahead[1:]
			if !stopped {
				ask()
				if stopped = !yield(a.judged, a.err) || a.err != nil; stopped {
					cancel()
				}
			}
			if a.judged != nil {
				_ = a.judged.close()
			}
		}
	}
}
