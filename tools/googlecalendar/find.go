package googlecalendar

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

func (s *service) eventTools() []tools.Tool {
	return []tools.Tool{tools.New("google_calendar_get_event", s.getEvent)}
}

type getEventIn struct {
	Calendar string `json:"calendar"`
	Event    string `json:"event"`
	TimeZone string `json:"timezone"`
}

func (s *service) getEvent(ctx context.Context, c *upstream.Client, in getEventIn) (Event, error) {
	p, m, err := s.event(ctx, c, in.Calendar, in.Event)
	if err != nil {
		return Event{}, err
	}
	loc := p.zone
	if in.TimeZone != "" {
		if loc, err = zoned(in.TimeZone); err != nil {
			return Event{}, err
		}
	}
	return m.whole(upstream.Clean(p.id, 300), loc), nil
}

// idForm is how ids of events look: those that are given by Google or by us, of
// instances with the time that they were to begin, and of what was imported.
var idForm = pattern.New(`^[A-Za-z0-9_-]{5,1000}$`)

const (
	sureID   = 20 // characters from which on an id is nothing else
	lookFor  = 60 * 24 * time.Hour
	lookBack = 24 * time.Hour
)

// event finds an event in a calendar: by its id, by its address in the calendar's
// pages, or as the next one of a title.
func (s *service) event(ctx context.Context, c *upstream.Client, calendar, word string) (place, eventModel, error) {
	p, err := s.calendar(ctx, c, calendar)
	if err != nil {
		return p, eventModel{}, err
	}
	if word = strings.TrimSpace(word); word == "" {
		return p, eventModel{}, fault.Wrong("event: which one? Give its id, its link or its title.")
	}
	if strings.HasPrefix(word, "https://") || strings.HasPrefix(word, "http://") {
		id, of, ok := addressed(word)
		switch {
		case !ok:
			return p, eventModel{}, fault.Wrong("event: that address names no event. Give one such as https://www.google.com/calendar/event?eid=…, an id or a title.")
		case of != p.id && p.id != "primary":
			// What an admin allows of a calendar goes by the argument calendar.
			return p, eventModel{}, fault.Wrong("event: that address is of an event in another calendar. Give calendar %s with it.", upstream.Quote(upstream.Clean(of, 200)))
		}
		word = id
	}
	if !idForm.MatchString(word) {
		m, err := s.titled(ctx, c, p, word)
		return p, m, err
	}
	m, err := readEvent(ctx, c, p, word)
	if kindOf(err) == fault.NotFound && len(word) < sureID && strings.Trim(word, "0123456789_-") != "" {
		m, err = s.titled(ctx, c, p, word)
	}
	return p, m, err
}

// readEvent reads an event by its id.
func readEvent(ctx context.Context, c *upstream.Client, p place, id string) (eventModel, error) {
	var m eventModel
	if err := c.Get(ctx, eventsPath(p.id, id), nil, &m); err != nil {
		return m, err
	}
	if m.ID != id {
		return m, fault.New(fault.UpstreamError, "Google Calendar answered with another event than the one that was asked for. Try again later.")
	}
	return m, nil
}

// titled is the next event of a title that is not over, within two months. Dates of one series count
// as one: the next of them.
func (s *service) titled(ctx context.Context, c *upstream.Client, p place, title string) (eventModel, error) {
	now := s.now().In(p.zone).Truncate(time.Second)
	q := url.Values{
		"q": {title}, "singleEvents": {"true"}, "orderBy": {"startTime"}, "maxResults": {"50"},
		"timeMin": {stamp(now)}, "timeMax": {stamp(now.Add(lookFor))}, "timeZone": {p.zone.String()},
	}
	var answer struct {
		Items []eventModel `json:"items"`
	}
	if err := c.Get(ctx, eventsPath(p.id, ""), q, &answer); err != nil {
		return eventModel{}, err
	}
	var all []names.Named
	byID, series := map[string]eventModel{}, map[string]bool{}
	for _, m := range answer.Items {
		of := cmp.Or(m.Series, m.ID)
		if m.ID == "" || series[of] {
			continue
		}
		series[of] = true
		byID[m.ID] = m
		all = append(all, names.Named{ID: m.ID, Name: m.Title})
	}
	one, err := names.Pick("event", title, all, "google_calendar_list_events")
	if err != nil {
		f := fault.From(err)
		f.NotSent = true
		return eventModel{}, f
	}
	return byID[one.ID], nil
}

// addressed reads the address of an event in the calendar's pages: eid is the id and
// the calendar, which Google shortens.
func addressed(address string) (id, calendar string, ok bool) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", false
	}
	eid := u.Query().Get("eid")
	if eid == "" {
		if i := strings.LastIndex(u.Path, "/eventedit/"); i >= 0 {
			eid = u.Path[i+len("/eventedit/"):]
		}
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(eid), "="))
	id, calendar, two := strings.Cut(string(b), " ")
	if err != nil || !two || !idForm.MatchString(id) || len(calendar) > 300 {
		return "", "", false
	}
	for short, long := range map[string]string{"@g": "@group.calendar.google.com", "@v": "@group.v.calendar.google.com", "@i": "@import.calendar.google.com", "@m": "@gmail.com"} {
		if rest, cut := strings.CutSuffix(calendar, short); cut {
			calendar = rest + long
		}
	}
	return id, calendar, true
}
