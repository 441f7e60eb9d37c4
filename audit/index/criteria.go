package index

import (
	"math"
	"time"

	"toolvault/audit"
	"toolvault/audit/words"
)

// criterion is one thing that a filter asks for: a value of a column, a call, or
// a word.
type criterion struct {
	kind   int
	column int
	key    uint64
	open   bool // also fits a write without an outcome
}

const (
	ofColumn = iota
	ofCall
	ofWord
)

// maxCriteria bounds them; what a filter asks beyond is checked on the records.
const maxCriteria = 64

// wish is a filter as blocks understand it.
type wish struct {
	audit.Filter
	criteria     []criterion
	words        []string
	since, until int64 // ms
}

func newWish(f audit.Filter) wish {
	w := wish{Filter: f, since: math.MinInt64, until: math.MaxInt64}
	if !f.Since.IsZero() {
		w.since = f.Since.UnixMilli()
	}
	if !f.Until.IsZero() {
		w.until = f.Until.UnixMilli()
	}
	if f.CallID != "" {
		w.criteria = append(w.criteria, criterion{kind: ofCall, key: hash([]byte(f.CallID))})
	}
	for _, c := range [...]struct {
		column int
		value  string
	}{
		{byToolCall, f.ToolCallID}, {byCorrelation, f.CorrelationID}, {byUser, f.User}, {byAgent, f.Agent},
		{byCredential, f.CredentialID}, {byTool, f.Tool}, {byService, f.Service}, {byStatus, f.Outcome},
	} {
		if c.value != "" {
			w.criteria = append(w.criteria, criterion{
				kind: ofColumn, column: c.column, key: uint64(short(hash([]byte(c.value)))),
				open: c.column == byStatus && (c.value == audit.StatusPending || c.value == audit.StatusUnknown),
			})
		}
	}
	w.words = words.Of(f.Text)
	for _, word := range w.words {
		if len(w.criteria) < maxCriteria {
			w.criteria = append(w.criteria, criterion{kind: ofWord, key: uint64(short(hash([]byte(word))))})
		}
	}
	return w
}

// all is the mask of something that fits every criterion.
func (w *wish) all() uint64 { return 1<<len(w.criteria) - 1 }

// judged is what a block says of a wish.
type judged struct {
	*view
	rows            // entries are those of the wanted time and place
	start  int64    // index of its first record
	fits   []rowSet // by criterion
	tooOld bool     // an entry is older than Query would look
}

const clockSlack = time.Hour // as Query has it

// judge looks at a block.
func (w *wish) judge(v *view) (*judged, error) {
	j := &judged{view: v, start: v.number * v.per}
	var err error
	if j.rows, err = v.rows(); err != nil {
		return nil, err
	}
	if !w.Since.IsZero() {
		j.tooOld = v.minEntry < w.Since.Add(-clockSlack).UnixMilli()
	}
	within, err := v.during(w.since, w.until)
	if err != nil {
		return nil, err
	}
	j.entries.and(within)
	if w.Before > 0 {
		before := new(rowSet)
		before.fill(0, int(min(max(w.Before-j.start, 0), blockRows)))
		j.entries.and(before)
	}
	if j.entries.empty() && len(j.loose) == 0 {
		j.fits = make([]rowSet, len(w.criteria)) // nobody will ask
		return j, nil
	}
	for _, c := range w.criteria {
		var set rowSet
		if c.open {
			set.or(j.open)
		}
		if err := v.meets(c, &set); err != nil {
			return nil, err
		}
		j.fits = append(j.fits, set)
	}
	return j, nil
}

// meets adds the rows that may meet a criterion.
func (v *view) meets(c criterion, to *rowSet) error {
	switch c.kind {
	case ofCall:
		return v.ofCall(c.key, to)
	case ofWord:
		return v.saying(uint32(c.key), to)
	}
	return v.having(c.column, uint32(c.key), to)
}

// mask tells which criteria a row may meet.
func (j *judged) mask(row int) (m uint64) {
	for i := range j.fits {
		if j.fits[i].has(row) {
			m |= 1 << i
		}
	}
	return m
}

// candidates are the entries that may meet all.
func (j *judged) candidates() rowSet {
	set := *j.entries
	for i := range j.fits {
		set.and(&j.fits[i])
	}
	return set
}
