package googlecalendar

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func titles(l Events) []string {
	var all []string
	for _, e := range l.Events {
		all = append(all, e.Start[:min(16, len(e.Start))]+" "+e.Title)
	}
	return all
}

// A list says which window it is about, in which zone, and has series as their dates,
// with what differs from the rule and without what was called off.
func TestListEvents(t *testing.T) {
	w := newWorld(t)
	l := must[Events](w, "list_events", `{"from":"2026-11-25","to":"2026-11-30"}`)
	if l.From != "2026-11-25T00:00:00+01:00" || l.To != "2026-12-01T00:00:00+01:00" || l.TimeZone != "Europe/Berlin" {
		t.Errorf("the window is %s to %s in %s", l.From, l.To, l.TimeZone)
	}
	want := []string{
		"2026-11-25T14:00 Export time-outs: call with Dana", "2026-11-26T10:00 Support stand-up", "2026-11-26T15:00 Dentist", "2026-11-27T11:00 Acme renewal review",
	}
	if got := titles(l); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if text := l.Text(); !strings.Contains(text, "Wed 2026-11-25 14:00–14:45  «Export time-outs: call with Dana»  dana0csv0call  3 guests  my response accepted  join https://meet.google.com/nwd-dana-mee") {
		t.Error(text)
	}
	if e := l.Events[1]; e.Series != "standup0team" || e.ID != "standup0team_20261126T080000Z" {
		t.Errorf("%+v", e)
	}
	l = must[Events](w, "list_events", `{"calendars":["primary","Support team","Holidays in Germany","`+jonas+`"],"from":"2026-11-25","to":"2026-11-29","timezone":"Asia/Kolkata"}`)
	want = []string{
		"2026-11-23 On call: Jonas", "2026-11-25T14:30 Globex onboarding", "2026-11-25T18:30 Export time-outs: call with Dana", "2026-11-25T18:30 Export time-outs: call with Dana",
		"2026-11-26T14:30 Support stand-up", "2026-11-26T14:30 Support stand-up", "2026-11-26T17:30 ", "2026-11-26T19:30 Dentist",
		"2026-11-27T13:30 Rota for December", "2026-11-27T15:30 Acme renewal review", "2026-11-27T15:30 Acme renewal review", "2026-11-27T16:30 Out of office", "2026-11-29 First Sunday of Advent",
	}
	if got := titles(l); !slices.Equal(got, want) || l.TimeZone != "Asia/Kolkata" {
		t.Errorf("got %q", got)
	}
	for _, c := range []struct{ args, want string }{
		{`{"query":"dana"}`, "Export time-outs"},
		{`{"types":["focusTime"]}`, "Release notes"},
		{`{"from":"2026-12-01","to":"2026-12-01"}`, "all_day 2026-12-01 2026-12-02 Support offsite"},
	} {
		l := must[Events](w, "list_events", c.args)
		got := fmt.Sprint(l.Events)
		if len(l.Events) > 0 && l.Events[0].AllDay {
			got = "all_day " + l.Events[0].Start + " " + l.Events[0].End + " " + l.Events[0].Title
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.args, got)
		}
	}
	if l := must[Events](w, "list_events", `{}`); l.From != "2026-11-24T10:00:00+01:00" || l.To != "2026-12-01T10:00:00+01:00" {
		t.Errorf("without a window it is %s to %s", l.From, l.To)
	}
	w.refused(fault.InvalidArguments, "not after", "list_events", `{"from":"2026-11-25","to":"2026-11-24"}`)
	w.refused(fault.InvalidArguments, "366", "list_events", `{"from":"2026-11-25","to":"2028-11-24"}`)
	w.refused(fault.InvalidArguments, "Europe/Berlin", "list_events", `{"timezone":"CET+1"}`)
	w.refused(fault.InvalidArguments, "is no time", "list_events", `{"from":"someday"}`)
	w.refused(fault.InvalidArguments, "at least one", "list_events", `{"calendars":[]}`)
}

// Pages over several calendars bring every event once and in order, however small they
// are, also where pages of the API are empty though more follow.
func TestPagesOfSeveralCalendars(t *testing.T) {
	args := `"calendars":["primary","Support team","Holidays in Germany","` + jonas + `"],"from":"2026-11-23","to":"2026-12-31"`
	whole := titles(must[Events](newWorld(t), "list_events", "{"+args+`,"limit":250}`))
	for _, limit := range []int{1, 2, 3, 7} {
		w := newWorld(t)
		w.between = func(rw http.ResponseWriter, r *http.Request, next http.Handler) { // before each page an empty one
			q := r.URL.Query()
			page := q.Get("pageToken")
			if rest, ok := strings.CutPrefix(page, "after-"); ok {
				if q.Set("pageToken", rest); rest == "" {
					q.Del("pageToken")
				}
				r.URL.RawQuery = q.Encode()
				next.ServeHTTP(rw, r)
				return
			}
			if !strings.HasSuffix(r.URL.Path, "/events") {
				next.ServeHTTP(rw, r)
				return
			}
			rw.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(rw, `{"items":[],"nextPageToken":%q}`, "after-"+page)
		}
		var got []string
		for cursor, n := "", 0; n < 200; n++ {
			l := must[Events](w, "list_events", fmt.Sprintf(`{%s,"limit":%d,"cursor":%q}`, args, limit, cursor))
			if len(l.Events) > limit {
				t.Fatalf("%d events in a page of %d", len(l.Events), limit)
			}
			got = append(got, titles(l)...)
			if cursor = l.Next; cursor == "" {
				break
			}
		}
		if !slices.Equal(got, whole) {
			t.Errorf("limit %d: got %d events\n%q\nwant %d\n%q", limit, len(got), got, len(whole), whole)
		}
	}
	w := newWorld(t)
	l := must[Events](w, "list_events", "{"+args+`,"limit":2}`)
	w.refused(fault.InvalidArguments, "another query", "list_events", fmt.Sprintf(`{"limit":2,"cursor":%q}`, l.Next))
}

// A calendar that cannot be read is said to be so, and the others are still read.
func TestUnreadableCalendars(t *testing.T) {
	w := newWorld(t)
	l := must[Events](w, "list_events", `{"calendars":["primary","tomoko.nomura@northwind.example"]}`)
	if len(l.Unread) != 1 || len(l.Events) == 0 || !strings.Contains(l.Text(), "NOT READ: tomoko.nomura@northwind.example") {
		t.Errorf("%+v", l)
	}
	w.refused(fault.NotFound, "google_calendar_list_calendars", "list_events", `{"calendars":["tomoko.nomura@northwind.example"]}`)
	w.refused(fault.NotFound, "None of these", "list_events", `{"calendars":["tomoko.nomura@northwind.example","x@y.example"]}`)
	w.refused(fault.NotFound, "Did you mean «Support team»", "list_events", `{"calendars":["Suport team"]}`)
}

func TestCalendars(t *testing.T) {
	w := newWorld(t)
	l := must[Calendars](w, "list_calendars", `{"min_role":"writer"}`)
	if len(l.Calendars) != 2 || l.Calendars[0].ID != marta || !l.Calendars[0].Primary || l.Calendars[1].TimeZone != "Europe/Berlin" || l.Calendars[1].Role != "owner" {
		t.Errorf("%+v", l)
	}
	if l = must[Calendars](w, "list_calendars", `{"limit":1,"search":"holiday"}`); l.Total != 1 || l.Next != "" {
		t.Errorf("%+v", l)
	}
	first := must[Calendars](w, "list_calendars", `{"limit":3}`)
	rest := must[Calendars](w, "list_calendars", fmt.Sprintf(`{"limit":3,"cursor":%q}`, first.Next))
	if first.Total != 4 || len(first.Calendars) != 3 || len(rest.Calendars) != 1 || rest.Next != "" {
		t.Errorf("%+v %+v", first, rest)
	}
	if me := must[Calendar](w, "whoami", `{}`); me.ID != marta || me.TimeZone != "Europe/Berlin" {
		t.Errorf("%+v", me)
	}
	if who, err := w.svc.Probe(t.Context(), w.client()); err != nil || who != "the calendar of "+marta {
		t.Error(who, err)
	}
}

// A call that may not see the list of calendars still works on the own one, in its own
// time zone, and looks up no names.
func TestWithoutTheListOfCalendars(t *testing.T) {
	w := newWorld(t)
	w.allows = func(scope string) bool { return scope != calendarsRead }
	if l := must[Events](w, "list_events", `{"from":"2026-11-25","to":"2026-11-25"}`); l.TimeZone != "Europe/Berlin" || len(l.Events) != 1 {
		t.Errorf("%+v", l)
	}
	w.refused(fault.InvalidArguments, "calendars.read", "list_events", `{"calendars":["Support team"]}`)
	if l := must[Events](w, "list_events", `{"calendars":["`+team+`"]}`); len(l.Events) == 0 {
		t.Errorf("%+v", l)
	}
	if me := must[Calendar](w, "whoami", `{}`); me.Name != marta || me.TimeZone != "Europe/Berlin" {
		t.Errorf("%+v", me)
	}
	for _, r := range w.seen {
		if strings.Contains(r.URL.Path, "calendarList") {
			t.Errorf("the list was read: %s", r.URL)
		}
	}
}

// An event is found by its id, its link, or as the next one of a title.
func TestEventsByIDLinkAndTitle(t *testing.T) {
	w := newWorld(t)
	e := must[Event](w, "get_event", `{"event":"dana0csv0call"}`)
	if e.Etag == "" || strings.Contains(e.Etag, `"`) || len(e.Guests) != 3 || !e.Guests[0].Me || e.Guests[1].Email != dana || e.TimeZone != "Europe/Berlin" {
		t.Errorf("%+v", e)
	}
	for _, name := range []string{e.Link, "https://calendar.google.com/calendar/u/0/r/eventedit/" + e.Link[strings.Index(e.Link, "eid=")+4:], "Export time-outs: call with Dana", "call with dana"} {
		if got := must[Event](w, "get_event", fmt.Sprintf(`{"event":%q}`, name)); got.ID != e.ID {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if next := must[Event](w, "get_event", `{"event":"Support stand-up"}`); next.ID != "standup0team_20261126T080000Z" || next.Original != "2026-11-26T09:00:00+01:00" || next.Start != "2026-11-26T10:00:00+01:00" {
		t.Errorf("%+v", next)
	}
	if next := must[Event](w, "get_event", `{"event":"dentist"}`); next.ID != "dentist0marta0k2" || !next.Private { // a word that could be an id
		t.Errorf("%+v", next)
	}
	w.refused(fault.NotFound, "google_calendar_list_events", "get_event", `{"event":"Board meeting"}`)
	w.refused(fault.NotFound, "google_calendar_list_events", "get_event", `{"event":"0123456789abcdefghij0123"}`)
	w.refused(fault.InvalidArguments, "which one", "get_event", `{"event":" "}`)
	w.refused(fault.InvalidArguments, "names no event", "get_event", `{"event":"https://calendar.google.com/calendar/u/0/r"}`)

	// What an admin allows goes by the argument calendar, so a link cannot lead elsewhere.
	other := "https://www.google.com/calendar/event?eid=" + base64.RawURLEncoding.EncodeToString([]byte("rota0planning0dec c_northwindsupport@g"))
	w.refused(fault.InvalidArguments, "another calendar", "get_event", fmt.Sprintf(`{"event":%q}`, other))
	if e := must[Event](w, "get_event", fmt.Sprintf(`{"calendar":"Support team","event":%q}`, other)); e.Title != "Rota for December" {
		t.Errorf("%+v", e)
	}
}

// Two events of one title are not guessed between.
func TestAnAmbiguousTitle(t *testing.T) {
	w := newWorld(t)
	must[Saved](w, "create_event", `{"title":"Dentist","start":"2026-12-10 09:00"}`)
	w.refused(fault.InvalidArguments, "Give the id", "delete_event", `{"event":"Dentist "}`)
}

func TestInstances(t *testing.T) {
	w := newWorld(t)
	l := must[Events](w, "list_instances", `{"event":"standup0team_20261126T080000Z","from":"2026-11-23","to":"2026-12-03","limit":2}`)
	if got, want := titles(l), []string{"2026-11-23T09:00 Support stand-up", "2026-11-26T10:00 Support stand-up"}; !slices.Equal(got, want) || l.Next == "" {
		t.Errorf("%q %s", got, l.Next)
	}
	l = must[Events](w, "list_instances", fmt.Sprintf(`{"event":"standup0team_20261126T080000Z","from":"2026-11-23","to":"2026-12-03","limit":2,"cursor":%q}`, l.Next))
	if got, want := titles(l), []string{"2026-12-03T09:00 Support stand-up"}; !slices.Equal(got, want) || l.Next != "" {
		t.Errorf("%q %s", got, l.Next)
	}
	w.refused(fault.InvalidArguments, "not a series", "list_instances", `{"event":"dana0csv0call"}`)
}

// What has changed is what has changed since the token, and an old token says to
// start again.
func TestChanges(t *testing.T) {
	w := newWorld(t)
	first := must[Changes](w, "changes", `{}`)
	if first.Token == "" || len(first.Changed) != 0 || first.Note == "" {
		t.Fatalf("%+v", first)
	}
	since := func(token string) Changes {
		return must[Changes](w, "changes", fmt.Sprintf(`{"sync_token":%q}`, token))
	}
	if l := since(first.Token); len(l.Changed) != 0 || l.Token == "" {
		t.Errorf("%+v", l)
	}
	must[Saved](w, "update_event", `{"event":"dana0csv0call","title":"Export time-outs"}`)
	must[Deleted](w, "delete_event", `{"event":"dentist0marta0k2"}`)
	must[Saved](w, "create_event", `{"title":"Retro","start":"2026-11-27 16:00"}`)
	l := since(first.Token)
	var got []string
	for _, e := range l.Changed {
		got = append(got, e.Title+"/"+e.Status)
	}
	if slices.Sort(got); !slices.Equal(got, []string{"/cancelled", "Export time-outs/", "Retro/"}) {
		t.Errorf("%q", got)
	}
	if again := since(l.Token); len(again.Changed) != 0 {
		t.Errorf("%+v", again)
	}
	page := must[Changes](w, "changes", fmt.Sprintf(`{"sync_token":%q,"limit":2}`, first.Token))
	rest := must[Changes](w, "changes", fmt.Sprintf(`{"sync_token":%q,"limit":2,"cursor":%q}`, first.Token, page.Next))
	if len(page.Changed) != 2 || page.Token != "" || len(rest.Changed) != 1 || rest.Token == "" {
		t.Errorf("%+v %+v", page, rest)
	}
	w.now = w.now.AddDate(0, 1, 0)
	w.refused(fault.Conflict, "Start again", "changes", fmt.Sprintf(`{"sync_token":%q}`, first.Token))
	w.refused(fault.Conflict, "without sync_token", "changes", `{"sync_token":"nonsense"}`)
}

// A credential without a scope says which one is missing.
func TestMissingScope(t *testing.T) {
	w := newWorld(t)
	w.between = func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(rw).Encode(map[string]any{"error": map[string]any{"code": 403, "message": "Request had insufficient authentication scopes.", "errors": []any{map[string]any{"domain": "global", "reason": "insufficientPermissions"}}}})
	}
	f := w.refused(fault.NotPermitted, "calendar.events.readonly", "list_events", `{}`)
	if f.Code != "insufficientPermissions" || f.Retryable {
		t.Errorf("%+v", f)
	}
	w.refused(fault.NotPermitted, "calendarlist.readonly", "list_calendars", `{}`)
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		status int
		reason string
		kind   fault.Kind
		again  bool
		says   string
	}{
		{400, "invalid", fault.InvalidArguments, false, "said"},
		{400, "timeRangeEmpty", fault.InvalidArguments, false, "not after"},
		{401, "authError", fault.CredentialInvalid, false, "refused the credential"},
		{403, "rateLimitExceeded", fault.RateLimited, true, "Wait"},
		{403, "userRateLimitExceeded", fault.RateLimited, true, "user"},
		{429, "rateLimitExceeded", fault.RateLimited, true, "Wait"},
		{403, "quotaExceeded", fault.RateLimited, false, "quota"},
		{403, "calendarUsageLimitsExceeded", fault.RateLimited, false, "some hours"},
		{403, "requiredAccessLevel", fault.NotPermitted, false, "writer or owner"},
		{403, "forbiddenForNonOrganizer", fault.NotPermitted, false, "organizer"},
		{403, "forbiddenForServiceAccounts", fault.NotPermitted, false, "subject"},
		{403, "accessNotConfigured", fault.NotPermitted, false, "enable it"},
		{403, "forbidden", fault.NotPermitted, false, "does not let"},
		{404, "notFound", fault.NotFound, false, "google_calendar_list_calendars"},
		{409, "duplicate", fault.Conflict, false, "already"},
		{410, "deleted", fault.NotFound, false, "deleted"},
		{410, "fullSyncRequired", fault.Conflict, false, "Start again"},
		{412, "conditionNotMet", fault.Conflict, false, "google_calendar_get_event"},
		{500, "backendError", fault.UpstreamError, true, "of its own"},
		{503, "", fault.UpstreamUnavailable, true, "not available"},
	} {
		body := fmt.Sprintf(`{"error":{"code":%d,"message":"what Google said \u202e","errors":[{"domain":"global","reason":%q}]}}`, c.status, c.reason)
		f := readFault(&upstream.Response{Service: name, Status: c.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)})
		if f == nil || f.Kind != c.kind || f.Retryable != c.again || !strings.Contains(f.Message, c.says) || f.Code != c.reason {
			t.Errorf("%d %s: %+v", c.status, c.reason, f)
		}
	}
}

// However long what people write is, an answer is what a model can take, and the pages
// together are all of it.
func TestAnswersAreBounded(t *testing.T) {
	var items []string
	for i := range 250 {
		items = append(items, fmt.Sprintf(`{"id":"long%05d","summary":%q,"location":%q,"organizer":{"email":%q},"start":{"dateTime":"2026-11-25T10:00:00Z"},"end":{"dateTime":"2026-11-25T11:00:00Z"},"attendees":[{"email":"a@b.example"}]}`,
			i, strings.Repeat("é", 1000), strings.Repeat("x", 1000), strings.Repeat("y", 200)))
	}
	page := `{"items":[` + strings.Join(items, ",") + `],"nextSyncToken":"t"}`
	for tool, args := range map[string]string{"list_events": `"limit":250`, "list_instances": `"event":"standup0team","limit":250`, "changes": `"sync_token":"s","limit":250`} {
		w := newWorld(t)
		w.between = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if p := r.URL.Path; strings.HasSuffix(p, "/events") && r.Method == http.MethodGet || strings.HasSuffix(p, "/instances") {
				rw.Header().Set("Content-Type", "application/json")
				_, _ = rw.Write([]byte(page))
				return
			}
			next.ServeHTTP(rw, r)
		}
		seen, cursor := map[string]bool{}, ""
		for n := 0; n == 0 || cursor != ""; n++ {
			out, err := w.call(tool, fmt.Sprintf(`{%s,"cursor":%q}`, args, cursor))
			if err != nil || n > 50 {
				t.Fatalf("%s: %v", tool, err)
			}
			raw, _ := json.Marshal(out)
			if text := out.(interface{ Text() string }).Text(); len(raw) > 70_000 || len(text) > 70_000 {
				t.Errorf("%s: %d bytes, text %d", tool, len(raw), len(text))
			}
			var l struct {
				Events, Changed []Event
				Next            string `json:"next_cursor"`
			}
			_ = json.Unmarshal(raw, &l)
			for _, e := range append(l.Events, l.Changed...) {
				if seen[e.ID] {
					t.Fatalf("%s: %s came twice", tool, e.ID)
				}
				seen[e.ID] = true
			}
			cursor = l.Next
		}
		if len(seen) != 250 {
			t.Errorf("%s: %d of 250", tool, len(seen))
		}
	}
	w := newWorld(t)
	var guests []string
	for i := range 500 {
		guests = append(guests, fmt.Sprintf(`{"email":"%s%d@b.example","displayName":%q,"comment":%q}`, strings.Repeat("g", 200), i, strings.Repeat("é", 200), strings.Repeat("é", 600)))
	}
	w.between = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/dana0csv0call") {
			rw.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(rw, `{"id":"dana0csv0call","summary":"x","description":%q,"attendees":[%s]}`, strings.Repeat("é", 100_000), strings.Join(guests, ","))
			return
		}
		next.ServeHTTP(rw, r)
	}
	e := must[Event](w, "get_event", `{"event":"dana0csv0call"}`)
	if raw, _ := json.Marshal(e); len(raw) > 60_000 || e.GuestCount != 500 || !strings.Contains(e.Text(), "more guests") {
		t.Errorf("%d bytes, %d guests", len(raw), e.GuestCount)
	}
}
