package googlecalendar

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"toolvault/schemas"
	"toolvault/tools/fault"
)

// Nobody is mailed unless the caller says so: every change says whom Google is to
// notify, which is nobody by itself.
func TestNobodyIsMailedBySurprise(t *testing.T) {
	files, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, f := range files {
		if f.Service != name || f.Annotations.ReadOnly {
			continue
		}
		for notify, sent := range map[string]string{"": "none", "none": "none", "external": "externalOnly", "all": "all"} {
			w := newWorld(t)
			var args map[string]any
			if err := json.Unmarshal(f.Example, &args); err != nil {
				t.Fatal(err)
			}
			if notify != "" {
				args["notify"] = notify
			}
			b, _ := json.Marshal(args)
			if _, err := w.call(strings.TrimPrefix(f.Name, "google_calendar_"), string(b)); err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
			writes, _ := w.writes()
			for _, r := range writes {
				if got := r.URL.Query()["sendUpdates"]; !slices.Equal(got, []string{sent}) {
					t.Errorf("%s, notify %q: %s %s has sendUpdates %q", f.Name, notify, r.Method, r.URL.Path, got)
				}
			}
			if tried++; len(writes) == 0 {
				t.Errorf("%s writes nothing", f.Name)
			}
			if mails := w.mails(); sent == "none" && len(mails) > 0 {
				t.Errorf("%s, notify %q: mailed %q", f.Name, notify, mails)
			}
		}
	}
	if tried < 28 {
		t.Errorf("only %d were tried", tried)
	}
	// Whom the caller names is mailed, and only they.
	for notify, want := range map[string]string{"external": "to " + dana, "all": "to " + jonas} {
		w := newWorld(t)
		must[Saved](w, "create_event", `{"title":"x","start":"2026-11-27 10:00","guests":["`+dana+`","`+jonas+`"],"notify":"`+notify+`"}`)
		if mails := w.mails(); len(mails) != map[string]int{"external": 1, "all": 2}[notify] || !strings.Contains(fmt.Sprint(mails), want) {
			t.Errorf("%s: %q", notify, mails)
		}
	}
}

// Every change of an event that was read is refused once it is another.
func TestChangesAreGuardedByETags(t *testing.T) {
	for tool, args := range map[string]string{
		"update_event":  `{"event":"dana0csv0call","title":"x"`,
		"change_guests": `{"event":"dana0csv0call","add":["` + priya + `"]`,
		"respond":       `{"event":"acme0contract","response":"declined"`,
		"move_event":    `{"event":"dana0csv0call","to":"Support team"`,
		"delete_event":  `{"event":"dana0csv0call"`,
	} {
		w := newWorld(t)
		meddled := false
		w.between = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method != http.MethodGet && !meddled { // somebody else is faster
				meddled = true
				if r.Header.Get("If-Match") == "" {
					t.Errorf("%s: %s %s without If-Match", tool, r.Method, r.URL.Path)
				}
				other := newWorldAt(w)
				id := regexp.MustCompile(`/events/(\w+)`).FindStringSubmatch(r.URL.Path)[1]
				other.meddle(id)
			}
			next.ServeHTTP(rw, r)
		}
		f := w.refused(fault.Conflict, "google_calendar_get_event", tool, args+"}")
		if !f.NotSent || f.Retryable || f.Status != http.StatusPreconditionFailed {
			t.Errorf("%s: %+v", tool, f)
		}
		if tool == "respond" || tool == "move_event" {
			continue // they take no etag
		}
		w = newWorld(t)
		old := must[Event](w, "get_event", `{"event":"dana0csv0call"}`).Etag
		newWorldAt(w).meddle("dana0csv0call")
		before := w.stored("dana0csv0call")
		w.refused(fault.Conflict, "google_calendar_get_event", tool, args+`,"etag":"`+old+`"}`)
		if w.stored("dana0csv0call") != before {
			t.Errorf("%s changed it", tool)
		}
		now := must[Event](w, "get_event", `{"event":"dana0csv0call"}`).Etag
		if _, err := w.call(tool, args+`,"etag":"`+now+`"}`); err != nil {
			t.Errorf("%s with the etag that is good: %v", tool, err)
		}
	}
}

// newWorldAt is another client of the same double.
func newWorldAt(w *world) *world {
	other := &world{t: w.t, svc: w.svc, double: w.double, url: w.url, key: w.key, callID: w.callID, now: w.now}
	return other
}

// meddle changes an event as somebody else would.
func (w *world) meddle(id string) {
	w.t.Helper()
	for _, cal := range []string{marta, "tomoko"} {
		r, _ := http.NewRequest(http.MethodPatch, "http://x/calendar/v3/calendars/"+cal+"/events/"+id+"?sendUpdates=none", strings.NewReader(`{"colorId":"7"}`))
		if strings.HasPrefix(id, "acme0") { // a guest may not: another guest's answer does it
			r, _ = http.NewRequest(http.MethodPatch, "http://x/calendar/v3/calendars/"+marta+"/events/"+id+"?sendUpdates=none", strings.NewReader(`{"attendees":[{"email":"tomoko.nomura@northwind.example","responseStatus":"accepted"},{"email":"`+marta+`","responseStatus":"tentative"},{"email":"`+jonas+`","responseStatus":"tentative"}]}`))
		}
		r.Header.Set("Authorization", "Bearer "+w.key)
		r.Header.Set("Content-Type", "application/json")
		w.double.Handler.ServeHTTP(&nowhere{}, r)
	}
}

type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header {
	if n.h == nil {
		n.h = http.Header{}
	}
	return n.h
}
func (*nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (*nowhere) WriteHeader(int)             {}

// The same call makes one event, whatever became of its answer; so does the same key.
func TestNothingIsBookedTwice(t *testing.T) {
	const args = `{"title":"Retro","start":"2026-11-27 16:00","guests":["` + jonas + `"]}`
	count := func(w *world) (n int) {
		for k, v := range w.double.Snapshot() {
			if strings.HasPrefix(k, "event ") && strings.Contains(v, `"Retro"`) {
				n++
			}
		}
		return n
	}
	w := newWorld(t)
	first := must[Saved](w, "create_event", args)
	if !regexp.MustCompile(`^[a-v0-9]{26,}$`).MatchString(first.ID) {
		t.Errorf("the id is %s", first.ID)
	}
	again := must[Saved](w, "create_event", args)
	if again.ID != first.ID || !strings.Contains(again.Note, "Nothing was made twice") || count(w) != 1 {
		t.Errorf("%+v, %d events", again, count(w))
	}
	w.callID = "01990000-0000-7000-8000-000000000001"
	if other := must[Saved](w, "create_event", args); other.ID == first.ID || count(w) != 2 {
		t.Errorf("another call made %+v", other)
	}

	// With a key it is one event over many calls.
	keyed := func(title string) string {
		return `{"title":"` + title + `","start":"2026-11-28 16:00","key":"ticket-1042"}`
	}
	made := must[Saved](w, "create_event", keyed("Retro"))
	w.callID = "01990000-0000-7000-8000-000000000002"
	if same := must[Saved](w, "create_event", keyed("Retro")); same.ID != made.ID || count(w) != 3 {
		t.Errorf("%+v", same)
	}
	w.refused(fault.Conflict, "another key", "create_event", keyed("Something else"))
	if must[Saved](w, "create_event", `{"calendar":"Support team",`+keyed("Retro")[1:]).ID == made.ID {
		t.Error("one key for two calendars is one id")
	}
	must[Deleted](w, "delete_event", `{"event":"`+made.ID+`"}`)
	w.refused(fault.Conflict, "deleted since", "create_event", keyed("Retro"))

	// The answer was lost: whether it was made is looked up, and said.
	w = newWorld(t)
	w.between = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost {
			next.ServeHTTP(&nowhere{}, r)
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(rw, r)
	}
	if s := must[Saved](w, "create_event", args); s.Title != "Retro" || count(w) != 1 {
		t.Errorf("%+v", s)
	}
	w = newWorld(t)
	w.between = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(rw, r)
	}
	w.refused(fault.UpstreamUnavailable, "will not book twice", "create_event", args)
	if writes, _ := w.writes(); len(writes) != 1 {
		t.Errorf("%d requests", len(writes))
	}
}

// What is sent of an event, and what is answered.
func TestCreateEvent(t *testing.T) {
	for _, c := range []struct{ args, start, end, more string }{
		{`{"title":"a","start":"2026-11-27 16:00"}`, "2026-11-27T16:00:00+01:00", "2026-11-27T16:30:00+01:00", ""},
		{`{"title":"a","start":"friday 16:00","end":"17:15"}`, "2026-11-27T16:00:00+01:00", "2026-11-27T17:15:00+01:00", ""},
		{`{"title":"a","start":"tomorrow 9am","end":"2h"}`, "2026-11-25T09:00:00+01:00", "2026-11-25T11:00:00+01:00", ""},
		{`{"title":"a","start":"2026-11-27T16:00:00Z","minutes":90}`, "2026-11-27T17:00:00+01:00", "2026-11-27T18:30:00+01:00", ""},
		{`{"title":"a","start":"2026-11-27 16:00","timezone":"America/New_York"}`, "2026-11-27T22:00:00+01:00", "2026-11-27T22:30:00+01:00", `"timeZone":"America/New_York"`},
		{`{"title":"a","start":"2026-12-24"}`, "2026-12-24", "2026-12-24", `"end":{"date":"2026-12-25"}`},
		{`{"title":"a","start":"2026-12-24","end":"2026-12-26"}`, "2026-12-24", "2026-12-26", `"end":{"date":"2026-12-27"}`},
		{`{"title":"a","start":"tomorrow"}`, "2026-11-25", "2026-11-25", `"start":{"date":"2026-11-25"}`},
		{`{"title":"a","start":"2026-11-27 16:00","recurrence":["FREQ=WEEKLY;UNTIL=20261231"]}`, "2026-11-27T16:00:00+01:00", "2026-11-27T16:30:00+01:00", `"recurrence":["RRULE:FREQ=WEEKLY;UNTIL=20261231T225959Z"]`},
		{`{"title":"a","start":"2026-12-24","recurrence":["RRULE:FREQ=YEARLY;UNTIL=20301231T235959Z"]}`, "2026-12-24", "2026-12-24", `"RRULE:FREQ=YEARLY;UNTIL=20301231"`},
		{`{"title":"a","start":"2026-11-27 16:00","show_as":"free","location":"Room 1","description":"<b>x</b>"}`, "2026-11-27T16:00:00+01:00", "2026-11-27T16:30:00+01:00", `"transparency":"transparent"`},
	} {
		w := newWorld(t)
		s := must[Saved](w, "create_event", c.args)
		if s.Start != c.start || s.End != c.end {
			t.Errorf("%s: %s to %s", c.args, s.Start, s.End)
		}
		_, bodies := w.writes()
		if !strings.Contains(bodies[0], c.more) {
			t.Errorf("%s: sent %s", c.args, bodies[0])
		}
		if strings.Contains(bodies[0], "recurrence") && strings.Contains(bodies[0], "dateTime") && !strings.Contains(bodies[0], `"timeZone":"Europe/Berlin"`) {
			t.Errorf("a series without its zone: %s", bodies[0])
		}
	}
	w := newWorld(t)
	for _, c := range []struct{ args, says string }{
		{`{"title":"a","start":"2026-11-27 16:00","end":"15:00"}`, "not after"},
		{`{"title":"a","start":"2026-11-27 16:00","end":"17:00","minutes":5}`, "not both"},
		{`{"title":"a","start":"2026-11-27","end":"2026-11-27 17:00"}`, "both"},
		{`{"title":"a","start":"2026-11-27","minutes":5}`, "a day has no minutes"},
		{`{"title":"a","start":"soon"}`, "is no time"},
		{`{"title":"a","start":"2026-11-27 16:00","guests":["Dana"]}`, "e-mail address"},
		{`{"title":"a","start":"2026-11-27 16:00","timezone":"Berlin"}`, "IANA"},
		{`{"title":"a","start":"2026-11-27 16:00","recurrence":["every week"]}`, "RRULE"},
		{`{"title":"a","start":"2026-11-27 16:00","recurrence":["DTSTART:20261127T150000Z"]}`, "DTSTART"},
		{`{"title":"a","start":"2026-11-27 16:00","recurrence":["RRULE:FREQ=WEEKLY;COUNT=3;UNTIL=20261231"]}`, "not both"},
		{`{"title":"a","start":"2026-11-27 16:00","recurrence":["RRULE:FREQ=WEEKLY;UNTIL=20251231"]}`, "before"},
		{`{"title":"a","start":"2026-11-27 16:00","recurrence":["RRULE:FREQ=HOURLY"]}`, "FREQ"},
		{`{"title":"a","start":"2026-11-27 16:00","recurrence":["EXDATE:20261204T150000Z"]}`, "one RRULE"},
	} {
		if f := w.refused(fault.InvalidArguments, c.says, "create_event", c.args); !f.NotSent {
			t.Errorf("%s: %+v", c.args, f)
		}
	}
	if writes, _ := w.writes(); len(writes) > 0 {
		t.Errorf("%d requests were made", len(writes))
	}
	w.refused(fault.NotPermitted, "writer or owner", "create_event", `{"calendar":"Holidays in Germany","title":"a","start":"2026-11-27"}`)
}

// A video link is being made at first, and is there when the event is read again.
func TestMeet(t *testing.T) {
	w := newWorld(t)
	s := must[Saved](w, "create_event", `{"title":"a","start":"2026-11-27 16:00","meet":true}`)
	if s.Conference != "pending" {
		t.Errorf("%+v", s)
	}
	if e := must[Event](w, "get_event", `{"event":"`+s.ID+`"}`); !strings.HasPrefix(e.Conference, "https://meet.google.com/") {
		t.Errorf("%+v", e)
	}
	plain := must[Saved](w, "update_event", `{"event":"dentist0marta0k2","meet":true}`)
	if plain.Conference != "pending" {
		t.Errorf("%+v", plain)
	}
	if e := must[Saved](w, "update_event", `{"event":"`+s.ID+`","title":"b"}`); !strings.HasPrefix(e.Conference, "https://meet.google.com/") {
		t.Errorf("a later change has lost the link: %+v", e)
	}
}

func TestQuickAdd(t *testing.T) {
	w := newWorld(t)
	s := must[Saved](w, "quick_add", `{"text":"Lunch with Priya friday at 12:30"}`)
	if s.Title != "Lunch with Priya" || s.Start != "2026-11-27T12:30:00+01:00" || !strings.Contains(s.Text(), "check that") {
		t.Errorf("%+v", s)
	}
}

// An answer to an invitation changes the own entry and no other, though the API takes
// only the whole list.
func TestRespond(t *testing.T) {
	w := newWorld(t)
	before := w.double.Snapshot()
	s := must[Saved](w, "respond", `{"event":"acme0contract","response":"accepted","comment":"with pleasure"}`)
	if s.MyResponse != "accepted" || len(s.Guests) != 3 || s.Guests[1].Comment != "with pleasure" {
		t.Errorf("%+v", s)
	}
	for k, v := range w.double.Snapshot() {
		if v != before[k] && k != "event acme0contract guest "+marta {
			t.Errorf("%s is %s, was %s", k, v, before[k])
		}
	}
	_, bodies := w.writes()
	var sent struct {
		Attendees []map[string]any `json:"attendees"`
	}
	if err := json.Unmarshal([]byte(bodies[0]), &sent); err != nil || len(sent.Attendees) != 3 || sent.Attendees[2]["responseStatus"] != "tentative" {
		t.Errorf("sent %s", bodies[0])
	}
	w.refused(fault.NotPermitted, "nothing to answer", "respond", `{"event":"dentist0marta0k2","response":"accepted"}`)
	w.refused(fault.NotPermitted, "organizer", "update_event", `{"event":"acme0contract","title":"x"}`)

	// Where guests are left out, only the own answer goes.
	w = newWorld(t)
	w.between = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/acme0contract") {
			rw.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(rw, `{"id":"acme0contract","etag":"\"1\"","attendeesOmitted":true,"attendees":[{"email":%q,"self":true}]}`, marta)
			return
		}
		if r.Method == http.MethodPatch {
			rw.Header().Set("Content-Type", "application/json")
			fmt.Fprint(rw, `{"id":"acme0contract"}`)
			return
		}
		next.ServeHTTP(rw, r)
	}
	must[Saved](w, "respond", `{"event":"acme0contract","response":"declined"}`)
	if _, bodies := w.writes(); !strings.Contains(bodies[0], `"attendeesOmitted":true`) || strings.Count(bodies[0], "email") != 1 {
		t.Errorf("sent %s", bodies[0])
	}
	w.refused(fault.InvalidArguments, "does not show all guests", "change_guests", `{"event":"acme0contract","add":["x@y.example"]}`)
}

func TestChangeGuests(t *testing.T) {
	w := newWorld(t)
	s := must[Saved](w, "change_guests", `{"event":"dana0csv0call","add":["`+priya+`","`+strings.ToUpper(dana)+`"],"remove":["`+jonas+`"],"optional":true}`)
	var got []string
	for _, g := range s.Guests {
		got = append(got, fmt.Sprintf("%s %s %v", g.Email, g.Response, g.Optional))
	}
	if want := []string{marta + " accepted false", dana + " accepted false", priya + " needsAction true"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	w.refused(fault.InvalidArguments, "is not a guest", "change_guests", `{"event":"dana0csv0call","remove":["nobody@acme.example"]}`)
	w.refused(fault.InvalidArguments, "Nobody was named", "change_guests", `{"event":"dana0csv0call"}`)
	for _, g := range []string{marta, dana, priya} {
		s = must[Saved](w, "change_guests", `{"event":"dana0csv0call","remove":["`+g+`"]}`)
	}
	if len(s.Guests) != 0 {
		t.Errorf("%+v", s.Guests)
	}
}

func TestMoveAndDelete(t *testing.T) {
	w := newWorld(t)
	s := must[Saved](w, "move_event", `{"event":"offsite0december","to":"Support team"}`)
	if s.Calendar != team || s.Organizer != team || s.Start != "2026-12-01" || s.End != "2026-12-02" {
		t.Errorf("%+v", s)
	}
	w.refused(fault.InvalidArguments, "in that calendar already", "move_event", `{"event":"dentist0marta0k2","to":"primary"}`)
	w.refused(fault.InvalidArguments, "of type focusTime", "move_event", `{"event":"focus0release0notes","to":"Support team"}`)
	w.refused(fault.InvalidArguments, "Give the series, standup0team", "move_event", `{"event":"standup0team_20261126T080000Z","to":"Support team"}`)
	d := must[Deleted](w, "delete_event", `{"event":"dentist0marta0k2"}`)
	if d.What != "event" || d.Title != "Dentist" || w.stored("dentist0marta0k2") != "" {
		t.Errorf("%+v", d)
	}
	w.refused(fault.NotFound, "was deleted", "delete_event", `{"event":"dentist0marta0k2"}`)
	w.refused(fault.NotFound, "was deleted", "update_event", `{"event":"dentist0marta0k2","title":"x"}`)
	if d := must[Deleted](w, "delete_event", `{"event":"acme0contract"}`); !strings.Contains(d.Note, "gone from this calendar alone") {
		t.Errorf("%+v", d)
	}
	// Between reading and deleting somebody else was faster.
	w.between = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodDelete {
			again := r.Clone(r.Context())
			again.Header.Del("If-Match")
			next.ServeHTTP(&nowhere{}, again)
			r.Header.Del("If-Match")
		}
		next.ServeHTTP(rw, r)
	}
	if f := w.refused(fault.NotFound, "deleted", "delete_event", `{"event":"offsite0december","calendar":"Support team"}`); f.Status != http.StatusGone {
		t.Errorf("%+v", f)
	}
}
