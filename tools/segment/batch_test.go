package segment

import (
	"encoding/json"
	"testing"
)

// However large the events are, the parts follow each other without a gap, and keep to
// the bounds as far as there is more than one event in them.
func FuzzSplit(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint16(5), uint8(2))
	f.Add([]byte{}, uint16(0), uint8(0))
	f.Add([]byte{255, 255, 255, 0, 0}, uint16(256), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, most uint16, events uint8) {
		sizes := make([]int, len(data))
		for i, b := range data {
			sizes[i] = int(b)
		}
		limit := max(1, int(events))
		next := 0
		for _, p := range split(sizes, int(most), limit) {
			if p.from != next || p.to <= p.from {
				t.Fatalf("%+v comes where %d was due", p, next)
			}
			bytes := 0
			for _, n := range sizes[p.from:p.to] {
				bytes += n + 1
			}
			if n := p.to - p.from; n > limit || n > 1 && bytes > int(most) {
				t.Fatalf("%+v: %d events, %d bytes; the bounds are %d and %d", p, n, bytes, limit, most)
			}
			next = p.to
		}
		if next != len(sizes) {
			t.Fatalf("%d of %d were left out", len(sizes)-next, len(sizes))
		}
	})
}

// Whatever a caller sends, an event is refused in a sentence, or goes out whole and
// within the bounds.
func FuzzBatch(f *testing.F) {
	f.Add(`[{"type":"track","user_id":"u","event":"E","properties":{"a":[1,{"b":null}]}}]`)
	f.Add(`[{"type":"identify","anonymous_id":"a","traits":{"x":"<&>"}},{"type":"page","user_id":"u","message_id":"m"}]`)
	f.Add(`[{"type":"group","user_id":"u","group_id":"g","timestamp":"yesterday 9:00"}]`)
	s := &service{now: atMoment}
	f.Fuzz(func(t *testing.T, text string) {
		var in []event
		if json.Unmarshal([]byte(text), &in) != nil {
			return
		}
		lines, ids, err := s.lines(in, "call")
		if err != nil {
			return
		}
		body, err := s.batchBody(lines)
		if err != nil {
			t.Fatal(err)
		}
		var sent struct {
			Batch []message `json:"batch"`
		}
		if err := json.Unmarshal(body, &sent); err != nil || len(sent.Batch) != len(in) || len(ids) != len(in) {
			t.Fatalf("%d events became %d (%v): %s", len(in), len(sent.Batch), err, body)
		}
		for i, m := range sent.Batch {
			if m.MessageID == "" || m.MessageID != ids[i] || m.UserID != in[i].UserID || m.Type != in[i].Type || len(lines[i]) > maxEvent {
				t.Fatalf("event %d: %+v", i, m)
			}
		}
	})
}
