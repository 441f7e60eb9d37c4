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
	audit.Record
	ID     string // the log's name, a colon, and the index: "toolvault/host:42"
	JSON   []byte // one object on one line, without a newline; see Encode
	Digest Digest
}

// EventRefused is the event of a record that tells of a Refusal. One that is refused
// itself is not told of again: there would be no end to it.
const EventRefused = "audit.mirror.refused"

// lineHead is how every record begins that Encode has made.
const lineHead = `{"id":"`

// ID is the id of a record, the same wherever it goes.
func ID(log string, index int64) string { return log + ":" + strconv.FormatInt(index, 10) }

// Encode is a record as it is sent: an object with the members id and log, and then
// those of audit.Record, as `toolvault audit query -o json` prints them. A body
// that is gone shows as "erased": true.
func Encode(log string, r audit.Record) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		ID  string `json:"id"`
		Log string `json:"log"`
		audit.Record
	}{ID(log, r.Index), log, r})
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
func (f *Filter) match(r *audit.Record) bool {
	if r.Event == audit.EventErased || r.Event == audit.EventDropped {
		return true
	}
	return has(f.Agents, r.Agent) && has(f.Services, r.Service) && has(f.Outcomes, r.Outcome)
}

func has(list []string, word string) bool { return len(list) == 0 || slices.Contains(list, word) }

// lot makes what is sent of what the log holds. A record that cannot be read is
// none that this program has written; Verify names it, and it is passed over as a
// refused one is.
func (m *Mirror) lot(ctx context.Context, list []audit.Raw) (Lot, error) {
	last := list[len(list)-1]
	lot := Lot{Log: m.Log, First: list[0].Index, End: last.Index + 1, Mark: digest(last.Leaf), Records: make([]Record, 0, len(list))}
	for _, raw := range list {
		r, err := raw.Record()
		if err == nil && !m.Filter.match(&r) {
			continue
		}
		var text []byte
		if err == nil {
			text, err = Encode(m.Log, r)
		}
		if err != nil {
			if err := m.refuse(ctx, Refusal{Mirror: m.Name, First: raw.Index, End: raw.Index + 1, Count: 1, Reason: err}, nil); err != nil {
				return Lot{}, err
			}
			continue
		}
		lot.Records = append(lot.Records, Record{r, ID(m.Log, r.Index), text, digest(raw.Leaf)})
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
