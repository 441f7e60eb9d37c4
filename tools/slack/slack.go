// Package slack is the messenger Slack: which channels there are, reading them,
// finding people, posting and reacting.
//
// Every method is called by POST with a form, and the token stands in the
// Authorization header only, so that no URL and no body ever holds it. Names
// (#channel, @handle) are looked up when they are needed and kept for minutes,
// apart for each credential; nothing is loaded ahead. Vendor pages:
// docs.slack.dev/reference/methods.
package slack

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

const (
	name  = "slack"
	title = "Slack"
	base  = "https://slack.com/api"
)

// service is what the handlers share.
type service struct {
	books *books
	now   func() time.Time
}

// New returns the service. It keeps the names that it has looked up, so one
// value should serve all calls.
func New() tools.Service { return newService(time.Now) }

func newService(now func() time.Time) tools.Service {
	s := &service{books: newBooks(now), now: now}
	return tools.Service{
		Name:  name,
		Title: title,
		Endpoint: upstream.Endpoint{
			Service:          name,
			BaseURL:          base,
			ResponseIDHeader: "X-Slack-Req-Id",
			Fault:            readFault,
		},
		Scopes: scopes(),
		Auth: map[string]vault.Scheme{
			vault.TypeAPIKey:       vault.Bearer,
			vault.TypeServiceToken: vault.Bearer,
			vault.TypeOAuthToken:   vault.Bearer,
		},
		// No PKCE for an app with a secret: Slack refuses it unless the app opts in,
		// and then ends refresh tokens after 30 days (docs.slack.dev/changelog,
		// 2026-03-30). A token of a user is asked for, and comes, apart from the
		// app's own.
		OAuth: &vault.Provider{
			AuthURL:        "https://slack.com/oauth/v2/authorize",
			TokenURL:       base + "/oauth.v2.access",
			RevokeURL:      base + "/auth.revoke",
			BearerRevoke:   true,
			ScopeSeparator: ",",
			UserScopeParam: "user_scope",
			UserScopes: []string{
				"channels:write", "reminders:write", "search:read", "search:read.private", "search:read.im", "search:read.mpim",
			},
		},
		Tools: []tools.Tool{
			tools.New("slack_list_channels", s.listChannels),
			tools.New("slack_read_channel", s.readChannel),
			tools.New("slack_read_thread", s.readThread),
			tools.New("slack_search_users", s.searchUsers),
			tools.New("slack_post_message", s.postMessage),
			tools.New("slack_add_reaction", s.addReaction),
		},
		Probe: probe,
	}
}

// scopes are Slack's own names (docs.slack.dev/reference/scopes). "public:read"
// and its like are how slack_list_channels names the scope that it needs.
func scopes() *scope.Catalog {
	read := func(name string, aliases ...string) scope.Def { return scope.Def{Name: name, Aliases: aliases} }
	write := func(name string, implies ...string) scope.Def {
		return scope.Def{Name: name, Write: true, Implies: implies}
	}
	return scope.NewCatalog(name,
		read("channels:read", "public:read"), read("groups:read", "private:read"), read("im:read"), read("mpim:read"),
		read("channels:history"), read("groups:history"), read("im:history"), read("mpim:history"),
		write("chat:write"), write("chat:write.public", "chat:write"), write("chat:write.customize", "chat:write"),
		write("channels:join"), write("channels:manage"), write("channels:write"), write("groups:write"), write("im:write"), write("mpim:write"),
		read("users:read"), read("users:read.email", "users:email"), read("users.profile:read"),
		read("reactions:read"), write("reactions:write"),
		read("pins:read"), write("pins:write"), read("bookmarks:read"), write("bookmarks:write"),
		read("files:read"), write("files:write"), read("usergroups:read"), write("usergroups:write"),
		read("emoji:read"), read("team:read"), read("dnd:read"), write("reminders:write"),
		read("canvases:read"), write("canvases:write"), read("lists:read"), write("lists:write"),
		read("search:read"), read("search:read.public"), read("search:read.private"), read("search:read.im"),
		read("search:read.mpim"), read("search:read.files"), read("search:read.users"),
	)
}

// call calls a Web API method. read says that it changes nothing. Only fields
// with a value are sent.
func call(ctx context.Context, c *upstream.Client, method string, fields url.Values, read bool, out any) error {
	form := url.Values{}
	for k, v := range fields {
		if len(v) > 0 && v[0] != "" {
			form[k] = v
		}
	}
	return c.Do(ctx, upstream.Request{Path: "/" + method, Form: form, Read: read}, out)
}

// probe asks whose token it is. auth.test needs no scope.
func probe(ctx context.Context, c *upstream.Client) (string, error) {
	who, err := whoAmI(ctx, c)
	if err != nil {
		return "", err
	}
	if who.TeamID == "" || who.UserID == "" {
		return "", fault.New(fault.UpstreamError, "Slack answered without a workspace. Is the address really Slack's?")
	}
	kind := "user"
	if who.BotID != "" {
		kind = "bot"
	}
	return fmt.Sprintf("workspace %s (%s), %s %s (%s)", label(who.Team), label(who.TeamID), kind, label(who.User), label(who.UserID)), nil
}

// identity is the answer of auth.test.
type identity struct {
	URL    string `json:"url"`
	Team   string `json:"team"`
	TeamID string `json:"team_id"`
	User   string `json:"user"`
	UserID string `json:"user_id"`
	BotID  string `json:"bot_id"`
}

func whoAmI(ctx context.Context, c *upstream.Client) (identity, error) {
	var who identity
	err := call(ctx, c, "auth.test", nil, true, &who)
	return who, err
}

// label is a name of the service's for a person and a model: one line, short.
func label(s string) string { return upstream.Clean(s, 80) }
