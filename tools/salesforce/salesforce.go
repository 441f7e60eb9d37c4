// Package salesforce is the CRM Salesforce: what objects an organization has, finding,
// counting and reading their records, and changing them, one by one, many at once, or
// several that depend on each other.
//
// An organization has a host of its own, which the token endpoint names with each token
// (tools.Service.At vets it). Filters become SOQL in soql.go and filter.go: names are
// those that the organization describes, values are typed and escaped. A query in SOQL
// itself is a tool of its own, which lets through what only reads (guard.go).
//
// Objects and fields go by their API names, in the very case, so that a rule about
// args.object means what it says. Vendor pages: developer.salesforce.com/docs/platform/api-rest.
package salesforce

import (
	"errors"
	"net/url"
	"slices"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/names"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

const (
	name  = "salesforce"
	title = "Salesforce"

	// login is where one signs in. Calls go to the instance that a token is for, or to
	// the My Domain that an admin has set.
	login = "https://login.salesforce.com"
	oauth = login + "/services/oauth2"

	// defaultVersion is Spring '26. A version is kept for three years at least.
	defaultVersion = "66.0"

	believed = 10 * time.Minute // how long what is known of an organization is kept
)

// service is what calls share: what an organization looked like a moment ago, by
// credential.
type service struct {
	now     func() time.Time
	objects *names.Cache[*object]
	lists   *names.Cache[[]brief]
	people  *names.Cache[me]
	ids     *names.Cache[string] // what names meant within a call
}

// New returns the service.
func New() tools.Service { return newService(time.Now) }

func newService(now func() time.Time) tools.Service {
	s := &service{
		now: now, objects: names.NewCache[*object](now, believed).AtMost(128), lists: names.NewCache[[]brief](now, believed).AtMost(32),
		people: names.NewCache[me](now, believed), ids: names.NewCache[string](now, time.Minute),
	}
	bearer := vault.Bearer
	bearer.Params = []vault.Param{{Name: "api_version", Help: `the version of the REST API, such as "66.0"`, Check: checkVersion}}
	return tools.Service{
		Name:     name,
		Title:    title,
		Endpoint: upstream.Endpoint{Service: name, BaseURL: login, Fault: readFault},
		// Every instance and every My Domain is below it, and so are the hosts for signing
		// in. What customers publish is elsewhere (force.com, site.com).
		Instances: []string{".salesforce.com", ".salesforce.mil"},
		Scopes: scope.NewCatalog(name,
			scope.Def{Name: "schema.read", Aliases: []string{"objects.read", "describe"}},
			scope.Def{Name: "data.read", Aliases: []string{"records.read"}, Implies: []string{"schema.read"}},
			scope.Def{Name: "query.run", Aliases: []string{"soql.run", "query"}},
			scope.Def{Name: "report.run", Aliases: []string{"reports.run", "report.read"}},
			scope.Def{Name: "data.write", Aliases: []string{"records.write"}, Write: true, Implies: []string{"data.read"}},
			scope.Def{Name: "data.delete", Aliases: []string{"records.delete"}, Write: true},
		),
		Auth: map[string]vault.Scheme{
			vault.TypeOAuthToken: bearer, vault.TypeClientCredentials: bearer, vault.TypeJWTBearer: bearer,
			vault.TypeServiceToken: bearer, // an access token that somebody has got elsewhere; it needs base_url
		},
		OAuth: &vault.Provider{
			AuthURL: oauth + "/authorize", TokenURL: oauth + "/token", RevokeURL: oauth + "/revoke",
			Scopes: []string{"api", "refresh_token"}, ClientAuth: vault.ClientBody, PKCE: true, Audience: login,
			ScopeNames: map[string]string{"schema.read": "api", "data.read": "api", "query.run": "api", "report.run": "api", "data.write": "api", "data.delete": "api"},
		},
		Tools: slices.Concat(
			s.personTools(), s.objectTools(), s.findTools(), s.countTools(), s.queryTools(), s.searchTools(), s.recordTools(), s.reportTools(),
			s.writeTools(), s.batchTools(), s.chainTools(),
		),
		Probe: s.probe,
	}
}

// With 52.0 came the last of what is used here, the header for duplicates (Summer '21).
var versionForm = pattern.New(`^(5[2-9]|[6-9]\d)\.0$`)

func checkVersion(s string) error {
	if !versionForm.MatchString(s) {
		return errors.New(`this must be a version such as "66.0", from 52.0 on`)
	}
	return nil
}

// path is a path of the REST API, its parts escaped.
func path(c *upstream.Client, parts ...string) string {
	version := c.Param("api_version")
	if version == "" {
		version = defaultVersion
	}
	p := "/services/data/v" + version
	for _, part := range parts {
		p += "/" + url.PathEscape(part)
	}
	return p
}

// key is a key of a cache: what one credential may see, another may not.
func key(c *upstream.Client, what string) string {
	return c.CredentialKey() + "\x00" + c.BaseURL() + "\x00" + what
}
