package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// slackWorkspace is the workspace "Northwind Support": channels, people,
// messages, tokens. It speaks Slack's Web API as docs.slack.dev describes it:
// POST, form fields, always HTTP 200 with ok true or false.
type slackWorkspace struct {
	now func() time.Time

	mu       sync.Mutex
	people   []*slackPerson
	channels []*slackChannel
	tokens   map[string]*slackToken // by access token
	refresh  map[string]slackGrant  // refresh tokens that are still good
	consents *consents
	issued   int       // tokens so far
	last     time.Time // of the newest message
}

type slackPerson struct {
	id, handle, name, email, title, zone string
	bot, deleted                         bool
}

type slackChannel struct {
	id, name, topic  string
	private, im      bool
	archived         bool
	user             string // of a direct message
	members          []string
	messages         []*slackMessage // oldest first, replies among them
	created, updated int64
}

type slackMessage struct {
	user, text, ts, thread string
	subtype                string
	broadcast, app         bool
	reactions              []slackReaction
}

type slackReaction struct {
	name  string
	users []string
}

// slackGrant is what a refresh token renews.
type slackGrant struct {
	kind   string // "bot" or "user"
	scopes []string
}

type slackToken struct {
	scopes  []string
	expires time.Time // zero: never
}

const (
	slackTeam     = "T07NRTHWND1"
	slackTeamName = "Northwind Support"
	slackURL      = "https://northwind-support.slack.com/"
	slackApp      = "A07TVSANDBX"
	slackBotID    = "B07TVSANDBX"
	slackBotUser  = "U07TVSANDBX"
	slackClientID = "7351902846115.7402915538862"
	slackTokenTTL = 12 * time.Hour

	slackAuthorize = "/oauth/v2/authorize"
)

// slackScopes are what the app of the sandbox has been granted.
var slackScopes = []string{
	"channels:read", "groups:read", "im:read", "mpim:read", "channels:history", "groups:history", "im:history",
	"chat:write", "im:write", "users:read", "users:read.email", "reactions:read", "reactions:write",
}

// slackUserScopes are what it may ask a user for, besides.
var slackUserScopes = []string{"search:read"}

// NewSlack returns a double of Slack. Secret is a bot token that never ends;
// Refresh starts token rotation, with access tokens of twelve hours and refresh
// tokens for one use. ExpireTokens ends the rotated ones.
func NewSlack() *Double { return newSlack(time.Now) }

func newSlack(now func() time.Time) *Double {
	w := &slackWorkspace{now: now, tokens: map[string]*slackToken{}, refresh: map[string]slackGrant{}}
	w.consents = newConsents("Slack", slackClientID, append(slices.Clone(slackScopes), slackUserScopes...), now)
	w.seed()
	secret := "xoxb-" + "7351902846115-7402915538862-" + fake("slack bot token", 24)
	w.tokens[secret] = &slackToken{scopes: slackScopes}
	first := "xoxe-1-" + fake("slack refresh token", 40)
	w.refresh[first] = slackGrant{"bot", slackScopes}
	return &Double{
		Service: "slack", Base: "/api", Handler: w,
		Secret: secret, Refresh: first, ClientID: slackClientID, ClientSecret: fake("slack client secret", 32),
		Authorize: slackAuthorize, ExpireTokens: w.expire,
	}
}

// SlackToken makes another bot token of the double, which never ends and has
// only these scopes.
func SlackToken(d *Double, scopes ...string) string {
	w := d.Handler.(*slackWorkspace)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.issued++
	t := "xoxb-" + "7351902846115-7402915538862-" + fake("slack token "+strings.Join(scopes, " ")+strings.Repeat("+", w.issued), 24)
	w.tokens[t] = &slackToken{scopes: scopes}
	return t
}

// SlackPost is a message that the app has posted.
type SlackPost struct{ Channel, ChannelID, Text, TS, ThreadTS string }

// SlackPosts are the messages that the app has posted to the double, oldest
// first in each channel.
func SlackPosts(d *Double) []SlackPost {
	w := d.Handler.(*slackWorkspace)
	w.mu.Lock()
	defer w.mu.Unlock()
	var posts []SlackPost
	for _, ch := range w.channels {
		for _, m := range ch.messages {
			if m.app {
				posts = append(posts, SlackPost{"#" + ch.name, ch.id, m.text, m.ts, m.thread})
			}
		}
	}
	return posts
}

func (w *slackWorkspace) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.tokens {
		if !t.expires.IsZero() {
			t.expires = w.now().Add(-time.Second)
		}
	}
}

// slackCall is one request on its way.
type slackCall struct {
	form  url.Values
	token *slackToken
	head  http.Header
}

// answer is a JSON object; "ok" is set when it is sent.
type answer map[string]any

func slackError(code string) answer { return answer{"ok": false, "error": code} }

// slackMethod is a method and the scopes of which it needs any.
type slackMethod struct {
	handle func(*slackCall) answer
	scopes []string
}

func (w *slackWorkspace) methods() map[string]slackMethod {
	read := []string{"channels:read", "groups:read", "im:read", "mpim:read"}
	history := []string{"channels:history", "groups:history", "im:history", "mpim:history"}
	return map[string]slackMethod{
		"auth.test":             {w.authTest, nil},
		"auth.revoke":           {w.authRevoke, nil},
		"conversations.list":    {w.conversationsList, read},
		"users.conversations":   {w.usersConversations, read},
		"conversations.info":    {w.conversationsInfo, read},
		"conversations.open":    {w.conversationsOpen, []string{"im:write"}},
		"conversations.history": {w.conversationsHistory, history},
		"conversations.replies": {w.conversationsReplies, history},
		"chat.postMessage":      {w.postMessage, []string{"chat:write"}},
		"chat.getPermalink":     {w.getPermalink, nil},
		"reactions.add":         {w.reactionsAdd, []string{"reactions:write"}},
		"users.list":            {w.usersList, []string{"users:read"}},
		"users.info":            {w.usersInfo, []string{"users:read"}},
		"users.lookupByEmail":   {w.usersLookup, []string{"users:read.email"}},
	}
}

func (w *slackWorkspace) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.URL.Path == slackAuthorize {
		if r.Method == http.MethodPost {
			w.consents.answered(rw, r)
			return
		}
		q := r.URL.Query()
		w.consents.show(rw, r, words(q.Get("scope")), nil, words(q.Get("user_scope")))
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/api/")
	if !ok {
		http.NotFound(rw, r)
		return
	}
	r.Body = http.MaxBytesReader(rw, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		sendSlack(rw, slackError("invalid_form_data"))
		return
	}
	rw.Header().Set("X-Slack-Req-Id", fake(r.URL.Path+w.now().String(), 32))
	if name == "oauth.v2.access" {
		sendSlack(rw, w.oauthAccess(r))
		return
	}
	sendSlack(rw, w.method(rw.Header(), name, r))
}

func (w *slackWorkspace) method(head http.Header, name string, r *http.Request) answer {
	m, ok := w.methods()[name]
	if !ok {
		return slackError("unknown_method")
	}
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return slackError("not_authed")
	}
	t := w.tokens[secret]
	switch {
	case t == nil:
		return slackError("invalid_auth")
	case !t.expires.IsZero() && !w.now().Before(t.expires):
		return slackError("token_expired")
	}
	head.Set("X-OAuth-Scopes", strings.Join(t.scopes, ","))
	head.Set("X-Accepted-OAuth-Scopes", strings.Join(m.scopes, ","))
	if len(m.scopes) > 0 && !slices.ContainsFunc(m.scopes, t.has) {
		return t.missing(m.scopes...)
	}
	return m.handle(&slackCall{form: r.PostForm, token: t, head: head})
}

func (t *slackToken) has(scope string) bool { return slices.Contains(t.scopes, scope) }

func (t *slackToken) missing(needed ...string) answer {
	return answer{"ok": false, "error": "missing_scope", "needed": strings.Join(needed, ","), "provided": strings.Join(t.scopes, ",")}
}

func sendSlack(rw http.ResponseWriter, a answer) {
	if _, set := a["ok"]; !set {
		a["ok"] = true
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(rw).Encode(a)
}

func answerOf(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}
