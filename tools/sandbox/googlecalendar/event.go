package googlecalendar

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// event is an event, a series of them, or one instance of a series that differs from
// the rest. Guests see the same one in their calendars.
type event struct {
	id, home  string // home is the organizer's calendar
	data      answer // as the API takes and gives it, but for what view adds
	version   int
	created   time.Time
	updated   time.Time
	cancelled bool
	gone      map[string]bool // calendars of guests who have removed it
	series    *event          // of an instance
	key       string          // of an instance: when it was to be, as in its id
	fresh     bool            // its conference is still being made
	virtual   bool            // an instance like all others, which is stored nowhere
}

func etag(version int) string { return `"` + strconv.Itoa(3500000000000000+2*version) + `"` }

func clone(m answer) answer {
	b, _ := json.Marshal(m)
	var out answer
	_ = json.Unmarshal(b, &out)
	return out
}

func (e *event) text(name string) string {
	s, _ := e.data[name].(string)
	return s
}

// point reads a start or end: a day has no time and ends where the next begins.
func point(v any, zone string) (t time.Time, day bool, ok bool) {
	m, _ := v.(answer)
	if d, is := m["date"].(string); is {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			return t, true, false
		}
		t, err = time.ParseInLocation(time.DateOnly, d, loc)
		return t, true, err == nil
	}
	text, _ := m["dateTime"].(string)
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, false, true
	}
	own, _ := m["timeZone"].(string)
	loc, err := time.LoadLocation(own)
	if err != nil || own == "" {
		return t, false, false
	}
	t, err = time.ParseInLocation("2006-01-02T15:04:05", text, loc)
	return t, false, err == nil
}

func (e *event) span(zone string) (time.Time, time.Time) {
	a, _, _ := point(e.data["start"], zone)
	b, _, _ := point(e.data["end"], zone)
	return a, b
}

func (e *event) attendees() []answer {
	list, _ := e.data["attendees"].([]any)
	var all []answer
	for _, v := range list {
		if m, ok := v.(answer); ok {
			all = append(all, m)
		}
	}
	return all
}

func responseOf(data answer, email string) string {
	for _, a := range (&event{data: data}).attendees() {
		if a["email"] == email {
			r, _ := a["responseStatus"].(string)
			return r
		}
	}
	return ""
}

// in reports whether an event is in a calendar: as its organizer's, or a guest's.
func (e *event) in(cal string) bool {
	if e.home == cal {
		return true
	}
	return !e.gone[cal] && slices.ContainsFunc(e.attendees(), func(a answer) bool { return a["email"] == cal })
}

// view is an event as it is seen in a calendar, with times in a zone; "" leaves them.
func (s *server) view(c *call, e *event, cal *calendar, zone string) answer {
	out := clone(e.data)
	if e.fresh {
		e.fresh = false
	} else if conf, ok := out["conferenceData"].(answer); ok {
		if req, ok := conf["createRequest"].(answer); ok {
			code := "nwd-" + e.id[:min(4, len(e.id))] + "-mee"
			req["status"] = answer{"statusCode": "success"}
			conf["conferenceId"], conf["conferenceSolution"] = code, answer{"key": answer{"type": "hangoutsMeet"}, "name": "Google Meet"}
			conf["entryPoints"] = []any{answer{"entryPointType": "video", "uri": "https://meet.google.com/" + code, "label": "meet.google.com/" + code}}
			out["hangoutLink"] = "https://meet.google.com/" + code
		}
	}
	out["kind"], out["etag"], out["id"], out["status"] = "calendar#event", etag(e.version), e.id, "confirmed"
	if e.cancelled {
		out["status"] = "cancelled"
	}
	out["created"], out["updated"] = e.created.UTC().Format(time.RFC3339), e.updated.UTC().Format("2006-01-02T15:04:05.000Z")
	out["htmlLink"] = "https://www.google.com/calendar/event?eid=" + base64.RawURLEncoding.EncodeToString([]byte(e.id+" "+strings.Replace(cal.id, "@group.calendar.google.com", "@g", 1)))
	out["organizer"] = s.person(e.home, cal.id)
	if _, ok := out["creator"]; !ok {
		out["creator"] = s.person(e.home, cal.id)
	}
	if _, ok := out["eventType"]; !ok {
		out["eventType"] = "default"
	}
	out["iCalUID"], out["sequence"], out["reminders"] = e.id+"@google.com", 0, answer{"useDefault": true}
	if list, ok := out["attendees"].([]any); ok {
		for _, v := range list {
			a, _ := v.(answer)
			if a["email"] == cal.id {
				a["self"] = true
			}
			if a["email"] == e.home {
				a["organizer"] = true
			}
		}
	}
	if e.series != nil {
		out["recurringEventId"] = e.series.id
		out["originalStartTime"] = e.original()
		delete(out, "recurrence")
	}
	if loc, err := time.LoadLocation(zone); err == nil && zone != "" {
		for _, name := range []string{"start", "end", "originalStartTime"} {
			if at, ok := out[name].(answer); ok && at["dateTime"] != nil {
				if t, _, ok := point(at, zone); ok {
					at["dateTime"] = t.In(loc).Format(time.RFC3339)
				}
			}
		}
	}
	if role := cal.roles[c.token.user]; out["visibility"] == "private" && (role == "reader" || role == "freeBusyReader") || role == "freeBusyReader" || onlyBusy(c) {
		for name := range out {
			if !slices.Contains([]string{"kind", "etag", "id", "status", "start", "end", "visibility", "eventType", "recurringEventId", "originalStartTime", "updated"}, name) {
				delete(out, name)
			}
		}
	}
	return out
}

// onlyBusy reports whether the token sees of events only when they are.
func onlyBusy(c *call) bool {
	for _, s := range c.token.scopes {
		if slices.Contains(seesEvents, s) && s != scopeBase+"calendar.events.freebusy" {
			return false
		}
	}
	return true
}

func (s *server) person(email, cal string) answer {
	p := answer{"email": email}
	if email == cal {
		p["self"] = true
	}
	if c := s.calendar(email); c != nil && strings.Contains(email, "@group.") {
		p["displayName"] = c.name
	}
	return p
}

// original is when an instance was to be.
func (e *event) original() answer {
	start, _ := e.series.data["start"].(answer)
	if t, err := time.Parse("20060102", e.key); err == nil {
		return answer{"date": t.Format(time.DateOnly)}
	}
	t, _ := time.Parse("20060102T150405Z", e.key)
	return answer{"dateTime": t.Format(time.RFC3339), "timeZone": start["timeZone"]}
}

// touch notes that an event was changed.
func (s *server) touch(e *event) {
	s.revision++
	e.version, e.updated = s.revision, s.now()
}

// find is the event of an id in a calendar, or the instance of a series; what was
// deleted is still found.
func (s *server) find(cal *calendar, id string) (*event, error) {
	for _, e := range s.events {
		if e.id == id && e.in(cal.id) {
			return e, nil
		}
	}
	i := strings.LastIndexByte(id, '_')
	if i < 0 {
		return nil, errNotFound
	}
	for _, e := range s.events {
		if e.id == id[:i] && e.in(cal.id) && e.recurs() && !e.cancelled {
			for _, o := range s.expand(e, cal.zone, nil, nil) {
				if o.key == id[i+1:] {
					return o, nil
				}
			}
		}
	}
	return nil, errNotFound
}

// keep stores an instance that is to differ from the others.
func (s *server) keep(e *event) {
	if e.virtual {
		e.virtual = false
		s.events = append(s.events, e)
	}
}

// tell keeps who is mailed because of a change (parameter sendUpdates).
func (s *server) tell(c *call, e *event, what string, guests []answer) {
	to := c.q.Get("sendUpdates")
	for _, a := range guests {
		email, _ := a["email"].(string)
		external := !strings.HasSuffix(email, domain)
		if email != c.token.user && (to == "all" || to == "externalOnly" && external) {
			s.mails = append(s.mails, what+" of "+e.id+" to "+email)
		}
	}
}
