// Package hubspot is the CRM HubSpot: searching, reading, creating and updating
// its records, writing notes on them, and who owns them.
//
// It speaks the date-versioned paths only; the numbered ones (v1 to v4) end in
// 2027. Vendor pages: developers.hubspot.com/docs/api-reference.
package hubspot

import (
	"context"
	"fmt"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

const (
	name  = "hubspot"
	title = "HubSpot"
	base  = "https://api.hubapi.com"

	// version is in every path: /crm/objects/2026-09/contacts. HubSpot keeps a
	// version for 18 months; 2026-03 has the same shapes.
	version = "2026-09"

	objectsPath = "/crm/objects/" + version
	ownersPath  = "/crm/owners/" + version
	accountPath = "/account-info/" + version + "/details"
	oauthPath   = "/oauth/" + version + "/token"
)

// service is what the handlers share.
type service struct {
	portals *portals
	now     func() time.Time
}

// New returns the service. It keeps which account each credential belongs to, so
// one value should serve all calls.
func New() tools.Service { return newService(time.Now) }

func newService(now func() time.Time) tools.Service {
	s := &service{portals: newPortals(now), now: now}
	return tools.Service{
		Name:  name,
		Title: title,
		Endpoint: upstream.Endpoint{
			Service:          name,
			BaseURL:          base,
			ResponseIDHeader: "X-HubSpot-Correlation-Id",
			Fault:            readFault,
		},
		Scopes: scopes(),
		Auth: map[string]vault.Scheme{
			vault.TypeAPIKey:       vault.Bearer, // a private app's token or a service key
			vault.TypeServiceToken: vault.Bearer,
			vault.TypeOAuthToken:   vault.Bearer,
		},
		OAuth: &vault.Provider{
			AuthURL:        "https://app.hubspot.com/oauth/authorize",
			TokenURL:       base + oauthPath,
			RevokeURL:      base + oauthPath + "/revoke",
			ScopeSeparator: " ",
			ClientAuth:     vault.ClientBody,
			PKCE:           true,
			Scopes:         []string{"oauth"}, // of every app: which account it is
			ScopeNames:     scopeNames(),
			// What an account's plan lacks would fail the whole consent.
			Optional:           optionalScopes(),
			OptionalScopeParam: "optional_scope",
		},
		Tools: []tools.Tool{
			tools.New("hubspot_search_objects", s.searchObjects),
			tools.New("hubspot_get_object", s.getObject),
			tools.New("hubspot_create_object", s.createObject),
			tools.New("hubspot_update_object", s.updateObject),
			tools.New("hubspot_create_note", s.createNote),
			tools.New("hubspot_list_owners", s.listOwners),
		},
		Probe: s.probe,
	}
}

// scopes are HubSpot's names, and for the kinds of record that have no scope of
// their own there (notes, tasks, calls, meetings go by that of contacts) names
// like them. "tickets" is HubSpot's one scope for both directions.
func scopes() *scope.Catalog {
	activities := []string{"notes", "tasks", "calls", "meetings"}
	var defs []scope.Def
	for _, kind := range kindNames() {
		for _, verb := range []string{"read", "write"} {
			d := scope.Def{
				Name: "crm.objects." + kind + "." + verb, Write: verb == "write",
				Aliases: []string{kind + "." + verb, "crm." + kind + "." + verb},
			}
			if kind == "contacts" {
				for _, a := range activities {
					d.Implies = append(d.Implies, "crm.objects."+a+"."+verb)
				}
			}
			defs = append(defs, d)
		}
	}
	defs = append(defs,
		scope.Def{Name: "crm.objects.owners.read", Aliases: []string{"owners.read", "crm.owners.read"}},
		scope.Def{Name: "tickets", Write: true, Implies: []string{"crm.objects.tickets.read", "crm.objects.tickets.write"}},
	)
	return scope.NewCatalog(name, defs...)
}

// scopeNames are the scopes of HubSpot's that stand for ours: activities go by
// that of contacts, and "tickets" is one for both directions
// (developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes).
func scopeNames() map[string]string {
	names := map[string]string{}
	for _, verb := range []string{"read", "write"} {
		for _, activity := range []string{"notes", "tasks", "calls", "meetings", "emails"} {
			names["crm.objects."+activity+"."+verb] = "crm.objects.contacts." + verb
		}
		names["crm.objects.tickets."+verb] = "tickets"
	}
	return names
}

// optionalScopes belong to records that only larger plans have.
func optionalScopes() []string {
	var all []string
	for _, kind := range []string{"leads", "line_items", "products", "quotes", "custom"} {
		all = append(all, "crm.objects."+kind+".read", "crm.objects."+kind+".write")
	}
	return all
}

// probe asks which account the token belongs to.
func (s *service) probe(ctx context.Context, c *upstream.Client) (string, error) {
	a, err := getAccount(ctx, c)
	if err != nil {
		return "", err
	}
	if a.Portal <= 0 {
		return "", fault.New(fault.UpstreamError, "HubSpot answered without an account. Is the address really HubSpot's?")
	}
	return fmt.Sprintf("account %d (%s) on %s", a.Portal, upstream.Clean(a.Type, 40), upstream.Clean(a.Domain, 80)), nil
}
