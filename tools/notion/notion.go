// Package notion is the workspace Notion: searching, pages as Markdown both ways,
// data sources (the tables of its databases), comments and people.
//
// A page is read and written as Markdown, which the service turns into blocks and
// back; what is longer than one request may be is divided at the borders of blocks
// (split.go). The values of a row are plain: what Notion wants of each type, and
// which options there are, is looked up in the schema of the data source, which is
// kept for a while by credential. Vendor pages: developers.notion.com.
package notion

import (
	"context"
	"net/http"
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
	name  = "notion"
	title = "Notion"
	base  = "https://api.notion.com/v1"

	// apiVersion is sent with every request; one without it is refused
	// (developers.notion.com/reference/versioning).
	apiVersion = "2026-03-11"

	// markdownVersion goes with every Markdown: the next version of the API refuses
	// the older form (developers.notion.com/guides/data-apis/migrate-to-notion-flavored-markdown).
	markdownVersion = "v2"

	believed = 3 * time.Minute // how long a schema and what a title means are kept

	most = 100 // of a list that one request gets

	longest = 3 * time.Minute // of a call: a long text is up to maxParts requests
)

// service is what the handlers share.
type service struct {
	now     func() time.Time
	sources *names.Cache[*source]
	titles  *names.Cache[string]
	people  *names.Cache[[]userModel]
}

// New returns the service. It keeps schemas that it has looked up, so one value
// should serve all calls.
func New() tools.Service { return newService(time.Now) }

func newService(now func() time.Time) tools.Service {
	s := &service{
		now:     now,
		sources: names.NewCache[*source](now, believed).AtMost(256),
		titles:  names.NewCache[string](now, believed),
		people:  names.NewCache[[]userModel](now, believed).AtMost(64),
	}
	return tools.Service{
		Name:  name,
		Title: title,
		Endpoint: upstream.Endpoint{
			Service: name,
			BaseURL: base,
			Header:  http.Header{"Notion-Version": {apiVersion}},
			Fault:   readFault,
			Limits:  limits,
		},
		Scopes: scope.NewCatalog(name,
			scope.Def{Name: "content.read", Aliases: []string{"pages.read", "read_content"}},
			scope.Def{Name: "content.insert", Aliases: []string{"pages.insert", "insert_content"}, Write: true},
			scope.Def{Name: "content.update", Aliases: []string{"pages.update", "update_content"}, Write: true},
			scope.Def{Name: "content.trash", Aliases: []string{"pages.trash"}, Write: true},
			scope.Def{Name: "comment.read", Aliases: []string{"comments.read", "read_comments"}},
			scope.Def{Name: "comment.insert", Aliases: []string{"comments.insert", "insert_comments"}, Write: true},
			scope.Def{Name: "user.read", Aliases: []string{"users.read"}},
		),
		Auth: map[string]vault.Scheme{
			vault.TypeServiceToken: vault.Bearer, // an internal connection's token, or a person's own
			vault.TypeAPIKey:       vault.Bearer,
			vault.TypeOAuthToken:   vault.Bearer,
		},
		// Notion's tokens do not end by themselves and have no scopes: what a
		// connection can do is set where it is made, and which pages it sees at the
		// consent. A refresh replaces both tokens (developers.notion.com/guides/get-started/authorization).
		OAuth: &vault.Provider{
			AuthURL:    base + "/oauth/authorize",
			TokenURL:   base + "/oauth/token",
			RevokeURL:  base + "/oauth/revoke",
			ClientAuth: vault.ClientJSON,
			AuthParams: map[string]string{"owner": "user"},
			ScopeNames: map[string]string{
				"content.read": "", "content.insert": "", "content.update": "", "content.trash": "",
				"comment.read": "", "comment.insert": "", "user.read": "",
			},
		},
		Tools: slices.Concat(
			s.accountTools(), s.searchTools(), s.readTools(), s.sourceTools(), s.queryTools(),
			s.pageTools(), s.contentTools(), s.commentTools(),
		),
		Probe:   probe,
		Timeout: longest,
	}
}

// limits keep a connection to what every plan has had: three requests a second on
// average. Notion counts them in 60 seconds, with more for larger plans, which the API
// does not tell; with 20 at once and 150 in a minute there are never more than 180 in
// one. A refusal says how long to wait (developers.notion.com/reference/request-limits).
func limits(c *upstream.Client, _ *upstream.Request) []upstream.Limit {
	return []upstream.Limit{{Key: name + " " + c.CredentialKey(), Burst: 20, Every: time.Minute / 150, Says: "Notion takes about 3 requests a second from a connection"}}
}

// lacking is the fault of a call that was not granted a scope that what it asks for
// needs besides the tool's own.
func lacking(scope, what, instead string) *fault.Error {
	f := fault.New(fault.NotPermitted, "%s the scope %s is needed, which was not granted. %s", what, scope, instead)
	f.Needed, f.NotSent = []string{name + ":" + scope}, true
	return f
}

// strange is the fault of an answer that is none.
func strange(what string) *fault.Error {
	return fault.New(fault.UpstreamError, "Notion answered without %s. Try again later; if it stays so, tell the operator.", what)
}

// unseen is strange after something was written.
func unseen(what string) *fault.Error {
	return fault.New(fault.UpstreamError, "Notion answered without %s. Look whether it was done before doing it again.", what)
}

// probe asks whose token it is.
func probe(ctx context.Context, c *upstream.Client) (string, error) {
	me, err := getMe(ctx, c)
	if err != nil {
		return "", err
	}
	return me.label(), nil
}
