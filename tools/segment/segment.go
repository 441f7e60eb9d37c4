// Package segment is Segment: sending events about users and companies, reading the
// profiles that come of them, and looking after the workspace that carries them.
//
// Segment is three APIs with three credentials that have nothing to do with each
// other: a write key of one source sends events, a token of one space reads
// profiles, a Public API token manages the workspace. Each is a type of credential
// that can grant the scopes of its API and no other, so that the vault never picks a
// write key for a call of the Public API, or the reverse.
//
// The region belongs to the credential. A workspace lives in the United States or
// in Europe, at hosts of its own, and what goes to the wrong one is lost in silence.
// Vendor pages: twilio.com/docs/segment, docs.segmentapis.com.
package segment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

const (
	name  = "segment"
	title = "Segment"
)

// The APIs, each with its hosts by region.
const (
	tracking = "tracking"
	profiles = "profiles"
	public   = "public"
)

// Keys of a credential in the config.
const (
	paramRegion = "region"
	paramSpace  = "space"
)

const (
	regionUS = "us"
	regionEU = "eu"
)

// namesFor is how long names of sources, destinations and tracking plans are believed.
const namesFor = 5 * time.Minute

// service is what the handlers share.
type service struct {
	now   func() time.Time
	known *names.Cache[[]thing]
}

// New returns the service. It keeps the names that it has looked up, so one value
// should serve all calls.
func New() tools.Service { return newService(time.Now) }

func newService(now func() time.Time) tools.Service {
	s := &service{now: now, known: names.NewCache[[]thing](now, namesFor)}
	region := vault.Param{Name: paramRegion, Help: "where the workspace is: us (the default) or eu", Check: func(v string) error {
		if v != regionUS && v != regionEU {
			return errors.New("this must be us or eu, as the workspace's settings say")
		}
		return nil
	}}
	space := vault.Param{Name: paramSpace, Required: true, Form: vault.FormID, Help: "the id of the space whose profiles the token reads (Unify settings, API access)", Check: checkSpace}
	manage := vault.Scheme{Header: vault.Bearer.Header, Prefix: vault.Bearer.Prefix, Params: []vault.Param{region}, Scopes: []string{
		"source.read", "destination.read", "destination.write", "plan.read", "volume.read", "audit.read", "regulation.read", "regulation.write",
	}}
	return tools.Service{
		Name:  name,
		Title: title,
		Endpoint: upstream.Endpoint{
			Service: name,
			BaseURL: "https://api.segment.io",
			APIs: map[string]string{
				"tracking.eu": "https://events.eu1.segmentapis.com",
				"profiles":    "https://profiles.segment.com",
				"profiles.eu": "https://profiles.euw1.segment.com",
				"public":      "https://api.segmentapis.com",
				"public.eu":   "https://eu1.api.segmentapis.com",
			},
			ResponseIDHeader: "Request-Id",
			Limits:           limits,
		},
		Scopes: scope.NewCatalog(name,
			scope.Def{Name: "tracking.write", Aliases: []string{"track", "events.write"}, Write: true},
			scope.Def{Name: "profile.read", Aliases: []string{"profiles.read"}},
			scope.Def{Name: "source.read", Aliases: []string{"sources.read"}},
			scope.Def{Name: "destination.read", Aliases: []string{"destinations.read"}},
			scope.Def{Name: "destination.write", Aliases: []string{"destinations.write"}, Write: true, Implies: []string{"destination.read"}},
			scope.Def{Name: "plan.read", Aliases: []string{"plans.read", "tracking-plan.read"}},
			scope.Def{Name: "volume.read", Aliases: []string{"delivery.read"}},
			scope.Def{Name: "audit.read"},
			scope.Def{Name: "regulation.read", Aliases: []string{"regulations.read"}},
			scope.Def{Name: "regulation.write", Aliases: []string{"regulations.write"}, Write: true, Implies: []string{"regulation.read"}},
		),
		Auth: map[string]vault.Scheme{
			vault.TypeWriteKey:          {Basic: true, Params: []vault.Param{region}, Scopes: []string{"tracking.write"}},
			vault.TypeProfileToken:      {Basic: true, Params: []vault.Param{region, space}, Scopes: []string{"profile.read"}},
			vault.TypeServiceToken:      manage,
			vault.TypeClientCredentials: manage,
		},
		Tools: slices.Concat(s.trackingTools(), s.profileTools(), s.sourceTools(), s.destinationTools(), s.planTools(), s.volumeTools(), s.auditTools(), s.regulationTools()),
		Probe: s.probe,
	}
}

// host is the name of an API at the credential's region, for Request.API.
func host(c *upstream.Client, api string) string {
	if c.Param(paramRegion) == regionEU {
		return api + "." + regionEU
	}
	if api == tracking {
		return "" // is at BaseURL
	}
	return api
}

// probe asks whoever can be asked. Segment takes events with any write key and
// answers that all is well, so of a write key there is nothing to find out, and a
// test event would stay in the customer's data.
func (s *service) probe(ctx context.Context, c *upstream.Client) (string, error) {
	region := regionUS
	if c.Param(paramRegion) == regionEU {
		region = regionEU
	}
	switch {
	case c.Param(paramSpace) != "":
		err := s.profile(ctx, c, "user_id:toolvault-check", "metadata", nil, nil)
		var f *fault.Error
		if err != nil && !(errors.As(err, &f) && f.Kind == fault.NotFound && f.Code == "not_found") {
			return "", err
		}
		return fmt.Sprintf("space %s, region %s", upstream.Clean(c.Param(paramSpace), 64), region), nil
	case c.Allows("tracking.write") && !c.Allows("source.read"):
		return fmt.Sprintf("a write key, region %s: not checked, since Segment answers to every key alike", region), nil
	}
	var answer struct {
		Data struct {
			Workspace struct{ ID, Slug, Name string }
		}
	}
	if err := s.public(ctx, c, upstream.Request{Path: "/", Read: true}, v1, &answer); err != nil {
		return "", err
	}
	w := answer.Data.Workspace
	return fmt.Sprintf("workspace %s (%s), region %s", upstream.Clean(w.Name, 80), upstream.Clean(w.ID, 64), region), nil
}

// shown is a text of somebody else's in the text of a result.
func shown(s string, most int) string { return upstream.Quote(upstream.Clean(s, most)) }
