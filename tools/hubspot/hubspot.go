// Package hubspot is the CRM HubSpot: its records, what is between them and what
// happened with them, pipelines, properties, lists and owners.
//
// What people call things (a stage, an owner, a type of their own) is looked up when
// it is first met and kept for a while by credential; nothing is read ahead. A call
// sees of another type of record, through an association, a list or a timeline, only
// what it was granted.
//
// It speaks the date-versioned paths, but for workflows; the numbered ones (v1 to v4)
// end in 2027. Vendor pages: developers.hubspot.com/docs/api-reference.
package hubspot

import (
	"context"
	"fmt"
	"slices"
	"time"

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

	objectsPath      = "/crm/objects/" + version
	associationsPath = "/crm/associations/" + version
	propertiesPath   = "/crm/properties/" + version
	pipelinesPath    = "/crm/pipelines/" + version
	schemasPath      = "/crm-object-schemas/" + version + "/schemas"
	listsPath        = "/crm/lists/" + version
	ownersPath       = "/crm/owners/" + version
	accountPath      = "/account-info/" + version + "/details"
	oauthPath        = "/oauth/" + version + "/token"
)

// service is what the handlers share.
type service struct {
	portals *portals
	books   books
	now     func() time.Time
}

// New returns the service. It keeps which account each credential belongs to, so
// one value should serve all calls.
func New() tools.Service { return newService(time.Now) }

func newService(now func() time.Time) tools.Service {
	s := &service{portals: newPortals(now), books: newBooks(now), now: now}
	return tools.Service{
		Name:  name,
		Title: title,
		Endpoint: upstream.Endpoint{
			Service:          name,
			BaseURL:          base,
			ResponseIDHeader: "X-HubSpot-Correlation-Id",
			Fault:            readFault,
			Limits:           limits,
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
		Tools: slices.Concat(
			s.accountTools(), s.searchTools(), s.objectTools(), s.batchTools(), s.associationTools(), s.propertyTools(),
			s.pipelineTools(), s.ownerTools(), s.activityTools(), s.dealTools(), s.listTools(), s.workflowTools(),
		),
		Probe: s.probe,
	}
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
