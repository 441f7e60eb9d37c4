// Package googlecalendar is a double of Google Calendar, as it is for Marta Klein of
// Northwind: her calendar, those she sees, and Google's OAuth endpoints with a service
// account that may act for the people of her domain.
//
// It takes what the API takes and refuses what that refuses, by the API's discovery
// document of 25 September 2026 and its guides
// (developers.google.com/workspace/calendar/api): scopes, roles, etags, recurrence,
// ids that are taken, sync tokens that end. Who is mailed because of a change is kept,
// so that a test can see that nobody was.
package googlecalendar

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"toolvault/tools/sandbox/double"
)

const (
	base      = "/calendar/v3"
	tokenPath = "/token"
	clientID  = "407408718192-toolvault.apps.googleusercontent.com"
	robot     = "supportbot@northwind-agents.iam.gserviceaccount.com"
	tokenFor  = time.Hour
	maxBody   = 1 << 20

	marta  = "marta.klein@northwind.example"
	jonas  = "jonas.brekke@northwind.example"
	priya  = "priya.sharma@northwind.example"
	tomoko = "tomoko.nomura@northwind.example"
	dana   = "dana.whitfield@acme.example"
	team   = "c_northwindsupport@group.calendar.google.com"
	feasts = "en.german#holiday@group.v.calendar.google.com"

	domain = "@northwind.example"
)

// answer is a JSON object.
type answer = map[string]any

// server is Google, as far as the double goes.
type server struct {
	mu        sync.Mutex
	now       func() time.Time
	calendars []*calendar
	events    []*event
	tokens    map[string]token
	refresh   map[string]token
	consents  *double.Consents
	key       keyPair
	revision  int      // counts the changes of events
	issued    int      // tokens
	mails     []string // that went out because of changes
}

// token is what an access token, or a refresh token, stands for.
type token struct {
	user   string
	scopes []string
	until  time.Time // zero: no end
}

// calendar is a calendar, and who may do what in it.
type calendar struct {
	id, name, zone string
	roles          map[string]string // by user: freeBusyReader, reader, writer, owner
	listed         []string          // users in whose list it is
}

// New returns the double; its clock is now.
func New(now func() time.Time) *double.Double {
	s := &server{now: now, tokens: map[string]token{}, refresh: map[string]token{}, key: newKeyPair()}
	s.consents = double.NewConsents("Google Calendar", clientID, scopes(), now)
	s.seed()
	secret, refresh := "ya29."+double.Fake("google_calendar token", 60), "1//"+double.Fake("google_calendar refresh", 60)
	s.tokens[secret] = token{user: marta, scopes: scopes()}
	s.refresh[refresh] = token{user: marta, scopes: scopes()}
	return &double.Double{
		Service: "google_calendar", Base: base, Handler: s,
		Secret: secret, Refresh: refresh, ClientID: clientID, ClientSecret: clientSecret(),
		Authorize: "/o/oauth2/v2/auth", Token: tokenPath, Revoke: "/revoke",
		Credentials: []double.Credential{{
			Type: "jwt_bearer", Secret: s.key.account(),
			Params: map[string]string{"token_url": "{url}" + tokenPath, "subject": marta},
		}},
		ExpireTokens: func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			for t, is := range s.tokens {
				if !is.until.IsZero() {
					delete(s.tokens, t)
				}
			}
		},
		Snapshot: s.snapshot,
	}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	path, api := strings.CutPrefix(r.URL.EscapedPath(), base+"/")
	if api {
		s.api(w, r, path)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /o/oauth2/v2/auth":
		s.consents.Show(w, r, double.Words(r.URL.Query().Get("scope")), nil, nil)
	case "POST /o/oauth2/v2/auth":
		s.consents.Answered(w, r)
	case "POST " + tokenPath:
		s.token(w, r)
	case "POST /revoke":
		s.revoke(w, r)
	default:
		http.NotFound(w, r)
	}
}

// call is one authenticated request.
type call struct {
	w     http.ResponseWriter
	r     *http.Request
	token token
	q     url.Values
	body  answer
}

// refusal is an error of the API, by its shape.
type refusal struct {
	status                  int
	domain, reason, message string
}

func (e *refusal) Error() string { return e.message }

func refuse(status int, reason, message string) error {
	domain := "global"
	if reason == "requiredAccessLevel" || reason == "forbiddenForNonOrganizer" || reason == "fullSyncRequired" || reason == "timeRangeEmpty" || reason == "forbiddenForServiceAccounts" || reason == "cannotChangeInstanceStartTime" {
		domain = "calendar"
	}
	return &refusal{status, domain, reason, message}
}

var (
	errNotFound = refuse(http.StatusNotFound, "notFound", "Not Found")
	errInvalid  = func(what string) error { return refuse(http.StatusBadRequest, "invalid", "Invalid "+what) }
)

// api answers a call of the API.
func (s *server) api(w http.ResponseWriter, r *http.Request, path string) {
	var segments []string
	for _, part := range strings.Split(path, "/") {
		one, err := url.PathUnescape(part)
		if err != nil {
			send(w, http.StatusBadRequest, errorBody(errInvalid("path").(*refusal)))
			return
		}
		segments = append(segments, one)
	}
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	t, ok := s.tokens[bearer]
	if !ok || !t.until.IsZero() && !s.now().Before(t.until) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="invalid_token"`)
		send(w, http.StatusUnauthorized, answer{"error": answer{
			"code": 401, "message": "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.",
			"errors": []any{answer{"message": "Invalid Credentials", "domain": "global", "reason": "authError", "location": "Authorization", "locationType": "header"}}, "status": "UNAUTHENTICATED",
		}})
		return
	}
	c := &call{w: w, r: r, token: t, q: r.URL.Query(), body: answer{}}
	if r.Method == http.MethodPost || r.Method == http.MethodPatch || r.Method == http.MethodPut {
		dec := json.NewDecoder(r.Body)
		if err := dec.Decode(&c.body); err != nil && err.Error() != "EOF" {
			send(w, http.StatusBadRequest, errorBody(refuse(http.StatusBadRequest, "parseError", "Parse Error").(*refusal)))
			return
		}
	}
	status, out, err := s.route(c, segments)
	if e, ok := err.(*refusal); ok {
		send(w, e.status, errorBody(e))
		return
	}
	if out == nil {
		w.WriteHeader(cmp.Or(status, http.StatusNoContent))
		return
	}
	send(w, cmp.Or(status, http.StatusOK), partial(out, c.q.Get("fields")))
}

// route finds the method of a path, and checks that the token's scopes allow it.
func (s *server) route(c *call, at []string) (int, answer, error) {
	one := func(out answer, err error) (int, answer, error) { return 0, out, err }
	method := c.r.Method
	switch {
	case len(at) == 3 && at[0] == "users" && at[2] == "calendarList" && method == http.MethodGet:
		return one(allowed(c, seesList, func() (answer, error) { return s.calendarList(c) }))
	case len(at) == 4 && at[0] == "users" && at[2] == "calendarList" && method == http.MethodGet:
		return one(allowed(c, seesList, func() (answer, error) { return s.calendarEntry(c, at[3]) }))
	case len(at) == 1 && at[0] == "freeBusy" && method == http.MethodPost:
		return one(allowed(c, seesBusy, func() (answer, error) { return s.freeBusy(c) }))
	}
	if len(at) < 3 || at[0] != "calendars" || at[2] != "events" {
		return 0, nil, errNotFound
	}
	cal := at[1]
	switch {
	case len(at) == 3 && method == http.MethodGet:
		return one(allowed(c, seesEvents, func() (answer, error) { return s.list(c, cal) }))
	case len(at) == 3 && method == http.MethodPost:
		return one(allowed(c, writesEvents, func() (answer, error) { return s.insert(c, cal) }))
	case len(at) == 4 && at[3] == "quickAdd" && method == http.MethodPost:
		return one(allowed(c, writesEvents, func() (answer, error) { return s.quickAdd(c, cal) }))
	case len(at) == 4 && method == http.MethodGet:
		return one(allowed(c, seesEvents, func() (answer, error) { return s.get(c, cal, at[3]) }))
	case len(at) == 4 && method == http.MethodPatch:
		return one(allowed(c, writesEvents, func() (answer, error) { return s.patch(c, cal, at[3]) }))
	case len(at) == 4 && method == http.MethodDelete:
		return one(allowed(c, writesEvents, func() (answer, error) { return nil, s.remove(c, cal, at[3]) }))
	case len(at) == 5 && at[4] == "instances" && method == http.MethodGet:
		return one(allowed(c, seesEvents, func() (answer, error) { return s.instances(c, cal, at[3]) }))
	case len(at) == 5 && at[4] == "move" && method == http.MethodPost:
		return one(allowed(c, writesEvents, func() (answer, error) { return s.move(c, cal, at[3]) }))
	}
	return 0, nil, errNotFound
}

// allowed runs a method if one of the scopes that the discovery document names for it
// was granted.
func allowed(c *call, of []string, run func() (answer, error)) (answer, error) {
	for _, scope := range c.token.scopes {
		if slices.Contains(of, scope) {
			return run()
		}
	}
	c.w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="`+strings.Join(of, " ")+`"`)
	return nil, refuse(http.StatusForbidden, "insufficientPermissions", "Request had insufficient authentication scopes.")
}

// partial keeps the members of an answer that fields names.
func partial(out answer, fields string) answer {
	if fields == "" {
		return out
	}
	kept, depth, from := answer{}, 0, 0
	take := func(to int) {
		name := fields[from:to]
		if i := strings.IndexAny(name, "(/"); i >= 0 {
			name = name[:i]
		}
		if v, ok := out[name]; ok {
			kept[name] = v
		}
	}
	for i, r := range fields {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			take(i)
			from = i + 1
		}
	}
	take(len(fields))
	return kept
}

func errorBody(e *refusal) answer {
	return answer{"error": answer{"code": e.status, "message": e.message, "errors": []any{answer{"domain": e.domain, "reason": e.reason, "message": e.message}}}}
}

func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
