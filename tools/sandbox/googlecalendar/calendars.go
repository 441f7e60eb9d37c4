package googlecalendar

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// calendar finds one by its id; nil: there is none.
func (s *server) calendar(id string) *calendar {
	for _, c := range s.calendars {
		if c.id == id {
			return c
		}
	}
	return nil
}

var ranks = []string{"", "freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner"}

// open finds a calendar in which the caller has at least a role; "primary" is the
// caller's own.
func (s *server) open(c *call, id, role string) (*calendar, error) {
	if id == "primary" {
		id = c.token.user
	}
	cal := s.calendar(id)
	if cal == nil || cal.roles[c.token.user] == "" {
		return nil, errNotFound
	}
	if slices.Index(ranks, cal.roles[c.token.user]) < slices.Index(ranks, role) {
		if role == "writer" {
			return nil, refuse(http.StatusForbidden, "requiredAccessLevel", "You need to have writer access to this calendar.")
		}
		return nil, errNotFound
	}
	return cal, nil
}

func (s *server) entry(c *call, cal *calendar) answer {
	e := answer{
		"kind": "calendar#calendarListEntry", "etag": etag(1), "id": cal.id, "summary": cal.name, "timeZone": cal.zone,
		"accessRole": cal.roles[c.token.user], "selected": true, "colorId": "14", "defaultReminders": []any{},
	}
	if cal.id == c.token.user {
		e["primary"] = true
	}
	return e
}

func (s *server) calendarList(c *call) (answer, error) {
	var all []any
	for _, cal := range s.calendars {
		role := cal.roles[c.token.user]
		if slices.Contains(cal.listed, c.token.user) && slices.Index(ranks, role) >= slices.Index(ranks, c.q.Get("minAccessRole")) {
			all = append(all, s.entry(c, cal))
		}
	}
	page, next, err := paged(c, all, 100, 250)
	if err != nil {
		return nil, err
	}
	out := answer{"kind": "calendar#calendarList", "etag": etag(1), "items": page}
	if next != "" {
		out["nextPageToken"] = next
	} else {
		out["nextSyncToken"] = "list"
	}
	return out, nil
}

func (s *server) calendarEntry(c *call, id string) (answer, error) {
	cal, err := s.open(c, id, "freeBusyReader")
	if err != nil || !slices.Contains(cal.listed, c.token.user) {
		return nil, errNotFound
	}
	return s.entry(c, cal), nil
}

// paged is the page of all that the request asks for.
func paged(c *call, all []any, size, most int) (page []any, next string, err error) {
	from := 0
	if t := c.q.Get("maxResults"); t != "" {
		n, err := strconv.Atoi(t)
		if err != nil || n < 1 {
			return nil, "", errInvalid("value for maxResults")
		}
		size = min(n, most)
	}
	if t := c.q.Get("pageToken"); t != "" {
		n, err := strconv.Atoi(t)
		if err != nil || n < 0 || n > len(all) {
			return nil, "", errInvalid("page token value.")
		}
		from = n
	}
	to := min(from+size, len(all))
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return append([]any{}, all[from:to]...), next, nil
}

// freeBusy says when calendars are busy. What it cannot say of one is an error beside
// the others.
func (s *server) freeBusy(c *call) (answer, error) {
	from, err1 := stamp(c.body["timeMin"])
	to, err2 := stamp(c.body["timeMax"])
	zone := time.UTC
	if name, ok := c.body["timeZone"].(string); ok {
		z, err := time.LoadLocation(name)
		if err != nil {
			return nil, errInvalid("time zone")
		}
		zone = z
	}
	switch {
	case err1 != nil || err2 != nil:
		return nil, errInvalid("value for timeMin or timeMax")
	case !from.Before(to):
		return nil, refuse(http.StatusBadRequest, "timeRangeEmpty", "The specified time range is empty.")
	case to.Sub(from) > 93*24*time.Hour:
		return nil, refuse(http.StatusBadRequest, "timeRangeTooLong", "The requested time range is too long.")
	}
	items, _ := c.body["items"].([]any)
	out := answer{}
	for i, item := range items {
		it, _ := item.(answer)
		id, _ := it["id"].(string)
		cal, err := s.open(c, id, "freeBusyReader")
		switch {
		case i >= 50:
			out[id] = answer{"busy": []any{}, "errors": []any{answer{"domain": "global", "reason": "tooManyCalendarsRequested"}}}
		case err != nil:
			out[id] = answer{"busy": []any{}, "errors": []any{answer{"domain": "global", "reason": "notFound"}}}
		default:
			busy := []any{}
			for _, b := range s.busy(cal, from, to) {
				busy = append(busy, answer{"start": b[0].In(zone).Format(time.RFC3339), "end": b[1].In(zone).Format(time.RFC3339)})
			}
			out[id] = answer{"busy": busy}
		}
	}
	return answer{"kind": "calendar#freeBusy", "timeMin": from.UTC().Format(time.RFC3339), "timeMax": to.UTC().Format(time.RFC3339), "calendars": out}, nil
}

// busy are the times at which somebody has something that blocks them, joined.
func (s *server) busy(cal *calendar, from, to time.Time) [][2]time.Time {
	var all [][2]time.Time
	for _, o := range s.occurrences(cal, &from, &to) {
		if o.data["transparency"] == "transparent" || o.cancelled || responseOf(o.data, cal.id) == "declined" {
			continue
		}
		a, b := o.span(cal.zone)
		all = append(all, [2]time.Time{later(a, from), earlier(b, to)})
	}
	slices.SortFunc(all, func(a, b [2]time.Time) int { return a[0].Compare(b[0]) })
	var joined [][2]time.Time
	for _, b := range all {
		if n := len(joined); n > 0 && !b[0].After(joined[n-1][1]) {
			joined[n-1][1] = later(joined[n-1][1], b[1])
			continue
		}
		joined = append(joined, b)
	}
	return joined
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// stamp reads a time with its offset, without which the API takes none.
func stamp(v any) (time.Time, error) {
	text, _ := v.(string)
	return time.Parse(time.RFC3339, text)
}
