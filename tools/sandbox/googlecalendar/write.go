package googlecalendar

import (
	"cmp"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"toolvault/tools/pattern"
	"toolvault/tools/sandbox/double"
)

var ownID = pattern.New(`^[a-v0-9]{5,1000}$`)

// checked holds the times, the rules and the guests of an event against what the API
// takes.
func checked(data answer, cal *calendar) error {
	start, day, ok1 := point(data["start"], cal.zone)
	end, dayEnd, ok2 := point(data["end"], cal.zone)
	a, _ := data["start"].(answer)
	b, _ := data["end"].(answer)
	rules, _ := data["recurrence"].([]any)
	switch {
	case a == nil:
		return refuse(http.StatusBadRequest, "required", "Missing start time.")
	case b == nil:
		return refuse(http.StatusBadRequest, "required", "Missing end time.")
	case a["date"] != nil && a["dateTime"] != nil || b["date"] != nil && b["dateTime"] != nil || day != dayEnd || !ok1 && day || !ok2 && dayEnd:
		return errInvalid("start or end time.")
	case len(rules) > 0 && !day && a["timeZone"] == nil, !ok1:
		return refuse(http.StatusBadRequest, "required", "Missing time zone definition for start time.")
	case !ok2:
		return refuse(http.StatusBadRequest, "required", "Missing time zone definition for end time.")
	case day && !start.Before(end), end.Before(start):
		return refuse(http.StatusBadRequest, "timeRangeEmpty", "The specified time range is empty.")
	}
	for _, at := range []answer{a, b} {
		if z, ok := at["timeZone"].(string); ok {
			if _, err := time.LoadLocation(z); err != nil || z == "" || z == "Local" {
				return errInvalid("time zone definition")
			}
		}
	}
	for _, v := range rules {
		line, _ := v.(string)
		head, rest, _ := strings.Cut(line, ":")
		name, _, _ := strings.Cut(head, ";")
		if !slices.Contains([]string{"RRULE", "EXRULE", "RDATE", "EXDATE"}, name) {
			return errInvalid("recurrence rule.")
		}
		if name == "RRULE" {
			if _, ok := parseRule(rest); !ok {
				return errInvalid("recurrence rule.")
			}
		}
	}
	seen := map[any]bool{}
	for _, g := range (&event{data: data}).attendees() {
		email, _ := g["email"].(string)
		if !strings.Contains(email, "@") || strings.ContainsAny(email, " ,<>") || seen[email] {
			return errInvalid("attendee email.")
		}
		seen[email] = true
		if g["responseStatus"] == nil {
			g["responseStatus"] = "needsAction"
		}
		delete(g, "self")
		delete(g, "organizer")
	}
	return nil
}

// readOnly are members that a caller sends back and that change nothing.
var readOnly = []string{"kind", "etag", "id", "htmlLink", "created", "updated", "creator", "organizer", "iCalUID", "sequence", "hangoutLink", "recurringEventId", "originalStartTime", "status", "attendeesOmitted"}

// conference deals with what is asked for of a conference: nothing is, but with
// conferenceDataVersion=1.
func conference(c *call, e *event, was any) error {
	conf, ok := e.data["conferenceData"].(answer)
	if c.q.Get("conferenceDataVersion") != "1" {
		if delete(e.data, "conferenceData"); was != nil {
			e.data["conferenceData"] = was
		}
		return nil
	}
	if !ok || reflect.DeepEqual(was, any(conf)) {
		return nil
	}
	req, _ := conf["createRequest"].(answer)
	key, _ := req["conferenceSolutionKey"].(answer)
	if id, _ := req["requestId"].(string); id == "" || key["type"] != "hangoutsMeet" {
		return errInvalid("conference type value.")
	}
	req["status"] = answer{"statusCode": "pending"}
	e.fresh = true
	return nil
}

func (s *server) insert(c *call, id string) (answer, error) {
	cal, err := s.open(c, id, "writer")
	if err != nil {
		return nil, err
	}
	own, given := c.body["id"].(string)
	if given && !ownID.MatchString(own) {
		return nil, errInvalid("resource id value.")
	}
	if given && slices.ContainsFunc(s.events, func(e *event) bool { return e.id == own && e.home == cal.id }) {
		return nil, refuse(http.StatusConflict, "duplicate", "The requested identifier already exists.")
	}
	data := clone(c.body)
	for _, name := range readOnly {
		delete(data, name)
	}
	return s.add(c, cal, own, data)
}

// add makes an event.
func (s *server) add(c *call, cal *calendar, id string, data answer) (answer, error) {
	if err := checked(data, cal); err != nil {
		return nil, err
	}
	e := &event{id: id, home: cal.id, data: data, created: s.now()}
	if len(e.attendees()) > 0 && c.token.user == robot {
		return nil, refuse(http.StatusForbidden, "forbiddenForServiceAccounts", "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority.")
	}
	if err := conference(c, e, nil); err != nil {
		return nil, err
	}
	if id == "" {
		e.id = strings.Map(func(r rune) rune {
			if r >= 'w' && r <= 'z' {
				return r - 20
			}
			return r
		}, strings.ToLower(double.Fake(fmt.Sprintf("google_calendar event %d", s.revision), 26)))
	}
	e.data["creator"] = answer{"email": c.token.user}
	s.touch(e)
	s.events = append(s.events, e)
	s.tell(c, e, "invitation", e.attendees())
	return s.view(c, e, cal, ""), nil
}

// changeable finds an event for a change, and holds its etag against If-Match.
func (s *server) changeable(c *call, id, of string) (*calendar, *event, error) {
	cal, err := s.open(c, id, "writer")
	if err != nil {
		return nil, nil, err
	}
	e, err := s.find(cal, of)
	if err != nil {
		return nil, nil, err
	}
	if m := c.r.Header.Get("If-Match"); m != "" && m != "*" && m != etag(e.version) {
		return nil, nil, refuse(http.StatusPreconditionFailed, "conditionNotMet", "Precondition Failed")
	}
	if e.cancelled && c.body["status"] != "confirmed" {
		return nil, nil, refuse(http.StatusGone, "deleted", "Resource has been deleted")
	}
	return cal, e, nil
}

func (s *server) patch(c *call, id, of string) (answer, error) {
	cal, e, err := s.changeable(c, id, of)
	if err != nil {
		return nil, err
	}
	next := clone(e.data)
	change := clone(c.body)
	for _, name := range readOnly {
		delete(change, name)
	}
	merge(next, change)
	if e.series != nil {
		delete(next, "recurrence")
	}
	if err := checked(next, cal); err != nil {
		return nil, err
	}
	if e.home != cal.id {
		if !sameBut(e.data, next, cal.id) {
			return nil, refuse(http.StatusForbidden, "forbiddenForNonOrganizer", "Shared properties can only be changed by the organizer of the event.")
		}
	} else {
		for _, a := range e.attendees() { // a guest's answer is the guest's
			for _, b := range (&event{data: next}).attendees() {
				if a["email"] == b["email"] && a["email"] != cal.id {
					b["responseStatus"] = a["responseStatus"]
				}
			}
		}
	}
	changed := *e
	changed.data = next
	if err := conference(c, &changed, e.data["conferenceData"]); err != nil {
		return nil, err
	}
	e.fresh = changed.fresh
	before := e.attendees()
	e.data, e.cancelled = next, false
	s.keep(e)
	s.touch(e)
	s.drop(e, cal.zone)
	s.tell(c, e, "update", append(before, added(before, e.attendees())...))
	return s.view(c, e, cal, ""), nil
}

// merge is JSON merge patch (RFC 7396): null takes away, a list is replaced whole.
func merge(into, change answer) {
	for name, v := range change {
		inner, isObject := v.(answer)
		old, wasObject := into[name].(answer)
		switch {
		case v == nil:
			delete(into, name)
		case isObject && wasObject:
			merge(old, inner)
		case isObject:
			fresh := answer{}
			merge(fresh, inner)
			into[name] = fresh
		default:
			into[name] = v
		}
	}
}

func added(before, after []answer) []answer {
	return slices.DeleteFunc(slices.Clone(after), func(a answer) bool {
		return slices.ContainsFunc(before, func(b answer) bool { return a["email"] == b["email"] })
	})
}

// sameBut reports whether two states of an event differ in one guest's answer at most.
func sameBut(a, b answer, guest string) bool {
	a, b = clone(a), clone(b)
	for _, side := range []answer{a, b} {
		for _, g := range (&event{data: side}).attendees() {
			if g["email"] == guest {
				delete(g, "responseStatus")
				delete(g, "comment")
			}
		}
	}
	return reflect.DeepEqual(a, b)
}

// drop forgets the instances that differed and that a series has no longer.
func (s *server) drop(e *event, zone string) {
	if e.series != nil {
		return
	}
	keys := map[string]bool{}
	for _, o := range s.expand(e, zone, nil, nil) {
		keys[o.key] = true
	}
	s.events = slices.DeleteFunc(s.events, func(o *event) bool { return o.series == e && !keys[o.key] })
}

func (s *server) remove(c *call, id, of string) error {
	cal, e, err := s.changeable(c, id, of)
	if err != nil {
		return err
	}
	s.keep(e)
	if e.home != cal.id { // a guest takes it out of the own calendar
		if e.gone == nil {
			e.gone = map[string]bool{}
		}
		e.gone[cal.id] = true
	} else {
		e.cancelled = true
		s.tell(c, e, "cancellation", e.attendees())
	}
	s.touch(e)
	return nil
}

func (s *server) move(c *call, id, of string) (answer, error) {
	cal, e, err := s.changeable(c, id, of)
	if err != nil {
		return nil, err
	}
	to, err := s.open(c, c.q.Get("destination"), "writer")
	switch {
	case err != nil:
		return nil, err
	case e.home != cal.id:
		return nil, refuse(http.StatusForbidden, "forbiddenForNonOrganizer", "Shared properties can only be changed by the organizer of the event.")
	case e.series != nil || typeOf(e) != "default":
		return nil, refuse(http.StatusBadRequest, "cannotChangeOrganizerOfInstance", "Cannot change the organizer of an instance.")
	case to == cal:
		return nil, errInvalid("value for destination")
	}
	e.home = to.id
	for _, o := range s.events {
		if o.series == e {
			o.home = to.id
		}
	}
	s.touch(e)
	s.tell(c, e, "update", e.attendees())
	return s.view(c, e, to, ""), nil
}

var (
	quickDay  = pattern.New(`(?i)\b(?:on )?(\d{4}-\d{2}-\d{2}|today|tomorrow|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b`)
	quickTime = pattern.New(`(?i)\b(?:at )?(\d{1,2})(?::(\d{2}))?\s*(am|pm)\b|\b(?:at )?(\d{1,2}):(\d{2})\b`)
)

// quickAdd reads a sentence for a day and a time, as simply as can be.
func (s *server) quickAdd(c *call, id string) (answer, error) {
	cal, err := s.open(c, id, "writer")
	if err != nil {
		return nil, err
	}
	text := c.q.Get("text")
	if text == "" {
		return nil, refuse(http.StatusBadRequest, "required", "Required parameter: text")
	}
	loc, err := time.LoadLocation(cal.zone)
	if err != nil {
		return nil, errInvalid("time zone")
	}
	day := s.now().In(loc)
	if m := quickDay.FindStringSubmatch(text); m != nil {
		word := strings.ToLower(m[1])
		if t, err := time.ParseInLocation(time.DateOnly, word, loc); err == nil {
			day = t
		} else if word == "tomorrow" {
			day = day.AddDate(0, 0, 1)
		} else if word != "today" {
			for day = day.AddDate(0, 0, 1); !strings.EqualFold(day.Weekday().String(), word); {
				day = day.AddDate(0, 0, 1)
			}
		}
	}
	data := answer{"start": answer{"date": day.Format(time.DateOnly)}, "end": answer{"date": day.AddDate(0, 0, 1).Format(time.DateOnly)}}
	if m := quickTime.FindStringSubmatch(text); m != nil {
		clock, err := time.Parse("15:4", m[4]+":"+m[5])
		if m[3] != "" {
			clock, err = time.Parse("3:04pm", m[1]+":"+cmp.Or(m[2], "00")+strings.ToLower(m[3]))
		}
		if err == nil {
			start := time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), 0, 0, loc)
			data["start"] = answer{"dateTime": start.Format(time.RFC3339), "timeZone": cal.zone}
			data["end"] = answer{"dateTime": start.Add(time.Hour).Format(time.RFC3339), "timeZone": cal.zone}
		}
	}
	data["summary"] = strings.Join(strings.Fields(quickTime.ReplaceAllString(quickDay.ReplaceAllString(text, " "), " ")), " ")
	return s.add(c, cal, "", data)
}
