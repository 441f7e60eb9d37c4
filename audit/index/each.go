package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"toolvault/audit"
)

// maxCarried bounds the outcomes that wait for their intent.
const maxCarried = 1 << 20

// Each calls fn with the entries that a filter selects, newest first by the time
// they began, as audit.Query would return them, but it reads only where they may
// be, and holds no more than a few thousand at a time in memory. It sees the log
// as it is when it begins. progress, if not nil, hears of blocks that had to be
// built first. An error of fn ends it and is returned.
func Each(ctx context.Context, dir string, f audit.Filter, progress Progress, fn func(audit.Entry) error) error {
	return each(ctx, dir, blockRows, f, progress, time.Now(), fn)
}

// errEnough ends a walk that has found what it may.
var errEnough = errors.New("that is enough")

func each(ctx context.Context, dir string, per int64, f audit.Filter, progress Progress, now time.Time, fn func(audit.Entry) error) error {
	lib, err := openLibrary(ctx, dir, per, progress)
	if err != nil {
		return err
	}
	w := walk{lib: lib, wish: newWish(f), now: now, fn: fn, records: newRecords(dir), carried: map[uint64]outcome{}}
	defer w.records.close()
	err = w.run(ctx)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// outcome is one whose intent is in an earlier block.
type outcome struct {
	index int64
	meets uint64 // the criteria that it meets, as a mask
}

// walk goes through the blocks, newest first.
type walk struct {
	lib     *library
	wish    wish
	now     time.Time
	fn      func(audit.Entry) error
	records *records
	found   int
	carried map[uint64]outcome // by the hash of the call's id
	tooOld  bool
}

func (w *walk) run(ctx context.Context) error {
	for j, err := range w.lib.newest(ctx, &w.wish) {
		if err != nil {
			return err
		}
		if err := w.block(ctx, j); err != nil {
			return err
		}
	}
	return w.orphans(ctx)
}

// block takes in one block: it joins its intents to the outcomes of later ones,
// as a reading backwards would, and hands out what fits.
func (w *walk) block(ctx context.Context, j *judged) error {
	w.tooOld = w.tooOld || j.tooOld
	joined, err := w.join(ctx, j)
	if err != nil {
		return err
	}
	for _, l := range j.loose {
		if _, ok := w.carried[l.id]; !ok && len(w.carried) < maxCarried {
			w.carried[l.id] = outcome{j.start + int64(l.row), j.mask(l.row)}
		}
	}
	set := j.candidates()
	for row, o := range joined {
		set.remove(row)
		if j.entries.has(row) && j.mask(row)|o.meets == w.wish.all() {
			set.add(row)
		}
	}
	if set.empty() {
		return nil
	}
	var outcomes pairs
	err = w.lib.mend(ctx, j, func() (err error) { outcomes, err = j.outcomes(); return err })
	if err != nil {
		return err
	}
	return w.emit(ctx, &set, func(row int) pair {
		p := pair{first: j.start + int64(row)}
		if o, ok := joined[row]; ok {
			p.outcome = o.index
		} else if o := outcomes.of(row); o >= 0 {
			p.outcome = j.start + int64(o)
		}
		return p
	})
}

// join finds the intents whose outcome is in a later block, by their row.
func (w *walk) join(ctx context.Context, j *judged) (map[int]outcome, error) {
	if len(w.carried) == 0 {
		return nil, nil
	}
	joined := map[int]outcome{}
	take := func(id uint64, row int) {
		joined[row] = w.carried[id]
		delete(w.carried, id)
	}
	for _, t := range j.takers { // nearly always
		if _, ok := w.carried[t.id]; ok {
			take(t.id, t.row)
		}
	}
	// Or a call has ended twice: the last outcome counts, also where there is another
	// in the block.
	for id := range w.carried {
		var rows rowSet
		if err := w.lib.mend(ctx, j, func() error { return j.ofCall(id, &rows) }); err != nil {
			return nil, err
		}
		rows.and(j.intents)
		if row := rows.last(blockRows); row >= 0 {
			take(id, row)
		}
	}
	return joined, nil
}

// emit hands out the entries of some rows that fit, the last first.
func (w *walk) emit(ctx context.Context, set *rowSet, of func(row int) pair) error {
	n := maxRead
	for below := blockRows; ; {
		var list []pair
		if w.wish.Limit > 0 {
			n = min(n, max(32, 2*(w.wish.Limit-w.found)))
		}
		next := below
		for len(list) < n {
			row := set.last(next)
			if row < 0 {
				break
			}
			list = append(list, of(row))
			next = row
		}
		if len(list) == 0 {
			return nil
		}
		err := w.records.read(ctx, list, w.entry)
		if errors.Is(err, errTooMuch) && len(list) > 1 {
			n = len(list) / 2
			continue
		}
		if err != nil {
			return err
		}
		below = next
	}
}

// entry hands out an entry, if it fits.
func (w *walk) entry(first, outcome audit.Raw) error {
	if !w.records.says(first, outcome, w.wish.words) {
		return nil
	}
	e, err := audit.Join(first, outcome, w.now)
	if err != nil || !w.wish.Match(&e) {
		return nil // what cannot be read is for audit.Verify to name
	}
	if err := w.fn(e); err != nil {
		return err
	}
	w.found++
	if w.wish.Limit > 0 && w.found >= w.wish.Limit {
		return errEnough
	}
	return nil
}

// orphans hands out the outcomes whose intent is not in the log.
func (w *walk) orphans(ctx context.Context) error {
	if w.tooOld {
		return nil
	}
	var list []pair
	for _, o := range w.carried {
		if o.meets == w.wish.all() {
			list = append(list, pair{first: o.index})
		}
	}
	slices.SortFunc(list, func(a, b pair) int { return cmp.Compare(b.first, a.first) })
	for part := range slices.Chunk(list, 64) {
		if err := w.records.read(ctx, part, w.entry); err != nil {
			return fmt.Errorf("outcomes without an intent: %w", err)
		}
	}
	return nil
}
