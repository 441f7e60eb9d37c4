// Package slack is the messenger Slack: channels, messages, threads, search,
// people and their groups, files, canvases.
//
// Every method is called by POST, with a form or, where an argument is a list or
// an object, with JSON, and the token stands in the Authorization header only, so
// that no URL and no body ever holds it. Names (#channel, @handle) are looked up
// when they are needed and kept for minutes, apart for each credential; nothing
// is loaded ahead. Vendor pages: docs.slack.dev/reference/methods.
package slack

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
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
	books  *books
	now    func() time.Time
	groups *names.Cache[[]usergroup]
	emoji  *names.Cache[[]Emoji]
	legacy *names.Cache[bool] // by credential: the search of old has to do
	narrow *names.Cache[bool] // by account: history is one page a minute
}

// New returns the service. It keeps the names that it has looked up, so one
// value should serve all calls.
func New() tools.Service { return newService(time.Now) }

func newService(now func() time.Time) tools.Service {
	s := &service{
		books: newBooks(now), now: now,
		groups: names.NewCache[[]usergroup](now, nameTTL), emoji: names.NewCache[[]Emoji](now, nameTTL).AtMost(64),
		legacy: names.NewCache[bool](now, nameTTL), narrow: names.NewCache[bool](now, narrowTTL),
	}
	return tools.Service{
		Name:  name,
		Title: title,
		Endpoint: upstream.Endpoint{
			Service:          name,
			BaseURL:          base,
			Hosts:            []string{"files.slack.com", "files.slack-gov.com"},
			ResponseIDHeader: "X-Slack-Req-Id",
			Limits:           s.limits,
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
		Tools: slices.Concat(
			s.accountTools(), s.channelTools(), s.channelChanges(), s.channelPeople(), s.readTools(), s.searchTools(), s.userTools(),
			s.usergroupTools(), s.postTools(), s.scheduleTools(), s.reactionTools(), s.fileTools(), s.uploadTools(), s.canvasTools(), s.unreadTools(),
		),
		Probe: probe,
	}
}

// call calls a Web API method with a form. read says that it changes nothing.
// Only fields with a value are sent.
func call(ctx context.Context, c *upstream.Client, method string, fields url.Values, read bool, out any) error {
	form := url.Values{}
	for k, v := range fields {
		if len(v) > 0 && v[0] != "" {
			form[k] = v
		}
	}
	return c.Do(ctx, upstream.Request{Path: "/" + method, Form: form, Read: read}, out)
}

// callJSON calls a method whose arguments are lists or objects, or may be empty
// texts.
func callJSON(ctx context.Context, c *upstream.Client, method string, body any, read bool, out any) error {
	return c.Do(ctx, upstream.Request{Path: "/" + method, JSON: body, Read: read}, out)
}

// probe asks whose token it is. auth.test needs no scope.
func probe(ctx context.Context, c *upstream.Client) (string, error) {
	who, err := whoAmI(ctx, c, nil)
	if err != nil {
		return "", err
	}
	if who.TeamID == "" || who.UserID == "" {
		return "", fault.New(fault.UpstreamError, "Slack answered without a workspace. Is the address really Slack's?")
	}
	return fmt.Sprintf("workspace %s (%s), %s %s (%s)", label(who.Team), label(who.TeamID), who.kind(), label(who.User), label(who.UserID)), nil
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

func (w identity) kind() string {
	if w.BotID != "" {
		return "bot"
	}
	return "user"
}

// whoAmI asks whose token it is; head, where set, sees the headers, in which the
// token's scopes stand.
func whoAmI(ctx context.Context, c *upstream.Client, head func(http.Header)) (identity, error) {
	var who identity
	err := c.Do(ctx, upstream.Request{Path: "/auth.test", Form: url.Values{}, Read: true, Head: head}, &who)
	return who, err
}

// self is whoAmI, remembered; zero where it cannot be had.
func (s *service) self(ctx context.Context, c *upstream.Client) identity {
	book := s.books.of(c.CredentialKey())
	if who, known := book.self(); known {
		return who
	}
	who, err := whoAmI(ctx, c, nil)
	if err != nil {
		who = identity{}
	}
	book.setSelf(who)
	return who
}

// team is the workspace's address, "https://northwind.slack.com/", or "".
func (s *service) team(ctx context.Context, c *upstream.Client) string {
	return workspace(s.self(ctx, c).URL)
}

// workspace accepts only an address of Slack's: a link in a result is one that
// people follow.
func workspace(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || !slackHost(u.Hostname()) {
		return ""
	}
	return "https://" + u.Hostname() + "/"
}

// slackHost reports whether a host is a workspace of Slack's.
func slackHost(host string) bool {
	return len(host) <= 253 && (strings.HasSuffix(host, ".slack.com") || strings.HasSuffix(host, ".slack-gov.com"))
}

// link is an address of Slack's as it was given, or "" for any other.
func link(address string) string {
	if workspace(address) == "" {
		return ""
	}
	return upstream.Clean(address, 400)
}

// label is a name of the service's for a person and a model: one line, short.
func label(s string) string { return upstream.Clean(s, 80) }

// named is how a thing stands in a text: its name, and its id.
func named(name, id string) string { return both(said(name), id) }

// both is a name with its id.
func both(name, id string) string {
	if name == "" || name == id {
		return id
	}
	return name + " (" + id + ")"
}

// said is a name for a text, alone or with its id. People and apps choose theirs:
// one that is more than a word stands in «».
func said(name string) string {
	word := name
	if at := strings.LastIndex(word, " ("); at > 0 && strings.HasSuffix(word, ")") && plainWord(word[at+2:len(word)-1]) {
		word = word[:at]
	}
	word = strings.TrimSuffix(word, " (app)")
	if name == "" || plainWord(strings.TrimLeft(word, "#@")) {
		return name
	}
	return upstream.Quote(name)
}

func plainWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.N) && !strings.ContainsRune("._'-", r)
	})
}

// saidAll are several names for a text.
func saidAll(names []string) string {
	var all []string
	for _, name := range names {
		all = append(all, said(name))
	}
	return strings.Join(all, ", ")
}
