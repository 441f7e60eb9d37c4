package monitor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolvault/audit"
)

// maxBook is how many alerts a book has. At the bound the one that began first and
// has ended gives way; the log still has it.
const maxBook = 1000

// Book is the alerts of a log, as its records tell of them.
type Book struct {
	Alerts  map[string]*Alert `json:"alerts"`
	Dropped time.Time         `json:"dropped,omitzero"` // when the newest began that gave way
}

// NewBook returns one that knows of none.
func NewBook() *Book { return &Book{Alerts: map[string]*Alert{}} }

// aboutAlert reports whether a record is about an alert, without decoding it: the
// event stands at the begin of a leaf.
func aboutAlert(leaf []byte) bool {
	return bytes.Contains(leaf[:min(len(leaf), 160)], []byte(`,"phase":"event","event":"`+eventPrefix))
}

// Apply takes in a record; all but those about alerts it passes over.
func (b *Book) Apply(raw audit.Raw) {
	erases := bytes.Contains(raw.Leaf, []byte(`,"spans":[`))
	if !aboutAlert(raw.Leaf) && !erases {
		return
	}
	r, err := raw.Record()
	switch {
	case err != nil: // not of our making: Verify names it
	case erases && (r.Event == audit.EventErased || r.Event == audit.EventDropped):
		b.erase(r)
	case r.CallID != "":
		b.apply(r)
	}
}

// erase forgets what has been erased in the log.
func (b *Book) erase(r audit.Record) {
	for _, a := range b.Alerts {
		for _, s := range r.Spans {
			if a.Record >= s.First && a.Record < min(s.End, r.Index) {
				a.Saw, a.Normal, a.Evidence, a.Acknowledged, a.Actions = "", "", nil, nil, nil
				a.Subject.Address = ""
			}
		}
	}
}

func (b *Book) apply(r audit.Record) {
	old := b.Alerts[r.CallID]
	switch r.Event {
	case EventRaised, EventUpdated, EventEnded:
		a := alertOf(r)
		if old != nil {
			if r.Erased { // what is known of it is more than what is left
				if r.Event == EventEnded {
					old.Ended = r.Time
				}
				return
			}
			a.Acknowledged, a.Actions = old.Acknowledged, old.Actions
		} else {
			b.room()
		}
		a.Record = r.Index
		b.Alerts[a.ID] = &a
	case EventAcknowledged:
		if old != nil {
			old.Acknowledged = &Note{Time: r.Time, By: r.Admin, Text: r.Message}
		}
	case EventActed:
		if old != nil && len(old.Actions) < maxEvidence {
			text := r.Message
			if r.Outcome != "ok" {
				text = "failed: " + text
			}
			old.Actions = append(old.Actions, Note{Time: r.Time, Text: text})
		}
	}
}

// room makes some.
func (b *Book) room() {
	if len(b.Alerts) < maxBook {
		return
	}
	var oldest *Alert
	for _, a := range b.Alerts {
		if oldest == nil || !a.Open() && oldest.Open() || a.Open() == oldest.Open() && a.Began.Before(oldest.Began) {
			oldest = a
		}
	}
	if oldest.Began.After(b.Dropped) {
		b.Dropped = oldest.Began
	}
	delete(b.Alerts, oldest.ID)
}

// List returns the alerts that began or lasted since a time, the newest first.
func (b *Book) List(since time.Time, open bool) []Alert {
	var list []Alert
	for _, a := range b.Alerts {
		if open && !a.Open() || !open && a.Last.Before(since) && !a.Open() {
			continue
		}
		list = append(list, *a)
	}
	slices.SortFunc(list, func(a, b Alert) int { return cmp.Or(b.Began.Compare(a.Began), cmp.Compare(a.ID, b.ID)) })
	return list
}

// LoadBook returns the alerts of a log as they are now: from what the monitor keeps
// beside it, and what the log has had since then. Where since is further back than
// that goes, or nothing is kept, it reads the whole log.
func LoadBook(ctx context.Context, dir string, since time.Time) (*Book, error) {
	b, from := NewBook(), int64(0)
	st, err := readState(dir)
	if err == nil && (since.IsZero() || st.Book.Dropped.Before(since)) {
		b, from = st.Book, st.Next
	}
	_, err = audit.Scan(ctx, dir, from, func(r audit.Raw) error {
		b.Apply(r)
		return nil
	})
	return b, err
}

// ErrNoAlert is returned where there is no alert of an id.
var ErrNoAlert = errors.New("there is no such alert")

// Find returns an alert by its id, or by the begin of one if no other begins so.
func Find(ctx context.Context, dir, id string) (Alert, error) {
	b, err := LoadBook(ctx, dir, time.Time{})
	if err != nil {
		return Alert{}, err
	}
	if a := b.Alerts[id]; a != nil {
		return *a, nil
	}
	var found []Alert
	for _, a := range b.Alerts {
		if id != "" && (strings.HasPrefix(a.ID, id) || strings.HasPrefix(a.ID, "alert-"+id)) {
			found = append(found, *a)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return Alert{}, fmt.Errorf("%d alerts begin with %q: write more of the id", len(found), id)
	case b.Dropped.IsZero():
		return Alert{}, ErrNoAlert
	}
	one := NewBook()
	quoted, err := json.Marshal(id)
	if err != nil {
		return Alert{}, err
	}
	needle := append([]byte(`"call_id":`), quoted...)
	_, err = audit.Scan(ctx, dir, 0, func(r audit.Raw) error {
		if bytes.Contains(r.Leaf, needle) {
			one.Apply(r)
		}
		return nil
	})
	if a := one.Alerts[id]; a != nil && err == nil {
		return *a, nil
	}
	return Alert{}, errors.Join(err, ErrNoAlert)
}

// Take takes in a finding that is in no log.
func (b *Book) Take(f Finding) {
	if b.Alerts[f.Alert.ID] == nil {
		b.room()
	}
	b.Alerts[f.Alert.ID] = &f.Alert
}
