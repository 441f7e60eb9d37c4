package monitor

import (
	"context"
	"time"

	"toolvault/audit"
)

// Notice is what people are told of an alert.
type Notice struct {
	Type  string    `json:"type"` // EventRaised, EventUpdated, EventEnded, EventAcknowledged or EventActed
	Time  time.Time `json:"time"`
	Index int64     `json:"index"` // of the record, by which repeats are told
	Alert Alert     `json:"alert"` // of EventAcknowledged and EventActed: its id, rule and agent alone
	Text  string    `json:"text,omitempty"`
}

// Deliver calls fn with each record about an alert, in order, from where it was
// last successful, whichever of the machine's processes run: at least once, and
// also after a restart. Under a new name it begins with what comes next. fn has
// to try as long as it takes: its error ends Deliver.
func Deliver(ctx context.Context, dir, name string, fn func(context.Context, Notice) error) error {
	return audit.Subscription{Dir: dir, Name: name, Start: -1}.Run(ctx, func(ctx context.Context, list []audit.Raw) error {
		for _, raw := range list {
			if !aboutAlert(raw.Leaf) {
				continue
			}
			r, err := raw.Record()
			if err != nil {
				continue // not of our making: Verify names it
			}
			if err := fn(ctx, NoticeOf(r)); err != nil {
				return err
			}
		}
		return nil
	})
}

// NoticeOf is the notice of a record about an alert.
func NoticeOf(r audit.Record) Notice {
	n := Notice{Type: r.Event, Time: r.Time, Index: r.Index, Alert: alertOf(r), Text: r.Message}
	if r.Event == EventAcknowledged || r.Event == EventActed {
		n.Alert = Alert{ID: r.CallID, Rule: r.Rule, Subject: Subject{Agent: r.Agent}}
	}
	return n
}
