package index

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"toolvault/audit"
	"toolvault/audit/internal/leaf"
	"toolvault/audit/words"
)

const (
	maxRead  = 2048     // entries that are read together
	maxBytes = 32 << 20 // of their records
	nearby   = 128      // records that are rather read than jumped over
)

// errTooMuch is for entries that are too large to be read together.
var errTooMuch = errors.New("too much to be read together")

// pair is the indices of an entry's records; outcome is 0 where there is none.
type pair struct{ first, outcome int64 }

// records reads single records of a log.
type records struct {
	dir      string
	readers  []*audit.Reader // one for each that read side by side
	splitter words.Splitter
}

func newRecords(dir string) *records {
	r := &records{dir: dir}
	for range runtime.GOMAXPROCS(0) {
		r.readers = append(r.readers, audit.NewReader(dir))
	}
	return r
}

func (r *records) close() {
	for _, reader := range r.readers {
		_ = reader.Close()
	}
}

// read calls fn with the records of each pair, in the order of the list. It reads
// them in the order of the log, and at most maxBytes of them: else the error is
// errTooMuch. What is not in the log any more is left out.
func (r *records) read(ctx context.Context, list []pair, fn func(first, outcome audit.Raw) error) error {
	var wanted []int64
	for _, p := range list {
		wanted = append(wanted, p.first)
		if p.outcome > 0 {
			wanted = append(wanted, p.outcome)
		}
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	got, err := r.collect(ctx, wanted, len(list) > 1)
	if err != nil {
		return err
	}
	for _, p := range list {
		first, ok := got[p.first]
		if !ok {
			continue
		}
		var outcome audit.Raw
		if p.outcome > 0 {
			if o, ok := got[p.outcome]; ok && sameCall(first, o) {
				outcome = o
			}
		}
		if err := fn(first, outcome); err != nil {
			return err
		}
	}
	return nil
}

// collect reads records by their sorted indices, some side by side.
func (r *records) collect(ctx context.Context, wanted []int64, bounded bool) (map[int64]audit.Raw, error) {
	var mu sync.Mutex // for got and bytes
	got := make(map[int64]audit.Raw, len(wanted))
	bytes := 0
	keep := func(raw audit.Raw) error {
		raw = raw.Clone()
		mu.Lock()
		defer mu.Unlock()
		if bytes += len(raw.Leaf) + len(raw.Body); bounded && bytes > maxBytes {
			return errTooMuch
		}
		got[raw.Index] = raw
		return nil
	}
	var runs [][]int64
	for len(wanted) > 0 {
		n := 1
		for n < len(wanted) && wanted[n]-wanted[n-1] <= nearby {
			n++
		}
		runs, wanted = append(runs, wanted[:n]), wanted[n:]
	}
	g, ctx := errgroup.WithContext(ctx)
	for i, reader := range r.readers {
		mine := runs[i*len(runs)/len(r.readers) : (i+1)*len(runs)/len(r.readers)]
		if len(mine) == 0 {
			continue
		}
		g.Go(func() error {
			for _, run := range mine {
				if err := r.run(ctx, reader, run, keep); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return got, g.Wait()
}

func one(reader *audit.Reader, index int64, keep func(audit.Raw) error) error {
	raw, err := reader.At(index)
	if errors.Is(err, audit.ErrNoRecord) {
		return nil
	}
	if err != nil {
		return err
	}
	return keep(raw)
}

// run reads some that stand near each other.
func (r *records) run(ctx context.Context, reader *audit.Reader, wanted []int64, keep func(audit.Raw) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("audit index: %w", context.Cause(ctx))
	}
	if len(wanted) == 1 {
		return one(reader, wanted[0], keep)
	}
	_, err := audit.Scan(ctx, r.dir, wanted[0], func(raw audit.Raw) error {
		for len(wanted) > 0 && wanted[0] < raw.Index {
			wanted = wanted[1:]
		}
		if len(wanted) == 0 {
			return errFull
		}
		if wanted[0] != raw.Index {
			return nil
		}
		if err := keep(raw); err != nil {
			return err
		}
		if wanted = wanted[1:]; len(wanted) == 0 {
			return errFull
		}
		return nil
	})
	if errors.Is(err, errFull) {
		return nil
	}
	return err
}

// sameCall reports whether an outcome is of an intent's call.
func sameCall(intent, outcome audit.Raw) bool {
	id := callOf(intent.Leaf)
	return id != "" && id == callOf(outcome.Leaf)
}

func callOf(object []byte) string {
	for m := leaf.Of(object); m.Next(); {
		if string(m.Name) == "call_id" {
			return string(leaf.Text(m.Value))
		}
	}
	return ""
}

// says reports whether all of some words may be in the records: a cheap test
// before they are decoded.
func (r *records) says(first, outcome audit.Raw, wanted []string) bool {
	if len(wanted) == 0 {
		return true
	}
	missing := len(wanted)
	found := make([]bool, len(wanted))
	take := func(word []byte) {
		for i, w := range wanted {
			if !found[i] && string(word) == w {
				found[i] = true
				missing--
			}
		}
	}
	for _, body := range [...][]byte{first.Body, outcome.Body} {
		for m := leaf.Of(body); missing > 0 && m.Next(); {
			if isSaid(m.Name) {
				r.splitter.JSON(m.Value, take)
			}
		}
	}
	return missing == 0
}
