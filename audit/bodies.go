package audit

import (
	"bytes"
	"encoding/json"
	"slices"
)

// The events of records that are taken away, in whole or in part; Record.Spans
// says which.
const (
	EventErased   = "audit.erased"   // bodies, by somebody's will
	EventDropped  = "audit.dropped"  // bodies, because audit.keep is over
	EventArchived = "audit.archived" // whole segments, to another place
)

// bodies is what Verify knows of the bodies: that each is the one its leaf
// commits to, or that its erasure is on record.
type bodies struct {
	owed     []byte // the commitment of the record before, whose body must come next
	of       int64  // that record's index
	gone     []Span // bodies that are not there
	erased   []Span // bodies that a record says were taken away
	archived []Span // records that a record says were moved away
}

// leaf takes in a record.
func (b *bodies) leaf(index int64, line []byte) {
	b.settle()
	if c := commitment(line); c != nil {
		b.owed, b.of = append(b.owed[:0], c...), index
	}
}

// event takes in what an event says of other records.
func (b *bodies) event(index int64, line []byte) {
	if !bytes.Contains(line, []byte(`,"spans":[`)) {
		return
	}
	var r struct {
		Event string `json:"event"`
		Spans []Span `json:"spans"`
	}
	if json.Unmarshal(line, &r) != nil {
		return
	}
	for _, s := range r.Spans {
		s.End = min(s.End, index)
		switch {
		case s.First >= s.End:
		case r.Event == EventErased || r.Event == EventDropped:
			b.erased = append(b.erased, s)
		case r.Event == EventArchived:
			b.archived = append(b.archived, s)
		}
	}
}

// join adds what the next segment has.
func (b *bodies) join(next *bodies) {
	next.settle()
	for _, s := range next.gone {
		if n := len(b.gone); n > 0 && b.gone[n-1].End == s.First {
			b.gone[n-1].End = s.End
		} else {
			b.gone = append(b.gone, s)
		}
	}
	b.erased = append(b.erased, next.erased...)
	b.archived = append(b.archived, next.archived...)
}

// moved is how many records from the first on were moved away, as records say.
func (b *bodies) moved() int64 {
	if list := union(b.archived); len(list) > 0 && list[0].First == 0 {
		return list[0].End
	}
	return 0
}

// settle is for a record whose body has not come.
func (b *bodies) settle() {
	if len(b.owed) > 0 {
		b.gone = addIndex(b.gone, b.of)
		b.owed = b.owed[:0]
	}
}

// body takes in a body line; it reports whether it is the one that is owed.
func (b *bodies) body(line []byte) bool {
	if len(b.owed) == 0 {
		return false
	}
	text, ok := parseBodyLine(line)
	if !ok {
		blank := bytes.TrimRight(line[len(bodyHead):], " "+bodyTail)
		b.settle()
		return len(blank) == 0
	}
	good := matches(b.owed, text)
	b.owed = b.owed[:0]
	return good
}

// missing returns the first body that is not there though nothing says that it
// was taken away; -1: there is none.
func (b *bodies) missing() int64 {
	b.settle()
	erased := union(b.erased)
	for _, s := range b.gone {
		for len(erased) > 0 && erased[0].End <= s.First {
			erased = erased[1:]
		}
		if len(erased) == 0 || s.First < erased[0].First {
			return s.First
		}
		if s.End > erased[0].End {
			return erased[0].End
		}
	}
	return -1
}

// count is how many bodies are not there.
func count(spans []Span) (n int64) {
	for _, s := range spans {
		n += s.End - s.First
	}
	return n
}

// addIndex adds an index that is above all before.
func addIndex(spans []Span, index int64) []Span {
	if n := len(spans); n > 0 && spans[n-1].End == index {
		spans[n-1].End++
		return spans
	}
	return append(spans, Span{index, index + 1})
}

// union sorts spans and joins those that touch.
func union(spans []Span) []Span {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b Span) int { return int(a.First - b.First) })
	var out []Span
	for _, s := range spans {
		if n := len(out); n > 0 && s.First <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, s.End)
			continue
		}
		out = append(out, s)
	}
	return out
}
