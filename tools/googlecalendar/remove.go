package googlecalendar

import (
	"context"
	"net/http"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) removeTools() []tools.Tool {
	return []tools.Tool{
		tools.New("google_calendar_delete_event", s.deleteEvent),
		tools.New("google_calendar_move_event", s.moveEvent),
	}
}

type deleteEventIn struct {
	Calendar string `json:"calendar"`
	Event    string `json:"event"`
	Scope    string `json:"scope"`
	Etag     string `json:"etag"`
	Notify   string `json:"notify"`
}

// Deleted is what google_calendar_delete_event took away.
type Deleted struct {
	ID       string `json:"id"`
	Calendar string `json:"calendar"`
	Title    string `json:"title"`
	What     string `json:"what"` // event, date of a series, series, rest of a series
	Start    string `json:"start,omitempty"`
	Notified string `json:"notified"`
	Note     string `json:"note,omitempty"`
}

// Text is one line.
func (d Deleted) Text() string {
	s := "deleted: " + d.What + "  " + upstream.Quote(d.Title) + "  " + word(d.ID)
	if d.Start != "" {
		s += "  of " + word(d.Start)
	}
	s += "  notified: " + d.Notified + "\n"
	if d.Note != "" {
		s += d.Note + "\n"
	}
	return s
}

// deleteEvent takes away an event, a date of a series, a series, or the rest of one.
func (s *service) deleteEvent(ctx context.Context, c *upstream.Client, in deleteEventIn) (Deleted, error) {
	ch, err := s.choose(ctx, c, in.Calendar, in.Event, in.Scope, in.Etag)
	if err != nil {
		return Deleted{}, err
	}
	out := Deleted{
		ID: upstream.Clean(ch.ID, maxID), Calendar: upstream.Clean(ch.id, 300), Title: upstream.Clean(ch.Title, maxTitle), What: "event", Notified: in.Notify,
		Note: "It is in the calendar's trash for 30 days, from where a person can bring it back.",
	}
	out.Start, _ = shown(ch.Start, ch.zone, false)
	switch {
	case ch.following:
		cut, day, _ := ch.instance.Original.in(ch.zone)
		out.What, out.Note = "rest of a series", "The series ends before that date now."
		out.Start, _ = shown(ch.instance.Original, ch.zone, false)
		_, err = patch(ctx, c, ch.place, ch.eventModel, map[string]any{"recurrence": untilBefore(ch.Recurrence, cut, day)}, sendUpdates(in.Notify))
		return out, err
	case len(ch.Recurrence) > 0:
		out.What = "series"
	case ch.Series != "":
		out.What, out.Note = "date of a series", ""
	}
	if ch.Organizer.Email != "" && !ch.Organizer.Self {
		out.Note = "It is gone from this calendar alone: the event is the organizer's, " + word(upstream.Clean(ch.Organizer.Email, 254)) + "."
	}
	err = c.Do(ctx, upstream.Request{Method: http.MethodDelete, Path: eventsPath(ch.id, ch.ID), Query: sendUpdates(in.Notify), Header: ifMatch(ch.eventModel)}, nil)
	return out, err
}

type moveEventIn struct {
	Calendar string `json:"calendar"`
	Event    string `json:"event"`
	To       string `json:"to"`
	Notify   string `json:"notify"`
}

// moveEvent gives an event, or a whole series, to another calendar.
func (s *service) moveEvent(ctx context.Context, c *upstream.Client, in moveEventIn) (Saved, error) {
	ch, err := s.choose(ctx, c, in.Calendar, in.Event, "all", "")
	if err != nil {
		return Saved{}, err
	}
	to, err := s.calendar(ctx, c, in.To)
	switch {
	case err != nil:
		return Saved{}, err
	case ch.instance != nil:
		return Saved{}, fault.Wrong("event: one date of a series cannot be moved to another calendar. Give the series, %s.", word(upstream.Clean(ch.ID, maxID)))
	case to.id == ch.id:
		return Saved{}, fault.Wrong("to: the event is in that calendar already.")
	case ch.Type != "" && ch.Type != "default":
		return Saved{}, fault.Wrong("event: only ordinary events can be moved, and this one is of type %s.", word(upstream.Clean(ch.Type, 40)))
	}
	q := sendUpdates(in.Notify)
	q.Set("destination", to.id)
	var m eventModel
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPost, Path: eventsPath(ch.id, ch.ID) + "/move", Query: q, Header: ifMatch(ch.eventModel)}, &m); err != nil {
		return Saved{}, err
	}
	if m.ID == "" {
		return Saved{}, fault.New(fault.UpstreamError, "Google Calendar did not say where the event is now. Look with google_calendar_list_events.")
	}
	return saved(to, m, in.Notify, ""), nil
}
