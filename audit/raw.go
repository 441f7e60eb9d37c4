package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Raw is a record as it stands in the log. Its bytes are only lent: they are
// valid until the function that was called with it returns.
type Raw struct {
	Index int64
	Leaf  []byte // the line that the tree has hashed: RFC 6962's leaf, a JSON object
	Body  []byte // what may be erased, a JSON object; nil: there is none, or it was erased
}

// Erased reports whether the record had a body that is gone.
func (r Raw) Erased() bool { return r.Body == nil && commitment(r.Leaf) != nil }

// Clone returns a copy that may be kept.
func (r Raw) Clone() Raw { return Raw{r.Index, bytes.Clone(r.Leaf), bytes.Clone(r.Body)} }

func (r Raw) holds(text []byte) bool {
	return bytes.Contains(r.Leaf, text) || bytes.Contains(r.Body, text)
}

// Record decodes it.
func (r Raw) Record() (Record, error) {
	var rec Record
	err := r.decode(&rec)
	return rec, err
}

// decode lays what the record says over what rec holds.
func (r Raw) decode(rec *Record) error {
	if err := json.Unmarshal(r.Leaf, rec); err != nil {
		return fmt.Errorf("audit record %d cannot be read: %w", r.Index, err)
	}
	if r.Body != nil {
		if err := json.Unmarshal(r.Body, rec); err != nil {
			return fmt.Errorf("body of audit record %d cannot be read: %w", r.Index, err)
		}
	}
	rec.Erased = rec.Erased || r.Erased()
	return nil
}

// leafIndex reads the index of a record line as Append writes it.
func leafIndex(line []byte) (int64, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(indexHead))
	if !ok {
		return 0, false
	}
	digits, _, ok := bytes.Cut(rest[:min(len(rest), segmentDigits)], []byte(","))
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return n, err == nil
}
