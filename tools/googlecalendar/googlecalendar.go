// Package googlecalendar is Google Calendar: calendars, events and series of them,
// guests, who is free when, and what has changed since.
//
// Nobody is mailed by surprise: each change says whom Google is to notify, which is
// nobody unless the caller asks. An event is made under an id of ours, so that a
// repeat cannot book twice, and changed only while it is as it was read (If-Match).
// What a calendar holds was written by whoever can send an invitation: it is shown as
// somebody else's words. Vendor pages: developers.google.com/workspace/calendar/api.
package googlecalendar

import (
	"context"
	"net/url"
	"slices"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

const (
	name  = "google_calendar"
	title = "Google Calendar"
	api   = "https://www.googleapis.com/calendar/v3"

	// believed is how long the list of calendars, with their names and time zones, is
	// kept.
	believed = 5 * time.Minute

	calendarsRead = "calendars.read"
	eventsRead    = "events.read"
	eventsWrite   = "events.write"
	freebusyRead  = "freebusy.read"
)

// scopeNames are Google's names of our scopes (discovery document, auth.oauth2.scopes):
// for each the narrowest with which all of its tools work.
var scopeNames = map[string]string{
	calendarsRead: "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
	eventsRead:    "https://www.googleapis.com/auth/calendar.events.readonly",
	eventsWrite:   "https://www.googleapis.com/auth/calendar.events",
	freebusyRead:  "https://www.googleapis.com/auth/calendar.events.freebusy",
}

// service is what calls share: the lists of calendars, by credential.
type service struct {
	now   func() time.Time
	lists *names.Cache[[]place]
	zones *names.Cache[place]
}

// New returns the service. It keeps the lists of calendars for a while, so one value
// should serve all calls.
func New() tools.Service { return newService(time.Now) }

func newService(now func() time.Time) tools.Service {
	s := &service{now: now, lists: names.NewCache[[]place](now, believed).AtMost(256), zones: names.NewCache[place](now, believed)}
	return tools.Service{
		Name:     name,
		Title:    title,
		Endpoint: upstream.Endpoint{Service: name, BaseURL: api, Fault: readFault, Limits: limits},
		Scopes: scope.NewCatalog(name,
			scope.Def{Name: calendarsRead, Aliases: []string{"calendar.calendarlist.readonly", "calendar.read"}},
			scope.Def{Name: eventsRead, Aliases: []string{"calendar.events.readonly", "event.read"}},
			scope.Def{Name: freebusyRead, Aliases: []string{"calendar.events.freebusy", "freebusy"}},
			scope.Def{Name: eventsWrite, Aliases: []string{"calendar.events", "event.write"}, Write: true, Implies: []string{eventsRead}},
		),
		Auth: map[string]vault.Scheme{vault.TypeServiceToken: vault.Bearer, vault.TypeOAuthToken: vault.Bearer},
		// developers.google.com/identity/protocols/oauth2/web-server: a refresh token
		// comes with access_type=offline, and again only where consent is asked for again.
		OAuth: &vault.Provider{
			AuthURL:     "https://accounts.google.com/o/oauth2/v2/auth",
			TokenURL:    "https://oauth2.googleapis.com/token",
			RevokeURL:   "https://oauth2.googleapis.com/revoke",
			ClientAuth:  vault.ClientBody,
			PKCE:        true,
			Incremental: true,
			AuthParams:  map[string]string{"access_type": "offline", "prompt": "consent", "include_granted_scopes": "true"},
			ScopeNames:  scopeNames,
			Ends:        "Google ends one when its user takes it back, after six months without use, and after 7 days while the app's consent screen is in testing (an admin can publish it)",
		},
		Tools: slices.Concat(
			s.calendarTools(), s.listTools(), s.eventTools(), s.busyTools(), s.slotTools(),
			s.createTools(), s.updateTools(), s.guestTools(), s.removeTools(), s.changeTools(),
		),
		Probe: s.probe,
	}
}

// probe finds out whose calendar it is, by whatever the credential may read.
func (s *service) probe(ctx context.Context, c *upstream.Client) (string, error) {
	p, err := s.self(ctx, c)
	if err != nil {
		return "", err
	}
	return "the calendar of " + p.name, nil
}

// limits are Google's for projects made since May 2026
// (developers.google.com/workspace/calendar/api/guides/quota): 600 requests a minute
// for a user, counted in a sliding window.
func limits(c *upstream.Client, _ *upstream.Request) []upstream.Limit {
	return []upstream.Limit{{Key: name + " " + c.AccountKey(), Burst: 100, Every: 120 * time.Millisecond, Says: "Google Calendar takes 600 requests a minute for a user"}}
}

// eventsPath is that of a calendar's events, and of one of them where an id is given.
func eventsPath(calendar, id string) string {
	path := "/calendars/" + url.PathEscape(calendar) + "/events"
	if id != "" {
		path += "/" + url.PathEscape(id)
	}
	return path
}

// sendUpdates is what the API calls an argument notify. It is sent with every change.
func sendUpdates(notify string) url.Values {
	v := map[string]string{"external": "externalOnly", "all": "all"}[notify]
	if v == "" {
		v = "none"
	}
	return url.Values{"sendUpdates": {v}}
}
