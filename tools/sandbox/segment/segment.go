// Package segment is a double of Segment: the tracking API, the Profile API and the
// Public API of a workspace in the United States and of one in Europe, and the
// token endpoint that serves them. See seed.go for what they hold.
//
// The tracking API of the United States is at the root; the others are at
// /tracking.eu, /profiles, /profiles.eu, /public, /public.eu, /oauth2 and /oauth2.eu.
package segment

import (
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"toolvault/tools/sandbox/double"
)

// segment is both regions.
type segment struct {
	now func() time.Time
	mu  sync.Mutex
	us  *region
	eu  *region
}

// region is one workspace, and what was sent to it.
type region struct {
	name                    string
	id, slug, title         string // of the workspace
	public, profiles, space string // the token of the Public API, the one of the space, and its id
	sources                 []*source
	destinations            []*destination
	plans                   []*plan
	users, accounts         []*profile
	views                   map[string]string // pages and screens that were seen, by message id
	regulations             []*regulation
	audit                   []change
	suppressed              map[string]bool      // user ids of which nothing is taken
	seen                    map[string]time.Time // message ids of the last day
	app                     *App
	tokens                  map[string]granted // access tokens
	used                    map[string]bool    // ids of client assertions
	minute                  time.Time          // in which event volumes were asked for last
	asked                   int                // how often in it
}

// App is an OAuth app of the workspaces, for New.
type App struct {
	ID, KeyID string
	Key       *rsa.PublicKey
}

// Option changes the double.
type Option func(*segment)

// WithApp has the token endpoints know an app.
func WithApp(a App) Option {
	return func(s *segment) { s.us.app, s.eu.app = &a, &a }
}

// Credentials of one region.
type Credentials struct {
	WriteKey, ProfileToken, Space, PublicToken string
}

// Of are the credentials of a region, "us" or "eu": of its source "Support app", of its
// space, and of its Public API.
func Of(region string) Credentials {
	label := "segment " + region + " "
	return Credentials{
		WriteKey: double.Fake(label+"write key support", 32), ProfileToken: double.Fake(label+"profile token", 86),
		Space: "spa_" + double.Fake(label+"space", 22), PublicToken: "sgp_" + double.Fake(label+"public token", 60),
	}
}

// Secrets are all that the workspaces hold and nobody may be shown: write keys, and
// the settings of destinations.
func Secrets() []string {
	var all []string
	for _, region := range []string{"us", "eu"} {
		for _, slug := range []string{"website", "support_app", "billing"} {
			all = append(all, writeKey(region, slug))
		}
		all = append(all, double.Fake("segment "+region+" amplitude key", 32), double.Fake("segment "+region+" crm key", 40))
	}
	return all
}

func writeKey(region, slug string) string {
	if slug == "support_app" {
		return Of(region).WriteKey
	}
	return double.Fake("segment "+region+" write key "+slug, 32)
}

// New returns the double; its clock is now.
func New(now func() time.Time, options ...Option) *double.Double {
	s := &segment{now: now, us: newRegion("us", now()), eu: newRegion("eu", now())}
	for _, o := range options {
		o(s)
	}
	us := Of("us")
	return &double.Double{
		Service: "segment", Handler: s, Snapshot: s.snapshot,
		Credentials: []double.Credential{
			{Type: "write_key", Secret: us.WriteKey},
			{Type: "profile_token", Secret: us.ProfileToken, Params: map[string]string{"space": us.Space}},
			{Type: "service_token", Secret: us.PublicToken},
		},
		ExpireTokens: s.expire,
	}
}

func (s *segment) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.us.tokens)
	clear(s.eu.tokens)
}

// ServeHTTP finds the API that a path is of.
func (s *segment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	api, in := first, s.us
	if name, ok := strings.CutSuffix(first, ".eu"); ok {
		api, in = name, s.eu
	}
	path := "/" + rest
	switch api {
	case "tracking":
		s.track(in, w, r, path)
	case "v1":
		s.track(s.us, w, r, r.URL.EscapedPath())
	case "profiles":
		w.Header().Set("Request-Id", double.Fake(s.now().String(), 24))
		s.profile(in, w, r, path)
	case "public":
		s.public(in, w, r, path)
	case "oauth2":
		s.token(in, w, r, path)
	default:
		answer(w, http.StatusNotFound, jsonType, map[string]any{"message": "Not Found"})
	}
}

const jsonType = "application/json"

func answer(w http.ResponseWriter, status int, kind string, v any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// snapshot is what both workspaces hold, as their users see it.
func (s *segment) snapshot() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := func(v any) string {
		b, _ := json.Marshal(v)
		return string(b)
	}
	all := map[string]string{}
	for _, in := range []*region{s.us, s.eu} {
		for _, d := range in.destinations {
			all[in.name+" destination "+d.id] = text(d.enabled)
		}
		for _, r := range in.regulations {
			all[in.name+" regulation "+r.id] = text([]any{r.kind, r.subjects, r.source})
		}
		for id := range in.suppressed {
			all[in.name+" suppressed "+id] = ""
		}
		for _, p := range slices.Concat(in.users, in.accounts) {
			all[in.name+" profile "+p.name()] = text(p.traits)
			for _, id := range p.ids {
				all[in.name+" id "+id.kind+":"+id.value] = p.name()
			}
			for _, e := range p.events {
				all[in.name+" event "+e.messageID] = text([]any{e.event, e.properties})
			}
			for _, l := range p.links {
				all[in.name+" link "+p.name()+" "+l] = ""
			}
		}
		for id, v := range in.views {
			all[in.name+" view "+id] = v
		}
	}
	return all
}
