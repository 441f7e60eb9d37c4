package segment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

type batchIn struct {
	Events []event `json:"events"`
}

// Batch is the answer of segment_send_batch.
type Batch struct {
	Accepted int    `json:"accepted"` // events
	Requests int    `json:"requests"` // that it took
	FirstID  string `json:"first_message_id"`
	LastID   string `json:"last_message_id"`
}

// Text says how many were accepted, and in how many requests.
func (b Batch) Text() string {
	return fmt.Sprintf("Segment accepted %s in %s, in order: message_id %s to %s. They are processed later, without a word if one is dropped.", several(b.Accepted, "event"), several(b.Requests, "request"), b.FirstID, b.LastID)
}

// sendBatch checks all events first, and sends them in the order in which they were
// given, in as many requests as Segment's limits on a batch take.
func (s *service) sendBatch(ctx context.Context, c *upstream.Client, in batchIn) (Batch, error) {
	lines, ids, err := s.lines(in.Events, c.CallID())
	if err != nil {
		return Batch{}, err
	}
	sizes := make([]int, len(lines))
	for i, line := range lines {
		sizes[i] = len(line)
	}
	parts := split(sizes, maxBatchBytes, maxBatchEvents)
	for n, part := range parts {
		body, err := s.batchBody(lines[part.from:part.to])
		if err != nil {
			return Batch{}, err
		}
		if err := deliver(ctx, c, "/v1/batch", body); err != nil {
			return Batch{}, broken(err, part, len(lines), ids)
		}
		c.Progress(float64(part.to), float64(len(lines)), fmt.Sprintf("batch %d of %d accepted", n+1, len(parts)))
	}
	return Batch{Accepted: len(lines), Requests: len(parts), FirstID: ids[0], LastID: ids[len(ids)-1]}, nil
}

// maxComplaints is how many of the wrong events an error names.
const maxComplaints = 5

// lines are the events as they are sent, and their ids. An event without an id gets
// that of the call and its place: in a repetition of the call it is the same again.
func (s *service) lines(events []event, call string) (lines [][]byte, ids []string, err error) {
	var complaints []string
	complain := func(i int, wrong string) {
		complaints = append(complaints, fmt.Sprintf("events[%d]: %s", i, wrong))
	}
	seen := map[string]int{}
	for i, e := range events {
		m, wrong := s.written(e, fmt.Sprintf("%s-%d", call, i))
		if wrong != "" {
			complain(i, wrong)
			continue
		}
		if before, twice := seen[m.MessageID]; twice {
			complain(i, fmt.Sprintf("it has the message_id of events[%d], and Segment keeps one of each id.", before))
			continue
		}
		seen[m.MessageID] = i
		line, err := encoded(m)
		switch {
		case err != nil:
			complain(i, "it cannot be written as JSON.")
		case len(line) > maxEvent:
			complain(i, e.tooLarge(len(line)))
		default:
			lines, ids = append(lines, line), append(ids, m.MessageID)
		}
	}
	if len(complaints) > 0 {
		more := ""
		if n := len(complaints) - maxComplaints; n > 0 {
			more = fmt.Sprintf(" %d more are wrong.", n)
			complaints = complaints[:maxComplaints]
		}
		return nil, nil, fault.Wrong("Segment would drop some of these in silence, so nothing was sent. %s%s", strings.Join(complaints, " "), more)
	}
	if len(lines) == 0 {
		return nil, nil, fault.Wrong("events is empty. Nothing was sent.")
	}
	return lines, ids, nil
}

// span is a part of a list: from its first to before its last.
type span struct{ from, to int }

// split divides things of so many bytes into parts that follow each other, with most
// bytes and events at most; a comma between two counts. A thing larger than a part
// stands in one of its own.
func split(sizes []int, most, events int) []span {
	var parts []span
	from, total := 0, 0
	for i, n := range sizes {
		if i > from && (total+n+1 > most || i-from >= events) {
			parts = append(parts, span{from, i})
			from, total = i, 0
		}
		total += n + 1
	}
	if from < len(sizes) {
		parts = append(parts, span{from, len(sizes)})
	}
	return parts
}

// batchBody is a request of events that are written already.
func (s *service) batchBody(lines [][]byte) ([]byte, error) {
	envelope, err := encoded(struct {
		Context *origin         `json:"context"`
		SentAt  string          `json:"sentAt"`
		Batch   json.RawMessage `json:"batch"`
	}{ours(), s.now().UTC().Format(stamp), json.RawMessage("[]")})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Write(bytes.TrimSuffix(envelope, []byte("]}")))
	b.Write(bytes.Join(lines, []byte(",")))
	b.WriteString("]}")
	return b.Bytes(), nil
}

// broken says how far a batch came before it failed.
func broken(err error, part span, total int, ids []string) error {
	again := fmt.Sprintf("as it was, each event with its message_id, the first of them being %q", ids[part.from])
	var f *fault.Error
	if part.from == 0 && part.to == total || !errors.As(err, &f) {
		return inDoubt(err, again)
	}
	g := *f
	g.Message = fmt.Sprintf("Of the %d events, events[0] to events[%d] were accepted; from events[%d] on they were not, or that is not certain: %s Send those alone again, %s.", total, part.from-1, part.from, f.Message, again)
	if part.from == 0 {
		g.Message = fmt.Sprintf("None of the %d events was certainly accepted: %s Send them again %s.", total, f.Message, again)
	}
	g.NotSent = g.NotSent && part.from == 0
	return &g
}
