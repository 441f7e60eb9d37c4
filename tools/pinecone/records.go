package pinecone

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// Bounds on what an answer carries, so that it does not drown the conversation.
const (
	maxValue  = 500      // characters of a field's value
	maxFields = 40       // fields of a record
	maxBudget = 48 << 10 // bytes of all records of an answer
)

// Record is a stored record. Its vector is told by its dimension.
type Record struct {
	ID     string         `json:"id"`
	Fields map[string]any `json:"fields"`
	Vector
}

func (r Record) line() string {
	return strings.TrimRight(shown(r.ID)+"  "+line(r.Fields)+r.text(), " ")
}

// fields are a record's, bounded and cleaned for a model. What is left out is
// the later names in alphabetical order.
func fields(raw map[string]json.RawMessage) map[string]any {
	names := make([]string, 0, len(raw))
	for n := range raw {
		names = append(names, n)
	}
	slices.Sort(names)
	out := map[string]any{}
	for _, n := range names[:min(len(names), maxFields)] {
		out[upstream.Clean(n, 100)] = upstream.CleanJSON(raw[n], maxValue)
	}
	return out
}

// size is about what the fields cost in an answer.
func size(f map[string]any) int {
	n := 0
	for k, v := range f {
		n += len(k) + 8
		if s, ok := v.(string); ok {
			n += len(s)
		}
	}
	return n
}

// cost is about what a record's vector costs in an answer.
func (v Vector) cost() int { return valueCost*len(v.Values) + 2*valueCost*len(v.Sparse) }

// line writes the fields of a record in one line, the values marked as somebody
// else's words.
func line(f map[string]any) string {
	names := make([]string, 0, len(f))
	for n := range f {
		names = append(names, n)
	}
	slices.Sort(names)
	parts := make([]string, 0, len(f))
	for _, n := range names {
		value := upstream.Clean(fmt.Sprint(f[n]), maxValue)
		if _, text := f[n].(string); text {
			value = upstream.Quote(value)
		}
		parts = append(parts, shown(n)+": "+value)
	}
	return strings.Join(parts, " · ")
}

var plainWord = pattern.New(`^[\w.:#/@+-]{1,100}$`)

// shown is an id or a name in a text: as it is where it can be nothing else, marked
// as somebody else's words where it could say something.
func shown(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return upstream.Quote(upstream.Clean(s, 512))
}

func shownAll(all []string) string {
	parts := make([]string, len(all))
	for i, s := range all {
		parts[i] = shown(s)
	}
	return strings.Join(parts, ", ")
}

// lsn reads a log sequence number from a header: what is written is visible to
// reads once their number has reached the write's. nil where there is none.
func lsn(h http.Header, header string) *int64 {
	n, err := strconv.ParseInt(h.Get(header), 10, 64)
	if err != nil || n < 0 {
		return nil
	}
	return &n
}

const (
	headerWritten = "X-Pinecone-Request-Lsn"
	headerIndexed = "X-Pinecone-Max-Indexed-Lsn"
)

// Seen says how far a read has seen the writes to its namespace.
type Seen struct {
	IndexedLSN *int64 `json:"indexed_lsn,omitempty"`
	Fresh      *bool  `json:"fresh,omitempty"` // whether it saw the write that was asked for
	Note       string `json:"note,omitempty"`
}

// judge compares with the write that the caller asked for.
func (s *Seen) judge(wanted int64) {
	if wanted == 0 {
		return
	}
	if s.IndexedLSN == nil {
		s.add("Pinecone did not say how far it is, so whether the write is in is not known.")
		return
	}
	fresh := *s.IndexedLSN >= wanted
	s.Fresh = &fresh
	if !fresh {
		s.add(fmt.Sprintf("Not fresh: this read has seen writes up to lsn %d, not yet %d. Ask again in a few seconds.", *s.IndexedLSN, wanted))
	}
}

func (s *Seen) add(note string) {
	if note == "" {
		return
	}
	s.Note = strings.TrimSpace(s.Note + " " + note)
}

func (s Seen) end() string {
	if s.Note == "" {
		return ""
	}
	return s.Note + "\n"
}
