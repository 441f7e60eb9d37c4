package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"toolvault/audit"
)

// Digest is the RFC 6962 leaf hash of a record: what the log's tree holds of it.
type Digest [sha256.Size]byte

func digest(leaf []byte) Digest {
	h := sha256.New()
	_, _ = h.Write([]byte{0}) // RFC 6962, section 2.1
	_, _ = h.Write(leaf)
	return Digest(h.Sum(nil))
}

// Record is one record of a log on its way. It may be kept.
type Record struct {
	Index  int64
	ID     string // see ID
	JSON   []byte // one object on one line, without a newline: see NewRecord
	Digest Digest

	raw audit.Raw
}

// NewRecord makes of a record what is sent: an object with the members id and log,
// and then those of audit.Record, as `toolvault audit query -o json` prints them.
// A body that is gone shows as "erased": true; the salt of one that is there, and
// what the leaf has of it, are left out.
func NewRecord(log string, raw audit.Raw) (Record, error) {
	r := Record{Index: raw.Index, ID: ID(log, raw.Index), Digest: digest(raw.Leaf), raw: raw.Clone()}
	var ok bool
	if r.JSON, ok = splice(r.ID, log, raw); ok {
		return r, nil
	}
	rec, err := raw.Record()
	if err == nil {
		r.JSON, err = encode(r.ID, log, rec)
	}
	return r, err
}

// Decode is what it says.
func (r *Record) Decode() (audit.Record, error) { return r.raw.Record() }

// EventRefused is the event of a record that tells of a Refusal. One that is refused
// itself is not told of again: there would be no end to it.
const EventRefused = "audit.mirror.refused"

// lineHead is how every record begins that NewRecord has made.
const lineHead = `{"id":"`

// ID is the id of a record, the same wherever it goes.
func ID(log string, index int64) string { return log + ":" + strconv.FormatInt(index, 10) }

// The bounds of what the log has beside what is sent: a leaf ends in the hash of its
// body, and a body begins with its salt (package audit).
const (
	commitmentHead = `,"body":"`
	commitmentSize = 44 // base64 of 32 bytes
	saltHead       = `{"salt":"`
)

// splice lays the lines of the log side by side, at a fifth of the cost of decoding
// them, which every mirror pays for each record; ok is false where they look
// otherwise than Append writes them.
func splice(id, log string, raw audit.Raw) (text []byte, ok bool) {
	leaf, body := raw.Leaf, raw.Body
	if !isObject(leaf) || body != nil && !isObject(body) {
		return nil, false
	}
	members := leaf[1 : len(leaf)-1]
	erased := raw.Erased()
	if body != nil || erased {
		i := len(members) - len(commitmentHead) - commitmentSize - 1
		if i < 0 || !bytes.HasPrefix(members[i:], []byte(commitmentHead)) {
			return nil, false
		}
		members = members[:i]
	}
	if body != nil {
		rest, ok := bytes.CutPrefix(body, []byte(saltHead))
		if !ok {
			return nil, false
		}
		salt, rest, ok := bytes.Cut(rest, []byte(`"`))
		if !ok || bytes.IndexByte(salt, '\\') >= 0 {
			return nil, false
		}
		body = rest[:len(rest)-1]
	}
	b := make([]byte, 0, len(id)+len(log)+len(members)+len(body)+48)
	b = append(b, lineHead...)
	b = append(quoted(b, id), `","log":"`...)
	b = append(quoted(b, log), `",`...)
	b = append(append(b, members...), body...)
	if erased {
		b = append(b, `,"erased":true`...)
	}
	return append(b, '}'), true
}

// isObject reports whether a line is an object of JSON that has members.
func isObject(line []byte) bool {
	return len(line) > 2 && line[0] == '{' && line[1] == '"' && line[len(line)-1] == '}' && bytes.IndexByte(line, '\n') < 0 && json.Valid(line)
}

// quoted appends a text as it stands between quotes in JSON.
func quoted(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // of a string it cannot fail
	return append(b, text[1:len(text)-1]...)
}

func encode(id, log string, r audit.Record) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		ID  string `json:"id"`
		Log string `json:"log"`
		audit.Record
	}{id, log, r})
	if err != nil {
		return nil, fmt.Errorf("record %d cannot be written as JSON: %w", r.Index, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Filter selects records. An empty list selects all.
type Filter struct {
	Agents, Services []string
	Outcomes         []string // "ok", or what a failure is called; a record that tells of none, such as an intent, has ""
}

// match selects what tells of an erasure too, whatever the filter: a place that was
// given what is erased has to know.
func (f *Filter) match(raw audit.Raw) (bool, error) {
	if len(f.Agents) == 0 && len(f.Services) == 0 && len(f.Outcomes) == 0 {
		return true, nil
	}
	var r struct{ Event, Agent, Service, Outcome string }
	if err := json.Unmarshal(raw.Leaf, &r); err != nil {
		return false, fmt.Errorf("record %d cannot be read: %w", raw.Index, err)
	}
	if r.Event == audit.EventErased || r.Event == audit.EventDropped {
		return true, nil
	}
	return has(f.Agents, r.Agent) && has(f.Services, r.Service) && has(f.Outcomes, r.Outcome), nil
}

func has(list []string, word string) bool { return len(list) == 0 || slices.Contains(list, word) }

// lot makes what is sent of what the log holds. A record that cannot be read is
// none that this program has written; Verify names it, and it is passed over as a
// refused one is.
func (m *Mirror) lot(ctx context.Context, list []audit.Raw) (Lot, error) {
	last := list[len(list)-1]
	lot := Lot{Log: m.Log, First: list[0].Index, End: last.Index + 1, Mark: digest(last.Leaf), Records: make([]Record, 0, len(list))}
	for _, raw := range list {
		ok, err := m.Filter.match(raw)
		if err == nil && !ok {
			continue
		}
		var r Record
		if err == nil {
			r, err = NewRecord(m.Log, raw)
		}
		if err != nil {
			if err := m.refuse(ctx, Refusal{Mirror: m.Name, First: raw.Index, End: raw.Index + 1, Count: 1, Reason: err}, nil); err != nil {
				return Lot{}, err
			}
			continue
		}
		lot.Records = append(lot.Records, r)
	}
	return lot, nil
}

// halves cuts a lot of several records in two.
func (l Lot) halves() (left, right Lot) {
	left, right = l, l
	n := len(l.Records) / 2
	left.Records, right.Records = l.Records[:n:n], l.Records[n:]
	last := &left.Records[n-1]
	left.End, left.Mark = last.Index+1, last.Digest
	right.First = left.End
	return left, right
}
