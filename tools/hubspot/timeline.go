package hubspot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

const (
	maxTimeline   = 1000 // activities of one type that are looked at, those with the highest ids
	briefBody     = 500  // characters of a body
	detailedBody  = 4000
	maxLinkedPage = 20 // pages of associations of one type
)

type getActivityIn struct {
	ObjectType string   `json:"object_type"`
	ID         string   `json:"id"`
	Types      []string `json:"types"`
	Since      string   `json:"since"`
	Limit      int      `json:"limit"`
	Cursor     string   `json:"cursor"`
	Format     string   `json:"response_format"`
}

// Timeline is a page of what happened with a record, the newest first.
type Timeline struct {
	Total      int     `json:"total"`
	Activities []Event `json:"activities"`
	Next       string  `json:"next_cursor,omitempty"`
	Note       string  `json:"note,omitempty"`
}

// Event is a note, task, call, meeting or e-mail.
type Event struct {
	Type      string `json:"type"`
	ID        string `json:"id"`
	At        string `json:"at,omitempty"` // RFC 3339, UTC; of a task: when it is due
	Title     string `json:"title,omitempty"`
	Body      string `json:"body,omitempty"`
	Status    string `json:"status,omitempty"`
	Direction string `json:"direction,omitempty"`
	Owner     string `json:"owner,omitempty"` // the name, else the id
	URL       string `json:"url,omitempty"`
}

// Text is one line an event, and its body.
func (t Timeline) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d activities", len(t.Activities), t.Total)
	for _, e := range t.Activities {
		fmt.Fprintf(&b, "\n%s %s %s", e.At, e.Type, e.ID)
		for _, part := range []string{e.Status, e.Direction} {
			if part != "" {
				b.WriteString(" " + shown(part))
			}
		}
		if e.Owner != "" {
			b.WriteString(" by " + upstream.Quote(e.Owner))
		}
		if e.Title != "" {
			b.WriteString(" " + upstream.Quote(e.Title))
		}
		if e.Body != "" {
			b.WriteString(": " + shown(e.Body))
		}
	}
	return b.String() + more(t.Next, t.Note)
}

// timed are the properties of a type of activity that a timeline shows.
var timed = map[string]struct{ body, title, status, direction string }{
	"notes":    {body: "hs_note_body"},
	"tasks":    {body: "hs_task_body", title: "hs_task_subject", status: "hs_task_status"},
	"calls":    {body: "hs_call_body", title: "hs_call_title", status: "hs_call_status", direction: "hs_call_direction"},
	"meetings": {body: "hs_meeting_body", title: "hs_meeting_title", status: "hs_meeting_outcome"},
	"emails":   {body: "hs_email_text", title: "hs_email_subject", status: "hs_email_status", direction: "hs_email_direction"},
}

// moved is an activity with the time by which the timeline is sorted.
type moved struct {
	kind kind
	wire wireRecord
	at   time.Time
}

// getActivity reads the timeline of a record. Associations have no times, so all
// activities are read, up to a bound, and sorted; the cursor is the last one that
// was given out, so nothing is skipped or seen twice when others are added.
func (s *service) getActivity(ctx context.Context, c *upstream.Client, in getActivityIn) (Timeline, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return Timeline{}, err
	}
	if err := numbers("id", in.ID); err != nil {
		return Timeline{}, err
	}
	types, note, err := s.timelineTypes(c, in.Types)
	if err != nil {
		return Timeline{}, err
	}
	var since time.Time
	if in.Since != "" {
		if since, err = s.instant(ctx, c, "since", in.Since, false); err != nil {
			return Timeline{}, err
		}
	}
	query := []any{"get_activity", k.name, in.ID, in.Types, in.Since}
	last, err := tools.OpenCursor(query, in.Cursor)
	if err != nil {
		return Timeline{}, err
	}
	all, said, err := s.gather(ctx, c, k, in.ID, types, len(in.Types) > 0)
	if err != nil {
		return Timeline{}, err
	}
	all = slices.DeleteFunc(all, func(m moved) bool { return m.at.Before(since) })
	slices.SortFunc(all, func(a, b moved) int {
		return cmp.Or(b.at.Compare(a.at), cmp.Compare(len(b.wire.ID), len(a.wire.ID)), cmp.Compare(b.wire.ID, a.wire.ID))
	})
	out := Timeline{Total: len(all), Activities: []Event{}, Note: notes(note, said)}
	from := 0
	if last != "" {
		from = slices.IndexFunc(all, func(m moved) bool { return m.mark() == last || m.at.Before(markTime(last)) })
		switch {
		case from < 0:
			from = len(all)
		case all[from].mark() == last:
			from++
		}
	}
	length := briefBody
	if in.Format == "detailed" {
		length = detailedBody
	}
	rest := all[from:]
	events := s.events(ctx, c, rest[:min(in.Limit, len(rest))], length)
	page, _ := tools.Page(query, tools.Position{}, events, in.Limit, "")
	out.Activities = append(out.Activities, page...)
	if n := len(page); n > 0 && n < len(rest) {
		out.Next = tools.Cursor(query, rest[n-1].mark())
	}
	return out, nil
}

// timelineTypes are the types of activity to read: those asked for, all of which
// the call has to be granted, or all that it was.
func (s *service) timelineTypes(c *upstream.Client, asked []string) (types []kind, note string, err error) {
	var left []string
	for _, name := range activities {
		k, _ := standard(name)
		if len(asked) > 0 && !slices.Contains(asked, name) {
			continue
		}
		if err := readable(c, k); err != nil {
			if len(asked) > 0 {
				return nil, "", err
			}
			left = append(left, name)
			continue
		}
		types = append(types, k)
	}
	if len(types) == 0 {
		k, _ := standard("notes")
		return nil, "", readable(c, k)
	}
	if len(left) > 0 {
		note = strings.Join(left, ", ") + " were left out: this agent may not see them"
	}
	return types, note, nil
}

// gather reads the activities of a record. One type that HubSpot does not let this
// credential read is left out, unless it was asked for.
func (s *service) gather(ctx context.Context, c *upstream.Client, of kind, id string, types []kind, asked bool) (all []moved, note string, err error) {
	for i, k := range types {
		if err := ctx.Err(); err != nil {
			return nil, "", fault.From(err)
		}
		ids, cut, err := s.linkedIDs(ctx, c, of, id, k)
		var got []wireRecord
		if err == nil {
			p := timed[k.name]
			properties := slices.DeleteFunc([]string{"hs_timestamp", ownerProperty, p.body, p.title, p.status, p.direction}, func(s string) bool { return s == "" })
			got, err = s.fetch(ctx, c, k, "", ids, properties)
		}
		if f := fault.From(err); f != nil {
			if !asked && f.Kind == fault.NotPermitted {
				note = notes(note, k.name+" were left out: "+f.Message)
				continue
			}
			return nil, "", err
		}
		for _, w := range got {
			at, _ := time.Parse(time.RFC3339, w.text("hs_timestamp"))
			if at.IsZero() {
				at, _ = time.Parse(time.RFC3339, w.CreatedAt)
			}
			all = append(all, moved{k, w, at})
		}
		if cut {
			note = notes(note, fmt.Sprintf("of the %s only the %d newest were looked at", k.name, maxTimeline))
		}
		c.Progress(float64(i+1), float64(len(types)), k.name+" read")
	}
	return all, note, nil
}

// linkedIDs are the ids of the activities of one type, at most maxTimeline: those
// with the highest ids, which were made last.
func (s *service) linkedIDs(ctx context.Context, c *upstream.Client, of kind, id string, k kind) (ids []string, cut bool, err error) {
	after := ""
	for range maxLinkedPage {
		if err := ctx.Err(); err != nil {
			return nil, false, fault.From(err)
		}
		got, next, err := s.linked(ctx, c, of, id, k, after)
		if err != nil {
			return nil, false, err
		}
		for _, l := range got {
			if isRecordID(l.ID) && !slices.Contains(ids, l.ID) {
				ids = append(ids, l.ID)
			}
		}
		if after = next; after == "" {
			break
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(b, a)) })
	if len(ids) > maxTimeline {
		return ids[:maxTimeline], true, nil
	}
	return ids, after != "", nil
}

// text is the value of a property; "" where there is none.
func (w wireRecord) text(property string) string {
	if v := w.Properties[property]; v != nil {
		return *v
	}
	return ""
}

// mark names the activity and its place on the timeline, for a cursor.
func (m moved) mark() string {
	return strconv.FormatInt(m.at.UnixMilli(), 10) + " " + upstream.Clean(m.wire.ID, 40)
}

// markTime is the time of a mark.
func markTime(mark string) time.Time {
	ms, _, _ := strings.Cut(mark, " ")
	n, _ := strconv.ParseInt(ms, 10, 64)
	return time.UnixMilli(n)
}

// events are activities as a result has them.
func (s *service) events(ctx context.Context, c *upstream.Client, all []moved, length int) []Event {
	called := map[string]string{}
	if c.Allows(ownerScope) && slices.ContainsFunc(all, func(m moved) bool { return m.wire.text(ownerProperty) != "" }) {
		for _, o := range adorn(ctx, s.books, key(c, "owners"), func() ([]names.Named, error) { return s.ownersOf(ctx, c) }) {
			called[o.ID] = o.Name
		}
	}
	var out []Event
	for _, m := range all {
		p := timed[m.kind.name]
		get := func(property string, length int) string { return value(property, m.wire.text(property), length) }
		e := Event{
			Type: m.kind.name, ID: upstream.Clean(m.wire.ID, 40), At: stamp(m.at.Format(time.RFC3339)),
			Title: upstream.Clean(get(p.title, 200), 200), Body: get(p.body, length),
			Status: upstream.Clean(get(p.status, 40), 40), Direction: upstream.Clean(get(p.direction, 40), 40),
			Owner: upstream.Clean(get(ownerProperty, 40), 40), URL: s.link(ctx, c, m.kind, m.wire.ID, m.wire.URL),
		}
		if name := called[e.Owner]; name != "" {
			e.Owner = name
		}
		out = append(out, e)
	}
	return out
}
