package googlecalendar

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) updateTools() []tools.Tool {
	return []tools.Tool{tools.New("google_calendar_update_event", s.updateEvent)}
}

type updateEventIn struct {
	Calendar    string   `json:"calendar"`
	Event       string   `json:"event"`
	Scope       string   `json:"scope"`
	Title       *string  `json:"title"`
	Start       string   `json:"start"`
	End         string   `json:"end"`
	Minutes     int      `json:"minutes"`
	TimeZone    string   `json:"timezone"`
	Location    *string  `json:"location"`
	Description *string  `json:"description"`
	Recurrence  []string `json:"recurrence"`
	ShowAs      string   `json:"show_as"`
	Meet        bool     `json:"meet"`
	Etag        string   `json:"etag"`
	Notify      string   `json:"notify"`
}

// chosen is the event that a change is about.
type chosen struct {
	place
	eventModel             // what is changed: the event, or with scope all its series
	instance   *eventModel // of the series, where that was given
	following  bool        // only from the instance on
}

// choose finds what a change is about, and holds its etag against the one that was
// given: with scope "this" the event itself, with "all" its series, with "following"
// the series from the instance on.
func (s *service) choose(ctx context.Context, c *upstream.Client, calendar, word, scope, etag string) (chosen, error) {
	p, m, err := s.event(ctx, c, calendar, word)
	if err != nil {
		return chosen{}, err
	}
	ch := chosen{place: p, eventModel: m}
	if m.Status == "cancelled" {
		f := fault.New(fault.NotFound, "That event was deleted. A person can bring it back from the calendar's trash for 30 days.")
		f.NotSent = true
		return ch, f
	}
	if etag != "" && quoted(etag) != m.Etag {
		f := fault.New(fault.Conflict, "%s", changedMeanwhile)
		f.NotSent = true
		return ch, f
	}
	series := len(m.Recurrence) > 0
	switch {
	case scope == "this" && series:
		return ch, fault.Wrong("event: that is a whole series. Give scope all for all of it, or the id of one date from google_calendar_list_instances.")
	case scope == "following" && m.Series == "" && series:
		return ch, fault.Wrong("event: from which date on? Give the id of that instance, from google_calendar_list_instances.")
	case scope == "this", m.Series == "":
		return ch, nil // a single event is all of itself
	}
	instance := m
	ch.instance = &instance
	if ch.eventModel, err = readEvent(ctx, c, p, m.Series); err != nil {
		return ch, err
	}
	if len(ch.Recurrence) == 0 || ch.Status == "cancelled" {
		return ch, fault.New(fault.NotFound, "The series of that event is not there any more. Use scope this.")
	}
	first, _, ok1 := ch.Start.in(p.zone)
	cut, _, ok2 := instance.Original.in(p.zone)
	if !ok1 || !ok2 {
		return ch, fault.New(fault.UpstreamError, "Google Calendar did not say when the series begins. Try again later.")
	}
	ch.following = scope == "following" && cut.After(first) // from the first on is all
	return ch, nil
}

func (s *service) updateEvent(ctx context.Context, c *upstream.Client, in updateEventIn) (Saved, error) {
	ch, err := s.choose(ctx, c, in.Calendar, in.Event, in.Scope, in.Etag)
	if err != nil {
		return Saved{}, err
	}
	body, err := s.change(in, ch)
	if err != nil {
		return Saved{}, err
	}
	q := sendUpdates(in.Notify)
	if in.Meet {
		q.Set("conferenceDataVersion", "1")
		body["conferenceData"] = newMeet(ownID(c, ch.id, "meet\x00"+c.CallID()))
	}
	if len(body) == 0 {
		return Saved{}, fault.Wrong("Nothing to change was given. Give at least one of title, start, end, minutes, location, description, recurrence, show_as and meet.")
	}
	if ch.following {
		return s.changeFollowing(ctx, c, ch, body, in, q)
	}
	m, err := patch(ctx, c, ch.place, ch.eventModel, body, q)
	if err != nil {
		return Saved{}, err
	}
	return saved(ch.place, m, in.Notify, ""), nil
}

// patch changes an event if it is still as it was read.
func patch(ctx context.Context, c *upstream.Client, p place, m eventModel, body map[string]any, q url.Values) (eventModel, error) {
	var out eventModel
	err := c.Do(ctx, upstream.Request{
		Method: http.MethodPatch, Path: eventsPath(p.id, m.ID), Query: q, JSON: body, Header: ifMatch(m),
	}, &out)
	if err == nil && out.ID != m.ID {
		err = fault.New(fault.UpstreamError, "Google Calendar answered with another event than the one that was changed. Read it with google_calendar_get_event before changing it again.")
	}
	return out, err
}

// ifMatch is the header by which a change is refused once the event is another (RFC
// 9110 section 13.1.1).
func ifMatch(m eventModel) http.Header {
	if m.Etag == "" {
		return nil
	}
	return http.Header{"If-Match": {m.Etag}}
}

// change is what of an event is to be another, as the API takes it.
func (s *service) change(in updateEventIn, ch chosen) (map[string]any, error) {
	body := map[string]any{}
	for name, text := range map[string]*string{"summary": in.Title, "location": in.Location, "description": in.Description} {
		if text != nil {
			body[name] = *text
		}
	}
	if in.ShowAs != "" {
		body["transparency"] = map[string]string{"free": "transparent", "busy": "opaque"}[in.ShowAs]
	}
	loc := ch.zone
	if own, err := zoned(ch.Start.TimeZone); err == nil {
		loc = own
	}
	var err error
	if in.TimeZone != "" {
		if loc, err = zoned(in.TimeZone); err != nil {
			return nil, err
		}
	}
	start, day, ok1 := ch.Start.in(loc)
	end, _, ok2 := ch.End.in(loc)
	if !ok1 || !ok2 {
		return nil, fault.New(fault.UpstreamError, "Google Calendar did not say when the event is. Try again later.")
	}
	at := span{start, end, day}
	if in.Start != "" || in.End != "" || in.Minutes > 0 {
		if at, err = s.moved(in, ch, at, loc); err != nil {
			return nil, err
		}
	}
	if in.Start != "" || in.End != "" || in.Minutes > 0 || in.TimeZone != "" {
		body["start"], body["end"] = ofPoint(at.start, at.day), ofPoint(at.end, at.day)
	}
	if len(in.Recurrence) > 0 {
		if ch.instance == nil && ch.Series != "" {
			return nil, fault.Wrong("recurrence: one date of a series cannot repeat by itself. Give scope all or following.")
		}
		if body["recurrence"], err = rules(in.Recurrence, at.start, at.day); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// moved is when an event is to be. Where an instance was given for its series, the
// series moves by as much as the instance would.
func (s *service) moved(in updateEventIn, ch chosen, was span, loc *time.Location) (span, error) {
	given := was
	if ch.instance != nil {
		a, day, ok1 := ch.instance.Start.in(loc)
		b, _, ok2 := ch.instance.End.in(loc)
		if !ok1 || !ok2 {
			return was, fault.New(fault.UpstreamError, "Google Calendar did not say when the event is. Try again later.")
		}
		given = span{a, b, day}
	}
	begin := in.Start
	if begin == "" {
		if begin = stamp(given.start); given.day {
			begin = given.start.Format(time.DateOnly)
		}
	}
	length := given.end.Sub(given.start)
	if given.day {
		length = usualLength
	}
	next, err := s.spanOf(begin, in.End, in.Minutes, length, loc)
	if err != nil {
		return was, err
	}
	if next.day && given.day && in.End == "" {
		next.end = next.start.AddDate(0, 0, daysBetween(given.start, given.end))
	}
	if len(in.Recurrence) == 0 && breaks(ch.Recurrence, given.start, next.start) {
		return was, fault.Wrong("start: the rule of the series names its days, so it does not move to another day by start alone. Give recurrence too, such as RRULE:FREQ=WEEKLY;BYDAY=TU.")
	}
	if ch.instance == nil || ch.following {
		return next, nil
	}
	if next.day != was.day {
		return was, fault.Wrong("start: a series of whole days and one with times are not changed into each other by one date. Give the id of the series as the event.")
	}
	shift := daysBetween(given.start, next.start)
	if was.day {
		start := was.start.AddDate(0, 0, shift)
		return span{start, start.AddDate(0, 0, daysBetween(next.start, next.end)), true}, nil
	}
	d := was.start
	start := time.Date(d.Year(), d.Month(), d.Day()+shift, next.start.Hour(), next.start.Minute(), next.start.Second(), 0, loc)
	return span{start, start.Add(next.end.Sub(next.start)), false}, nil
}
