package toolstest

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// A request that does not fit a discovery document is found out, one that does is not.
func TestDiscovery(t *testing.T) {
	d := TryDiscovery(t, "google/calendar-v3-discovery.json")
	if d == nil {
		t.Skip("SKIPPED: it needs the official description google/calendar-v3-discovery.json")
	}
	for _, c := range []struct{ method, path, body, says string }{
		{"GET", "/calendars/en.german%23holiday%40group.v.calendar.google.com/events?singleEvents=true&timeMin=2026-11-24T09:00:00Z&maxResults=5&eventTypes=default&eventTypes=focusTime", "", ""},
		{"GET", "/calendars/primary/events?singleEvents=maybe", "", "singleEvents"},
		{"GET", "/calendars/primary/events?orderBy=length", "", "orderBy"},
		{"GET", "/calendars/primary/events?eventTypes=party", "", "eventTypes"},
		{"GET", "/calendars/primary/events?timeMin=tomorrow", "", "timeMin"},
		{"GET", "/calendars/primary/events?maxResults=0", "", "maxResults"},
		{"GET", "/calendars/primary/events?single_events=true", "", `"single_events" is not in the description`},
		{"GET", "/calendars/primary/event", "", "no such operation"},
		{"POST", "/calendars/primary/events/x/move", "", "destination"},
		{"PATCH", "/calendars/primary/events/x?sendUpdates=none", `{"start":{"date":null,"dateTime":"2026-11-24T09:00:00Z","timeZone":"UTC"}}`, ""},
		{"PATCH", "/calendars/primary/events/x?sendUpdates=nobody", `{}`, "sendUpdates"},
		{"POST", "/calendars/primary/events", `{"title":"x"}`, `"title" is not in the description`},
		{"POST", "/calendars/primary/events", `{"attendees":[{"mail":"x"}]}`, `"attendees.mail" is not in the description`},
		{"POST", "/calendars/primary/events", `{"summary":7}`, "summary"},
		{"POST", "/freeBusy", `{"timeMin":"2026-11-24T09:00:00Z","items":[{"id":"primary"}]}`, ""},
	} {
		r := httptest.NewRequest(c.method, "/v"+c.path, strings.NewReader(c.body))
		if c.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		_, problems := d.check(r, "/v", []byte(c.body), nil)
		said := strings.Join(problems, "; ")
		if (c.says == "") != (said == "") || !strings.Contains(said, c.says) {
			t.Errorf("%s %s %s: got %q, want %q", c.method, c.path, c.body, said, c.says)
		}
	}
}
