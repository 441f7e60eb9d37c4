package googlecalendar

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// syncFor is how long a sync token is good. Google's end after some weeks.
const syncFor = 7 * 24 * time.Hour

func (s *server) get(c *call, cal, id string) (answer, error) {
	k, err := s.open(c, cal, "freeBusyReader")
	if err != nil {
		return nil, err
	}
	e, err := s.find(k, id)
	if err != nil {
		return nil, err
	}
	return s.view(c, e, k, c.q.Get("timeZone")), nil
}

// bounds reads timeMin and timeMax.
func bounds(c *call) (from, to *time.Time, err error) {
	for name, set := range map[string]**time.Time{"timeMin": &from, "timeMax": &to} {
		if !c.q.Has(name) {
			continue
		}
		t, err := stamp(c.q.Get(name))
		if err != nil {
			return nil, nil, refuse(http.StatusBadRequest, "badRequest", "Bad Request")
		}
		*set = &t
	}
	if from != nil && to != nil && !from.Before(*to) {
		return nil, nil, refuse(http.StatusBadRequest, "timeRangeEmpty", "The specified time range is empty.")
	}
	return from, to, nil
}

func (s *server) list(c *call, id string) (answer, error) {
	cal, err := s.open(c, id, "freeBusyReader")
	if err != nil {
		return nil, err
	}
	from, to, err := bounds(c)
	if err != nil {
		return nil, err
	}
	single, deleted := c.q.Get("singleEvents") == "true", c.q.Get("showDeleted") == "true"
	order := c.q.Get("orderBy")
	if order == "startTime" && !single {
		return nil, refuse(http.StatusBadRequest, "badRequest", "The requested ordering is not available for the particular query.")
	}
	since := 0
	if c.q.Has("syncToken") {
		for _, name := range []string{"timeMin", "timeMax", "q", "orderBy", "updatedMin", "iCalUID", "privateExtendedProperty", "sharedExtendedProperty"} {
			if c.q.Has(name) {
				return nil, refuse(http.StatusBadRequest, "badRequest", "Sync token cannot be used with "+name+".")
			}
		}
		if since, err = s.synced(cal, c.q.Get("syncToken")); err != nil {
			return nil, err
		}
		deleted = true
	}
	var all []*event
	if single {
		all = s.occurrences(cal, from, to)
	} else {
		for _, e := range s.events {
			if !e.in(cal.id) {
				continue
			}
			a, b := e.span(cal.zone)
			if e.recurs() || (from == nil || b.After(*from)) && (to == nil || a.Before(*to)) {
				all = append(all, e)
			}
		}
	}
	all = slices.DeleteFunc(all, func(e *event) bool {
		switch {
		case e.version <= since,
			e.cancelled && !deleted && (single || e.series == nil),
			!matches(e, c.q.Get("q")),
			c.q.Has("eventTypes") && !slices.Contains(c.q["eventTypes"], typeOf(e)):
			return true
		}
		return false
	})
	if order == "startTime" {
		slices.SortStableFunc(all, func(a, b *event) int {
			x, _ := a.span(cal.zone)
			y, _ := b.span(cal.zone)
			return x.Compare(y)
		})
	}
	return s.page(c, cal, all)
}

// page is a page of events, and behind the last one a token for what changes later.
func (s *server) page(c *call, cal *calendar, all []*event) (answer, error) {
	var items []any
	for _, e := range all {
		items = append(items, e)
	}
	page, next, err := paged(c, items, 250, 2500)
	if err != nil {
		return nil, err
	}
	zone := c.q.Get("timeZone")
	if zone == "" {
		zone = cal.zone
	}
	for i, v := range page {
		e, _ := v.(*event)
		page[i] = s.view(c, e, cal, zone)
		if e.cancelled && c.q.Has("syncToken") && e.series == nil { // only the id is sure to be there
			page[i] = answer{"kind": "calendar#event", "etag": etag(e.version), "id": e.id, "status": "cancelled"}
		}
	}
	out := answer{
		"kind": "calendar#events", "etag": etag(s.revision), "summary": cal.name, "timeZone": zone, "accessRole": cal.roles[c.token.user],
		"updated": s.now().UTC().Format(time.RFC3339), "items": page, "defaultReminders": []any{},
	}
	if next != "" {
		out["nextPageToken"] = next
	} else {
		out["nextSyncToken"] = base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("%d %d %s", s.revision, s.now().Unix(), cal.id)))
	}
	return out, nil
}

// synced reads a sync token: what was changed since then is wanted.
func (s *server) synced(cal *calendar, token string) (int, error) {
	gone := refuse(http.StatusGone, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.")
	b, err := base64.StdEncoding.DecodeString(token)
	part := strings.SplitN(string(b), " ", 3)
	if err != nil || len(part) != 3 || part[2] != cal.id {
		return 0, gone
	}
	since, err1 := strconv.Atoi(part[0])
	at, err2 := strconv.ParseInt(part[1], 10, 64)
	if err1 != nil || err2 != nil || s.now().Sub(time.Unix(at, 0)) > syncFor {
		return 0, gone
	}
	return since, nil
}

func typeOf(e *event) string {
	if t := e.text("eventType"); t != "" {
		return t
	}
	return "default"
}

// matches reports whether all the words of a search are in what the API looks at.
func matches(e *event, q string) bool {
	text := strings.ToLower(e.text("summary") + " " + e.text("description") + " " + e.text("location") + " " + e.home)
	for _, a := range e.attendees() {
		email, _ := a["email"].(string)
		name, _ := a["displayName"].(string)
		text += " " + strings.ToLower(email+" "+name)
	}
	for _, word := range strings.Fields(strings.ToLower(q)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

func (s *server) instances(c *call, id, of string) (answer, error) {
	cal, err := s.open(c, id, "freeBusyReader")
	if err != nil {
		return nil, err
	}
	e, err := s.find(cal, of)
	if err != nil {
		return nil, err
	}
	from, to, err := bounds(c)
	if err != nil {
		return nil, err
	}
	if !e.recurs() {
		return nil, errInvalid("value: the event is not recurring")
	}
	all := s.expand(e, cal.zone, from, to)
	all = slices.DeleteFunc(all, func(o *event) bool {
		want := c.q.Get("originalStart")
		at, _, _ := point(o.original(), cal.zone)
		return o.cancelled && c.q.Get("showDeleted") != "true" || want != "" && want != at.Format(time.RFC3339) && want != at.Format(time.DateOnly)
	})
	out, err := s.page(c, cal, all)
	delete(out, "nextSyncToken")
	return out, err
}
