package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"time"

	"toolvault/audit/words"
)

// The statuses that are not an outcome.
const (
	StatusPending = "pending" // a write that has begun and may still end
	StatusUnknown = "unknown" // a write that began and never told how it ended
)

const (
	graceAfterDeadline = 5 * time.Second // for the outcome to be written
	longestCall        = 5 * time.Minute // stands for a deadline where an intent has none
)

// Entry is one call, or one event, as a person sees it: the intent and the
// outcome of a write are joined. Its Index and Time are those of the first.
type Entry struct {
	Record
	Status       string `json:"status"`                  // "ok", a fault.Kind, StatusPending or StatusUnknown
	OutcomeIndex int64  `json:"outcome_index,omitempty"` // of a write's outcome; 0: none
}

// Filter selects entries; a zero field selects all.
type Filter struct {
	Agent, User, Service             string
	Tool                             string // or the name of an event: credential.revoked
	CallID, ToolCallID, CredentialID string
	CorrelationID                    string
	Outcome                          string    // an Entry's Status
	Text                             string    // all its words must be in the arguments, result, message, user or account label
	Since, Until                     time.Time // Since is included, Until is not
	Before                           int64     // an Entry's Index, which is not included; 0: all. For going on where a page ended
	Limit                            int       // 0: no limit

	below int64 // only records before this index; 0: all
}

// Match reports whether f selects an entry, Limit aside.
func (f *Filter) Match(e *Entry) bool {
	for _, c := range [...][2]string{
		{f.Agent, e.Agent}, {f.User, e.User}, {f.Service, e.Service}, {f.Tool, cmp.Or(e.Tool, e.Event)},
		{f.CallID, e.CallID}, {f.ToolCallID, e.ToolCallID}, {f.CredentialID, e.CredentialID}, {f.CorrelationID, e.CorrelationID}, {f.Outcome, e.Status},
	} {
		if c[0] != "" && c[0] != c[1] {
			return false
		}
	}
	return (f.Since.IsZero() || !e.Time.Before(f.Since)) && (f.Until.IsZero() || e.Time.Before(f.Until)) &&
		(f.Before == 0 || e.Index < f.Before) && (f.Text == "" || e.says(words.Of(f.Text)))
}

// says reports whether all of some words are in what was said.
func (e *Entry) says(wanted []string) bool {
	missing := len(wanted)
	found := make([]bool, len(wanted))
	take := func(word []byte) {
		for i, w := range wanted {
			if !found[i] && string(word) == w {
				found[i] = true
				missing--
			}
		}
	}
	var s words.Splitter
	for _, text := range [...]string{e.User, e.Message, e.AccountLabel} {
		s.Text([]byte(text), take)
	}
	for _, raw := range [...]json.RawMessage{e.Arguments, e.Result} {
		s.JSON(raw, take)
	}
	return missing == 0
}

// needles are texts of which each must be in one of the lines of an entry that f
// selects: a cheap test before they are decoded.
func (f *Filter) needles() [][]byte {
	var list [][]byte
	for _, c := range [...][2]string{
		{"agent", f.Agent}, {"user", f.User}, {"service", f.Service}, {"", f.Tool},
		{"call_id", f.CallID}, {"tool_call_id", f.ToolCallID}, {"credential_id", f.CredentialID}, {"correlation_id", f.CorrelationID},
	} {
		if c[1] == "" {
			continue
		}
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if enc.Encode(c[1]) == nil {
			needle := bytes.TrimSpace(buf.Bytes())
			if c[0] != "" { // a tool's name may stand under "tool" or "event"
				needle = append([]byte(`"`+c[0]+`":`), needle...)
			}
			list = append(list, needle)
		}
	}
	return list
}

// Join makes an entry of a record and, for a write, its outcome, which has no
// leaf where there is none; the outcome's fields stand over the intent's. now
// tells a write that may still end from one whose outcome is unknown.
func Join(r, outcome Raw, now time.Time) (Entry, error) {
	var e Entry
	if err := r.decode(&e.Record); err != nil {
		return Entry{}, err
	}
	if outcome.Leaf != nil {
		index, at := e.Index, e.Time
		if err := outcome.decode(&e.Record); err != nil {
			return Entry{}, err
		}
		e.OutcomeIndex, e.Index, e.Time = e.Index, index, at
	}
	e.Status = status(&e.Record, now)
	return e, nil
}

func status(r *Record, now time.Time) string {
	switch {
	case r.Phase == PhaseIntent && now.After(lastMoment(r.Time, r.Deadline)):
		return StatusUnknown
	case r.Phase == PhaseIntent:
		return StatusPending
	case r.Outcome == "":
		return "ok"
	}
	return r.Outcome
}

// lastMoment is when the outcome of an intent must have been written.
func lastMoment(begun time.Time, deadline *time.Time) time.Time {
	if deadline == nil {
		return begun.Add(longestCall + graceAfterDeadline)
	}
	return deadline.Add(graceAfterDeadline)
}

// glance is what tells how a line belongs to others.
type glance struct {
	Index    int64      `json:"index"`
	Time     time.Time  `json:"time"`
	Phase    Phase      `json:"phase"`
	CallID   string     `json:"call_id"`
	Deadline *time.Time `json:"deadline"`
}

// quickPhase finds phase and call id of a line in the order in which Append
// writes them, without decoding it; ok is false where it looks otherwise.
func quickPhase(line []byte) (phase Phase, callID []byte, ok bool) {
	const begin, then = `"time":"`, `,"phase":"`
	i := bytes.IndexByte(line, ',')
	if i < 0 || !bytes.HasPrefix(line[i+1:], []byte(begin)) {
		return "", nil, false
	}
	rest := line[i+1+len(begin):]
	i = bytes.IndexByte(rest, '"')
	if i < 0 || !bytes.HasPrefix(rest[i+1:], []byte(then)) {
		return "", nil, false
	}
	rest = rest[i+1+len(then):]
	for _, p := range [...]Phase{PhaseCall, PhaseIntent, PhaseOutcome, PhaseEvent} {
		if len(rest) > len(p) && rest[len(p)] == '"' && string(rest[:len(p)]) == string(p) {
			phase, rest = p, rest[len(p)+1:]
			break
		}
	}
	if phase != PhaseIntent && phase != PhaseOutcome {
		return phase, nil, phase != ""
	}
	rest, ok = bytes.CutPrefix(rest, []byte(`,"call_id":"`))
	if !ok {
		return "", nil, false
	}
	callID, _, ok = bytes.Cut(rest, []byte(`"`))
	return phase, callID, ok && !bytes.ContainsRune(callID, '\\')
}
