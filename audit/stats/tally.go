package stats

import "toolvault/audit"

// Tally is what came of some calls, and how long they took. Calls is the sum of
// the five that follow it.
type Tally struct {
	Calls    int64
	OK       int64
	Denials  int64 // not_permitted
	Failures int64 // any other reason
	Unknown  int64 // writes that never told how they ended
	Pending  int64 // writes that may still end
	Latency  Sketch
}

// Denied is the outcome that counts as a denial: by the token's scopes, the
// credential's, or a rule.
const Denied = "not_permitted"

func (t *Tally) add(status string) {
	t.Calls++
	switch status {
	case "ok":
		t.OK++
	case Denied:
		t.Denials++
	case audit.StatusUnknown:
		t.Unknown++
	case audit.StatusPending:
		t.Pending++
	default:
		t.Failures++
	}
}

// Merge adds another.
func (t *Tally) Merge(o *Tally) {
	t.Calls += o.Calls
	t.OK += o.OK
	t.Denials += o.Denials
	t.Failures += o.Failures
	t.Unknown += o.Unknown
	t.Pending += o.Pending
	t.Latency.Merge(&o.Latency)
}

// Wrong is how many calls did not do what was asked: failures, denials and those
// of which nobody knows.
func (t *Tally) Wrong() int64 { return t.Failures + t.Denials + t.Unknown }
