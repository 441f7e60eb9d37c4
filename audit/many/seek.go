package many

import (
	"errors"
	"sort"
	"time"

	"toolvault/audit"
	"toolvault/audit/internal/leaf"
)

// Slack is how much older a record may be than one before it, by clocks that were
// set and processes that took turns. Readers look that much further.
const Slack = time.Hour

// Seek returns the index of a record behind which none is older than t, as far as
// clocks were within Slack of each other, and the number of records in the log. It
// reads a few dozen records.
func Seek(dir string, t time.Time) (index, size int64, err error) {
	size, _, err = audit.Newest(dir)
	if err != nil || t.IsZero() {
		return 0, size, err
	}
	r := audit.NewReader(dir)
	defer func() { _ = r.Close() }()
	t = t.Add(-Slack)
	n := sort.Search(int(size), func(i int) bool {
		if err != nil {
			return true
		}
		raw, e := r.At(int64(i))
		if errors.Is(e, audit.ErrNoRecord) { // moved away: what is gone is the oldest
			return false
		}
		if err = e; err != nil {
			return true
		}
		return !timeOf(raw).Before(t)
	})
	return int64(n), size, err
}

// timeOf is the time of a record, zero where it has none.
func timeOf(r audit.Raw) time.Time {
	m := leaf.Of(r.Leaf)
	for m.Next() {
		if string(m.Name) == "time" {
			return leaf.Time(m.Value)
		}
	}
	return time.Time{}
}
