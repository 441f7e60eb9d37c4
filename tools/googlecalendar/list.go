package googlecalendar

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) listTools() []tools.Tool {
	return []tools.Tool{
		tools.New("google_calendar_list_events", s.listEvents),
		tools.New("google_calendar_list_instances", s.listInstances),
	}
}

type listEventsIn struct {
	Calendars []string `json:"calendars"`
	From      string   `json:"from"`
	To        string   `json:"to"`
	Query     string   `json:"query"`
	Types     []string `json:"types"`
	TimeZone  string   `json:"timezone"`
	Limit     int      `json:"limit"`
	Cursor    string   `json:"cursor"`
}

// Unread is a calendar of which nothing is known.
type Unread struct {
	Calendar string `json:"calendar"`
	Reason   string `json:"reason"`
}

// Events is a list of events in a window, all times in TimeZone. From is in it, To is
// not.
type Events struct {
	From     string   `json:"from"`
	To       string   `json:"to"`
	TimeZone string   `json:"time_zone"`
	Events   []Event  `json:"events"`
	Unread   []Unread `json:"unread,omitempty"`
	Note     string   `json:"note,omitempty"`
	Next     string   `json:"next_cursor,omitempty"`
}

// Text is the window, then one line an event.
func (l Events) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s (%s)\n", l.From, l.To, l.TimeZone)
	of := ""
	for _, e := range l.Events {
		if e.Calendar != of {
			of = e.Calendar
			b.WriteString(word(of) + ":\n")
		}
		b.WriteString(e.line() + "\n")
	}
	if len(l.Events) == 0 {
		b.WriteString("No events.\n")
	}
	for _, u := range l.Unread {
		b.WriteString("NOT READ: " + word(u.Calendar) + ": " + u.Reason + "\n")
	}
	if l.Note != "" {
		b.WriteString(l.Note + "\n")
	}
	if l.Next != "" {
		b.WriteString("next_cursor: " + l.Next + "\n")
	}
	return b.String()
}

const week = 7 * 24 * time.Hour

// listEvents merges the events of calendars in the order in which they begin.
func (s *service) listEvents(ctx context.Context, c *upstream.Client, in listEventsIn) (Events, error) {
	places, loc, err := s.places(ctx, c, in.Calendars, in.TimeZone)
	if err != nil {
		return Events{}, err
	}
	query := []any{in.Calendars, in.From, in.To, in.Query, in.Types, loc.String(), in.Limit}
	state, err := tools.OpenCursor(query, in.Cursor)
	if err != nil {
		return Events{}, err
	}
	var w window
	var streams []*stream
	if state == "" {
		w, err = s.windowOf(in.From, in.To, loc, week)
		for _, p := range places {
			streams = append(streams, &stream{place: p})
		}
	} else {
		w, streams, err = resumed(state, places, loc)
	}
	if err != nil {
		return Events{}, err
	}
	q := url.Values{
		"singleEvents": {"true"}, "orderBy": {"startTime"}, "timeMin": {stamp(w.from)}, "timeMax": {stamp(w.to)},
		"timeZone": {loc.String()}, "maxResults": {strconv.Itoa(in.Limit)},
	}
	if words := strings.TrimSpace(in.Query); words != "" {
		q.Set("q", words)
	}
	if len(in.Types) > 0 {
		q["eventTypes"] = in.Types
	}
	out := Events{From: stamp(w.from), To: stamp(w.to), TimeZone: loc.String(), Events: []Event{}}
	if out.Unread, err = fill(ctx, c, streams, q); err != nil {
		return Events{}, err
	}
	out.Events = append(out.Events, merged(streams, in.Limit, loc)...)
	if rest := suspended(w, streams); rest != "" {
		if out.Next = tools.Cursor(query, rest); out.Next == "" {
			out.Note = "There is more, which cannot be paged over so many calendars: ask for fewer calendars, or for a shorter window."
		}
	}
	return out, nil
}

// places are calendars by what they are called, and the zone to show times in: the
// one that was asked for, or that of the first.
func (s *service) places(ctx context.Context, c *upstream.Client, words []string, zone string) ([]place, *time.Location, error) {
	var all []place
	for _, w := range words {
		p, err := s.calendar(ctx, c, w)
		if err != nil {
			return nil, nil, err
		}
		if !slices.ContainsFunc(all, func(other place) bool { return other.id == p.id }) {
			all = append(all, p)
		}
	}
	if zone != "" {
		loc, err := zoned(zone)
		return all, loc, err
	}
	if len(all) == 0 {
		return nil, nil, fault.Wrong("calendars: name at least one, such as primary.")
	}
	return all, all[0].zone, nil
}

// stream is one calendar's events as they come: pages, of which some may be empty
// though more follow.
type stream struct {
	place
	token string // of the page that is read, "" for the first
	skip  int    // of it that was given out
	next  string // token of the page behind it
	page  []eventModel
	done  bool
	lost  bool // it cannot be read
}

const mostEmpty = 10 // empty pages in a row

// fill reads the page of each stream. A calendar that cannot be read is said to be
// so, unless it is the only one.
func fill(ctx context.Context, c *upstream.Client, streams []*stream, q url.Values) (unread []Unread, err error) {
	for _, st := range streams {
		for empty := 0; !st.done && !st.lost && len(st.page) <= st.skip; empty++ {
			var m struct {
				Items []eventModel `json:"items"`
				Next  string       `json:"nextPageToken"`
			}
			if err := c.Get(ctx, eventsPath(st.id, ""), pageOf(q, st.token), &m); err != nil {
				kind := kindOf(err)
				if len(streams) == 1 || kind != fault.NotFound && kind != fault.NotPermitted {
					return nil, err
				}
				st.lost = true
				unread = append(unread, Unread{Calendar: upstream.Clean(st.id, 300), Reason: "this account may not read it, or it is not there"})
				break
			}
			st.page, st.next = m.Items, m.Next
			if len(st.page) <= st.skip {
				if st.done = m.Next == "" || empty >= mostEmpty; !st.done {
					st.token, st.skip = m.Next, 0
				}
			}
		}
	}
	if len(unread) == len(streams) && len(streams) > 0 {
		return nil, fault.New(fault.NotFound, "None of these calendars can be read by this account. google_calendar_list_calendars says which ones it sees.")
	}
	return unread, nil
}

const maxListed = 45_000 // bytes of text in a page of events, about

// merged takes the next events out of the streams, in order, as far as they have been
// read: where one has run out and goes on, what follows in others may not be next.
func merged(streams []*stream, limit int, loc *time.Location) []Event {
	var out []Event
	for size := 0; len(out) < limit; {
		var first *stream
		var at time.Time
		for _, st := range streams {
			if st.done || st.lost {
				continue
			}
			if st.skip >= len(st.page) {
				if st.next == "" {
					st.done = true
					continue
				}
				return out
			}
			if t, _, _ := st.page[st.skip].Start.in(loc); first == nil || t.Before(at) {
				first, at = st, t
			}
		}
		if first == nil {
			return out
		}
		e := first.page[first.skip].brief(upstream.Clean(first.id, 300), loc)
		if size += 400 + len(e.ID) + len(e.Title) + len(e.Location) + len(e.Series) + len(strings.Join(e.Recurrence, "")); size > maxListed && len(out) > 0 {
			return out
		}
		out = append(out, e)
		first.skip++
	}
	return out
}

// suspended is where the streams stand, for a cursor; "" where all have ended. The
// window stands in it too, since what is "now" moves.
func suspended(w window, streams []*stream) string {
	state := fmt.Sprintf("%d %d", w.from.Unix(), w.to.Unix())
	more := false
	for _, st := range streams {
		switch {
		case st.done || st.lost || st.skip >= len(st.page) && st.next == "":
			state += " -"
			continue
		case st.skip >= len(st.page):
			st.token, st.skip = st.next, 0
		}
		more = true
		state += fmt.Sprintf(" %d:%s", st.skip, st.token)
	}
	if !more {
		return ""
	}
	return state
}

func resumed(state string, places []place, loc *time.Location) (w window, streams []*stream, err error) {
	part := strings.Split(state, " ")
	bad := fault.Wrong("The cursor is not one that this tool gave. Leave it out to start from the first page.")
	if len(part) != len(places)+2 {
		return w, nil, bad
	}
	from, err1 := strconv.ParseInt(part[0], 10, 64)
	to, err2 := strconv.ParseInt(part[1], 10, 64)
	if err := cmp.Or(err1, err2); err != nil {
		return w, nil, bad
	}
	w = window{time.Unix(from, 0).In(loc), time.Unix(to, 0).In(loc), loc}
	for i, p := range places {
		st := &stream{place: p, done: part[i+2] == "-"}
		if !st.done {
			skip, token, _ := strings.Cut(part[i+2], ":")
			n, err := strconv.Atoi(skip)
			if err != nil || n < 0 {
				return w, nil, bad
			}
			st.skip, st.token = n, token
		}
		streams = append(streams, st)
	}
	return w, streams, nil
}

type listInstancesIn struct {
	Calendar string `json:"calendar"`
	Event    string `json:"event"`
	From     string `json:"from"`
	To       string `json:"to"`
	TimeZone string `json:"timezone"`
	Limit    int    `json:"limit"`
	Cursor   string `json:"cursor"`
}

// listInstances lists the dates of a series. An instance stands for its series.
func (s *service) listInstances(ctx context.Context, c *upstream.Client, in listInstancesIn) (Events, error) {
	p, m, err := s.event(ctx, c, in.Calendar, in.Event)
	if err != nil {
		return Events{}, err
	}
	series := cmp.Or(m.Series, m.ID)
	if m.Series == "" && len(m.Recurrence) == 0 {
		return Events{}, fault.Wrong("That event is a single one, not a series: it has no instances.")
	}
	loc := p.zone
	if in.TimeZone != "" {
		if loc, err = zoned(in.TimeZone); err != nil {
			return Events{}, err
		}
	}
	w, err := s.windowOf(cmp.Or(in.From, "today"), in.To, loc, 12*week) // the same on every page
	if err != nil {
		return Events{}, err
	}
	query := []any{in.Calendar, in.Event, in.From, in.To, loc.String(), in.Limit}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Events{}, err
	}
	q := url.Values{"timeMin": {stamp(w.from)}, "timeMax": {stamp(w.to)}, "timeZone": {loc.String()}, "maxResults": {strconv.Itoa(in.Limit)}}
	var answer struct {
		Items []eventModel `json:"items"`
		Next  string       `json:"nextPageToken"`
	}
	if err := c.Get(ctx, eventsPath(p.id, series)+"/instances", pageOf(q, at.Cursor), &answer); err != nil {
		return Events{}, err
	}
	out := Events{From: stamp(w.from), To: stamp(w.to), TimeZone: loc.String(), Events: []Event{}}
	page, next := tools.Page(query, at, briefs(answer.Items, in.Limit, upstream.Clean(p.id, 300), loc), in.Limit, answer.Next)
	out.Events, out.Next = append(out.Events, page...), next
	return out, nil
}

// briefs are events for a list, at most so many.
func briefs(all []eventModel, limit int, calendar string, loc *time.Location) []Event {
	var out []Event
	for _, m := range all[:min(len(all), limit)] {
		out = append(out, m.brief(calendar, loc))
	}
	return out
}

// pageOf is a query for the page of a list that is behind a token.
func pageOf(q url.Values, token string) url.Values {
	page := maps.Clone(q)
	if token != "" {
		page.Set("pageToken", token)
	}
	return page
}
