package index

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"toolvault/audit"
	"toolvault/audit/internal/leaf"
	"toolvault/audit/words"
)

// The columns: fields of which a block tells which records have which value.
const (
	byAgent = iota
	byUser
	byService
	byTool // and by the name of an event
	byToolCall
	byCredential
	byCorrelation
	byStatus
	columns
)

// builder takes in the records of one block, in order.
type builder struct {
	number int64 // of the block
	per    int64 // records of a block
	start  int64 // index of the block's first record
	first  int   // row of the first record that is there
	count  int
	newest [sha256.Size]byte // of the last leaf

	entries, intents rowSet
	times            []int64  // by row, in ms
	minTime, maxTime int64    // of all rows
	minEntry         int64    // of the rows that begin an entry
	outcomeOf        []uint16 // by an intent's row; 0: none in this block
	calls            []callRow
	state            map[uint64]call
	values           [columns][]uint64 // a value's short hash and the row
	words            wordSets
	wordless         bool // nobody will ask for words
	splitter         words.Splitter
	row              int               // the one that words go to
	take             func(word []byte) // adds a word to it
}

// callRow is a row of a call, by the hash of its id.
type callRow struct {
	id  uint64
	row int
}

// call is what a block has of the intents and outcomes of one call id so far.
type call struct {
	intent int // the last; -1: none
	loose  int // the last outcome before any intent; -1: none
}

func newBuilder(number, per int64) *builder {
	b := &builder{
		number: number, per: per, start: number * per, first: -1,
		times: make([]int64, blockRows), minTime: math.MaxInt64, maxTime: math.MinInt64, minEntry: math.MaxInt64,
		outcomeOf: make([]uint16, blockRows), state: map[uint64]call{},
	}
	b.take = func(word []byte) { b.words.add(b.row/groupRows, short(hash(word))) }
	return b
}

var errFull = errors.New("that is all of the block")

// read builds a block of so many records from the log, as far as it has records
// below end.
func read(ctx context.Context, dir string, number, per, end int64, wordless bool) (*builder, error) {
	b := newBuilder(number, per)
	b.wordless = wordless
	last := min(b.start+per, end) - 1
	_, err := audit.Scan(ctx, dir, b.start, func(r audit.Raw) error {
		if r.Index > last {
			return errFull
		}
		b.add(r)
		if r.Index == last {
			return errFull
		}
		return nil
	})
	if err != nil && !errors.Is(err, errFull) {
		return nil, fmt.Errorf("audit index: %w", err)
	}
	return b, nil
}

// fields are the parts of a record that the index knows.
type fields struct {
	phase                          audit.Phase
	at                             time.Time
	call, outcome                  []byte
	agent, service, tool, event    []byte
	toolCall, credential, relation []byte
}

// fieldsOf reads them without decoding the whole.
func fieldsOf(r audit.Raw) (f fields, ok bool) {
	for m := leaf.Of(r.Leaf); m.Next(); {
		switch string(m.Name) {
		case "time":
			f.at = leaf.Time(m.Value)
		case "phase":
			f.phase = audit.Phase(leaf.Text(m.Value))
		case "event":
			f.event = leaf.Text(m.Value)
		case "call_id":
			f.call = leaf.Text(m.Value)
		case "tool_call_id":
			f.toolCall = leaf.Text(m.Value)
		case "correlation_id":
			f.relation = leaf.Text(m.Value)
		case "agent":
			f.agent = leaf.Text(m.Value)
		case "service":
			f.service = leaf.Text(m.Value)
		case "tool":
			f.tool = leaf.Text(m.Value)
		case "outcome":
			f.outcome = leaf.Text(m.Value)
		case "credential_id":
			f.credential = leaf.Text(m.Value)
		}
	}
	return f, f.phase != "" && !f.at.IsZero()
}

// add takes in a record. One that cannot be read is for audit.Verify to name.
func (b *builder) add(r audit.Raw) {
	row := int(r.Index - b.start)
	if row < 0 || row >= int(b.per) {
		return
	}
	if b.first < 0 {
		b.first = row
	}
	b.count++
	if row == int(b.per)-1 {
		b.newest = sha256.Sum256(r.Leaf)
	}
	f, ok := fieldsOf(r)
	if !ok {
		return
	}
	b.time(row, f.at, f.phase)
	owner := row
	id := hash(f.call)
	switch f.phase {
	case audit.PhaseIntent:
		b.entries.add(row)
		b.intents.add(row)
		b.value(byStatus, f.outcome, row) // it has none; should it have, an outcome without one keeps it
		s, ok := b.state[id]
		if !ok {
			s.loose = -1
		}
		s.intent = row
		b.state[id] = s
	case audit.PhaseOutcome:
		s, ok := b.state[id]
		switch {
		case !ok || s.intent < 0:
			s.intent, s.loose = -1, row
			b.state[id] = s
		default:
			b.outcomeOf[s.intent] = uint16(row)
			owner = s.intent
		}
		b.status(owner, f.outcome)
	default:
		b.entries.add(row)
		b.status(owner, f.outcome)
	}
	if len(f.call) > 0 {
		b.calls = append(b.calls, callRow{id, row})
	}
	b.value(byAgent, f.agent, owner)
	b.value(byService, f.service, owner)
	b.value(byTool, f.tool, owner)
	b.value(byTool, f.event, owner)
	b.value(byToolCall, f.toolCall, owner)
	b.value(byCredential, f.credential, owner)
	b.value(byCorrelation, f.relation, owner)
	b.body(r.Body, owner)
}

// body takes in what may be erased.
func (b *builder) body(body []byte, row int) {
	b.row = row
	for m := leaf.Of(body); m.Next(); {
		if !b.wordless && isSaid(m.Name) {
			b.splitter.JSON(m.Value, b.take)
		}
		if string(m.Name) == "user" {
			b.value(byUser, leaf.Text(m.Value), row)
		}
	}
}

func (b *builder) time(row int, at time.Time, phase audit.Phase) {
	ms := at.UnixMilli()
	b.times[row] = ms
	b.minTime, b.maxTime = min(b.minTime, ms), max(b.maxTime, ms)
	if phase != audit.PhaseOutcome {
		b.minEntry = min(b.minEntry, ms)
	}
}

func (b *builder) status(row int, outcome []byte) {
	if len(outcome) == 0 {
		outcome = []byte("ok")
	}
	b.value(byStatus, outcome, row)
}

func (b *builder) value(column int, value []byte, row int) {
	if len(value) > 0 {
		b.values[column] = append(b.values[column], uint64(short(hash(value)))<<16|uint64(row))
	}
}

// isSaid reports whether a member of a body is one that Filter.Text looks at.
func isSaid(name []byte) bool {
	switch string(name) {
	case "user", "arguments", "result", "message", "account_label":
		return true
	}
	return false
}

// sortedValues are the values of a column, each with its rows in order.
func (b *builder) sortedValues(column int) []uint64 {
	slices.Sort(b.values[column])
	return slices.Compact(b.values[column])
}

// takers are the intents whose outcome may be in a later block, loose the
// outcomes whose intent may be in an earlier one; both by their call's id.
func (b *builder) crossing() (takers, loose []callRow) {
	for id, s := range b.state {
		if s.intent >= 0 && b.outcomeOf[s.intent] == 0 {
			takers = append(takers, callRow{id, s.intent})
		}
		if s.loose >= 0 {
			loose = append(loose, callRow{id, s.loose})
		}
	}
	slices.SortFunc(takers, compareCalls)
	slices.SortFunc(loose, compareCalls)
	return takers, loose
}

func compareCalls(a, b callRow) int {
	return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.row, b.row))
}

// sameLeaf reports whether a leaf has a fingerprint.
func sameLeaf(leaf, fingerprint []byte) bool {
	sum := sha256.Sum256(leaf)
	return bytes.Equal(sum[:len(fingerprint)], fingerprint)
}
