package googlecalendar

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"toolvault/tools/sandbox/double"
	"toolvault/tools/toolstest"
)

var tuesday = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// ask makes a request of the API and returns the status and the answer. What is
// answered fits the discovery document.
func ask(t *testing.T, d *double.Double, method, path, body, match string) (int, answer) {
	t.Helper()
	h := toolstest.TryDiscovery(t, "google/calendar-v3-discovery.json").Guard(quiet{t}, base, d, toolstest.Answers())
	r := httptest.NewRequest(method, base+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+d.Secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if match != "" {
		r.Header.Set("If-Match", match)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	var out answer
	if rec.Body.Len() > 0 {
		if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
			t.Fatalf("%s %s: %s", method, path, rec.Body)
		}
	}
	return rec.Code, out
}

// quiet lets through what is said of requests: some here are wrong on purpose.
type quiet struct{ *testing.T }

func (q quiet) Errorf(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); strings.Contains(text, "answer to") {
		q.T.Error(text)
	}
}

func reason(a answer) string {
	e, _ := a["error"].(answer)
	list, _ := e["errors"].([]any)
	if len(list) == 0 {
		return ""
	}
	first, _ := list[0].(answer)
	s, _ := first["reason"].(string)
	return s
}

// What the API refuses, the double refuses, by the same status and reason.
func TestRefusals(t *testing.T) {
	const times = `"start":{"dateTime":"2026-11-27T10:00:00Z"},"end":{"dateTime":"2026-11-27T11:00:00Z"}`
	mine := "/calendars/primary/events"
	for _, c := range []struct {
		method, path, body, match string
		status                    int
		reason                    string
	}{
		{"POST", mine, `{"id":"Not-Base32",` + times + `}`, "", 400, "invalid"},
		{"POST", mine, `{"id":"dana0csv0call",` + times + `}`, "", 409, "duplicate"},
		{"POST", mine, `{"start":{"dateTime":"2026-11-27T10:00:00Z"}}`, "", 400, "required"},
		{"POST", mine, `{"start":{"dateTime":"2026-11-27T10:00:00"},"end":{"dateTime":"2026-11-27T11:00:00"}}`, "", 400, "required"},
		{"POST", mine, `{"start":{"dateTime":"2026-11-27T10:00:00Z"},"end":{"dateTime":"2026-11-27T09:00:00Z"}}`, "", 400, "timeRangeEmpty"},
		{"POST", mine, `{"start":{"date":"2026-11-27"},"end":{"date":"2026-11-27"}}`, "", 400, "timeRangeEmpty"},
		{"POST", mine, `{"start":{"date":"2026-11-27"},"end":{"dateTime":"2026-11-27T09:00:00Z"}}`, "", 400, "invalid"},
		{"POST", mine, `{` + times + `,"recurrence":["RRULE:FREQ=DAILY"]}`, "", 400, "required"},
		{"POST", mine, `{"start":{"date":"2026-11-27"},"end":{"date":"2026-11-28"},"recurrence":["FREQ=DAILY"]}`, "", 400, "invalid"},
		{"POST", mine, `{` + times + `,"attendees":[{"email":"Dana"}]}`, "", 400, "invalid"},
		{"POST", mine + "?conferenceDataVersion=1", `{` + times + `,"conferenceData":{"createRequest":{}}}`, "", 400, "invalid"},
		{"POST", "/calendars/" + url.PathEscape(feasts) + "/events", `{` + times + `}`, "", 403, "requiredAccessLevel"},
		{"GET", "/calendars/" + tomoko + "/events", "", "", 404, "notFound"},
		{"GET", mine + "?orderBy=startTime", "", "", 400, "badRequest"},
		{"GET", mine + "?timeMin=2026-11-27", "", "", 400, "badRequest"},
		{"GET", mine + "?timeMin=2026-11-27T00:00:00Z&timeMax=2026-11-26T00:00:00Z", "", "", 400, "timeRangeEmpty"},
		{"GET", mine + "?syncToken=x", "", "", 410, "fullSyncRequired"},
		{"GET", mine + "?syncToken=x&timeMin=2026-11-27T00:00:00Z", "", "", 400, "badRequest"},
		{"GET", mine + "/nothing0here", "", "", 404, "notFound"},
		{"GET", mine + "/standup0team_20261127T080000Z", "", "", 404, "notFound"},
		{"GET", mine + "/dana0csv0call/instances", "", "", 400, "invalid"},
		{"PATCH", mine + "/dana0csv0call", `{"summary":"x"}`, `"1"`, 412, "conditionNotMet"},
		{"PATCH", mine + "/dana0csv0call", `{"start":{"date":"2026-11-27"},"end":{"date":"2026-11-28"}}`, "", 400, "invalid"},
		{"PATCH", mine + "/acme0contract", `{"summary":"x"}`, "", 403, "forbiddenForNonOrganizer"},
		{"PATCH", mine + "/acme0contract", `{"attendees":[]}`, "", 403, "forbiddenForNonOrganizer"},
		{"POST", mine + "/focus0release0notes/move?destination=" + url.QueryEscape(team), "", "", 400, "cannotChangeOrganizerOfInstance"},
		{"DELETE", mine + "/dana0csv0call", "", `"1"`, 412, "conditionNotMet"},
	} {
		d := New(func() time.Time { return tuesday })
		before := fmt.Sprint(d.Snapshot())
		status, a := ask(t, d, c.method, c.path, c.body, c.match)
		if status != c.status || reason(a) != c.reason {
			t.Errorf("%s %s %s: %d %v", c.method, c.path, c.body, status, a)
		}
		if fmt.Sprint(d.Snapshot()) != before {
			t.Errorf("%s %s changed something", c.method, c.path)
		}
	}
}

// A second deletion is 410; what was deleted is still read, as cancelled.
func TestDeletedTwice(t *testing.T) {
	d := New(func() time.Time { return tuesday })
	const path = "/calendars/primary/events/dentist0marta0k2"
	if status, _ := ask(t, d, "DELETE", path, "", ""); status != http.StatusNoContent {
		t.Fatal(status)
	}
	if status, a := ask(t, d, "DELETE", path, "", ""); status != http.StatusGone || reason(a) != "deleted" {
		t.Errorf("%d %v", status, a)
	}
	if status, a := ask(t, d, "GET", path, "", ""); status != http.StatusOK || a["status"] != "cancelled" {
		t.Errorf("%d %v", status, a)
	}
}

// A change makes another etag, a list that is patched is another list, and a day and a
// time do not stand in one place.
func TestPatch(t *testing.T) {
	d := New(func() time.Time { return tuesday })
	const path = "/calendars/primary/events/dana0csv0call"
	_, was := ask(t, d, "GET", path, "", "")
	status, a := ask(t, d, "PATCH", path, `{"location":null,"attendees":[{"email":"dana.whitfield@acme.example","responseStatus":"declined"}]}`, was["etag"].(string))
	if list := a["attendees"].([]any); status != 200 || a["etag"] == was["etag"] || a["location"] != nil || len(list) != 1 || list[0].(answer)["responseStatus"] != "accepted" || a["summary"] != was["summary"] {
		t.Errorf("%v", a)
	}
	status, a = ask(t, d, "PATCH", path, `{"start":{"date":"2026-11-27","dateTime":null,"timeZone":null},"end":{"date":"2026-11-28","dateTime":null,"timeZone":null}}`, "")
	if status != 200 || a["start"].(answer)["date"] != "2026-11-27" {
		t.Errorf("%d %v", status, a)
	}
}

func TestRules(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 10, 22, 9, 0, 0, 0, berlin) // a Thursday, before the clocks change
	for rule, want := range map[string]string{
		"FREQ=DAILY;COUNT=3":                         "10-22 09 10-23 09 10-24 09",
		"FREQ=WEEKLY;COUNT=3":                        "10-22 09 10-29 09 11-05 09",
		"FREQ=WEEKLY;BYDAY=MO,TH;COUNT=4":            "10-22 09 10-26 09 10-29 09 11-02 09",
		"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;COUNT=4": "10-22 09 11-02 09 11-05 09 11-16 09",
		"FREQ=MONTHLY;COUNT=2":                       "10-22 09 11-22 09",
		"FREQ=MONTHLY;BYDAY=-1FR;COUNT=2":            "10-30 09 11-27 09",
		"FREQ=WEEKLY;UNTIL=20261029T080000Z":         "10-22 09 10-29 09",
		"FREQ=WEEKLY;UNTIL=20261029T075959Z":         "10-22 09",
		"FREQ=DAILY;BYDAY=SA;COUNT=2":                "10-24 09 10-31 09",
	} {
		all, ok := Dates([]string{"RRULE:" + rule}, start, false)
		var got []string
		for _, at := range all {
			got = append(got, at.Format("01-02 15"))
		}
		if !ok || strings.Join(got, " ") != want {
			t.Errorf("%s: %q", rule, got)
		}
	}
	for _, none := range []string{"", "FREQ=HOURLY", "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;BYDAY=MOTH", "FREQ=DAILY;COUNT=2;UNTIL=20261029", "FREQ=DAILY;INTERVAL=0"} {
		if _, ok := Dates([]string{"RRULE:" + none}, start, false); ok {
			t.Errorf("%q is taken", none)
		}
	}
	if all, ok := Dates([]string{"RRULE:FREQ=MONTHLY;BYDAY=53MO"}, start, false); !ok || len(all) > 0 {
		t.Errorf("a rule that fits no day: %v", all)
	}
}

// A token does what its scopes allow, and no more.
func TestScopes(t *testing.T) {
	s := func(d *double.Double) *server { return d.Handler.(*server) }
	for _, c := range []struct {
		scope, method, path, body string
		status                    int
	}{
		{"calendar.events.readonly", "GET", "/calendars/primary/events", "", 200},
		{"calendar.events.readonly", "DELETE", "/calendars/primary/events/dentist0marta0k2", "", 403},
		{"calendar.events.readonly", "GET", "/users/me/calendarList", "", 403},
		{"calendar.events.readonly", "POST", "/freeBusy", `{"timeMin":"2026-11-24T09:00:00Z","timeMax":"2026-11-25T09:00:00Z"}`, 403},
		{"calendar.events.freebusy", "POST", "/freeBusy", `{"timeMin":"2026-11-24T09:00:00Z","timeMax":"2026-11-25T09:00:00Z"}`, 200},
		{"calendar.calendarlist.readonly", "GET", "/users/me/calendarList", "", 200},
		{"calendar.calendarlist.readonly", "GET", "/calendars/primary/events", "", 403},
	} {
		d := New(func() time.Time { return tuesday })
		s(d).tokens[d.Secret] = token{user: marta, scopes: named(c.scope)}
		if status, a := ask(t, d, c.method, c.path, c.body, ""); status != c.status || status == 403 && reason(a) != "insufficientPermissions" {
			t.Errorf("%s: %s %s is %d %v", c.scope, c.method, c.path, status, a)
		}
	}
	// With free/busy alone one sees when, and not what.
	d := New(func() time.Time { return tuesday })
	s(d).tokens[d.Secret] = token{user: marta, scopes: named("calendar.events.freebusy")}
	_, a := ask(t, d, "GET", "/calendars/primary/events/dana0csv0call", "", "")
	if a["summary"] != nil || a["attendees"] != nil || a["start"] == nil {
		t.Errorf("%v", a)
	}
	d.Secret = "ya29.none"
	if status, a := ask(t, d, "GET", "/calendars/primary/events", "", ""); status != 401 || reason(a) != "authError" {
		t.Errorf("%d %v", status, a)
	}
}

// The events that there are have ids that the API would take.
func TestSeededIDs(t *testing.T) {
	d := New(func() time.Time { return tuesday })
	for _, e := range d.Handler.(*server).events {
		if e.series == nil && !ownID.MatchString(e.id) {
			t.Errorf("%s is no id", e.id)
		}
	}
}
