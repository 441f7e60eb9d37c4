package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"toolvault/tools/sandbox/double"
)

// slackWorkspace is the workspace "Northwind Support": channels, people,
// messages, tokens. It speaks Slack's Web API as docs.slack.dev describes it:
// POST, form fields, always HTTP 200 with ok true or false.
type slackWorkspace struct {
	now func() time.Time

	mu       sync.Mutex
	people   []*slackPerson
	channels []*slackChannel
	planned  []*slackPlanned
	files    []*slackFile
	groups   []*slackGroup
	emoji    map[string]string      // name → address, or "alias:" and another
	tokens   map[string]*slackToken // by access token
	refresh  map[string]slackGrant  // refresh tokens that are still good
	consents *double.Consents
	issued   int       // tokens so far
	made     int       // channels, files, groups, sections and planned messages so far
	last     time.Time // of the newest message
}

type slackPerson struct {
	id, handle, name, email, title, zone string
	phone, status                        string
	bot, admin, deleted                  bool
}

type slackChannel struct {
	id, name, topic, purpose string
	private, im, mpim        bool
	archived                 bool
	user                     string // of a direct message
	creator                  string
	members                  []string
	messages                 []*slackMessage   // oldest first, replies among them
	read                     map[string]string // by person: the ts of the last message that was read
	created, updated         int64
}

type slackMessage struct {
	user, text, ts, thread string
	subtype                string
	broadcast, app         bool
	seeded, edited         bool
	files                  []string
	reactions              []slackReaction
}

type slackReaction struct {
	name  string
	users []string
}

// slackGrant is what a refresh token renews.
type slackGrant struct {
	kind     string // "bot" or "user"
	scopes   []string
	searches bool
}

type slackToken struct {
	scopes   []string
	expires  time.Time // zero: never
	user     string    // who it acts as
	searches bool      // a bot's token that may search as a user's may
}

// searcher reports whether the token may search. Slack lets only tokens of users;
// the double lets its own first token, too, so that one credential shows all.
func (t *slackToken) searcher() bool { return t.searches || t.user != slackBotUser }

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
	"channels:read", "groups:read", "im:read", "mpim:read", "channels:history", "groups:history", "im:history", "mpim:history",
	"chat:write", "channels:join", "channels:manage", "channels:write.invites", "groups:write", "im:write", "mpim:write", "users:read", "users:read.email",
	"reactions:read", "reactions:write", "files:read", "files:write", "usergroups:read", "usergroups:write", "emoji:read", "team:read",
	"canvases:read", "canvases:write", "search:read.public", "search:read.files", "search:read.users",
}

// slackUserScopes are what it may ask a user for, besides.
var slackUserScopes = []string{"search:read", "search:read.private", "search:read.im", "search:read.mpim", "channels:write"}

// NewSlack returns a double of Slack. Secret is a bot token that never ends;
// Refresh starts token rotation, with access tokens of twelve hours and refresh
// tokens for one use. ExpireTokens ends the rotated ones. Both may search, which
// at Slack only the token of a user may.
func NewSlack() *double.Double { return newSlack(time.Now) }

// NewSlackAt is NewSlack with a clock.
func NewSlackAt(now func() time.Time) *double.Double { return newSlack(now) }

func newSlack(now func() time.Time) *double.Double {
	w := &slackWorkspace{now: now, tokens: map[string]*slackToken{}, refresh: map[string]slackGrant{}}
	w.consents = double.NewConsents("Slack", slackClientID, append(slices.Clone(slackScopes), slackUserScopes...), now)
	w.seed()
	secret := "xoxb-" + "7351902846115-7402915538862-" + double.Fake("slack bot token", 24)
	all := append(slices.Clone(slackScopes), "search:read.private", "search:read.im", "search:read.mpim")
	w.tokens[secret] = &slackToken{scopes: all, user: slackBotUser, searches: true}
	first := "xoxe-1-" + double.Fake("slack refresh token", 40)
	w.refresh[first] = slackGrant{"bot", all, true}
	return &double.Double{
		Service: "slack", Base: "/api", Handler: w,
		Secret: secret, Refresh: first, ClientID: slackClientID, ClientSecret: double.Fake("slack client secret", 32),
		Authorize: slackAuthorize, ExpireTokens: w.expire, Snapshot: w.snapshot,
	}
}

// SlackToken makes another bot token of the double, which never ends, has only
// these scopes and may not search.
func SlackToken(d *double.Double, scopes ...string) string {
	return d.Handler.(*slackWorkspace).another("xoxb-", slackBotUser, scopes)
}

// SlackUserToken makes a token of Marta's, who may search, with only these scopes.
func SlackUserToken(d *double.Double, scopes ...string) string {
	return d.Handler.(*slackWorkspace).another("xoxp-", slackPersonID, scopes)
}

func (w *slackWorkspace) another(prefix, user string, scopes []string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.issued++
	t := prefix + "7351902846115-7402915538862-" + double.Fake("slack token "+strings.Join(scopes, " ")+strings.Repeat("+", w.issued), 24)
	w.tokens[t] = &slackToken{scopes: scopes, user: user}
	return t
}

// SlackPost is a message that the app has posted.
type SlackPost struct{ Channel, ChannelID, Text, TS, ThreadTS string }

// SlackPosts are the messages that the app has posted to the double, oldest
// first in each channel.
func SlackPosts(d *double.Double) []SlackPost {
	w := d.Handler.(*slackWorkspace)
	w.mu.Lock()
	defer w.mu.Unlock()
	var posts []SlackPost
	for _, ch := range w.channels {
		for _, m := range ch.messages {
			if m.app && !m.seeded {
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
	form  url.Values // of JSON too: what is no text as its JSON
	token *slackToken
	head  http.Header
	base  string // where the double is, e.g. "http://127.0.0.1:4711"
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
	write := []string{"channels:manage", "channels:write", "groups:write", "im:write", "mpim:write"}
	one := func(scope string) []string { return []string{scope} }
	return map[string]slackMethod{
		"auth.test":                    {w.authTest, nil},
		"auth.revoke":                  {w.authRevoke, nil},
		"conversations.list":           {w.conversationsList, read},
		"users.conversations":          {w.usersConversations, read},
		"conversations.info":           {w.conversationsInfo, read},
		"conversations.members":        {w.conversationsMembers, read},
		"conversations.open":           {w.conversationsOpen, []string{"im:write", "mpim:write"}},
		"conversations.history":        {w.conversationsHistory, history},
		"conversations.replies":        {w.conversationsReplies, history},
		"conversations.join":           {w.conversationsJoin, []string{"channels:join", "channels:write"}},
		"conversations.create":         {w.conversationsCreate, write},
		"conversations.invite":         {w.conversationsInvite, append(write, "channels:write.invites", "groups:write.invites")},
		"conversations.setTopic":       {w.setText("topic"), append(write, "channels:write.topic", "groups:write.topic")},
		"conversations.setPurpose":     {w.setText("purpose"), append(write, "channels:write.topic", "groups:write.topic")},
		"conversations.rename":         {w.conversationsRename, write},
		"conversations.archive":        {w.conversationsArchive, write},
		"conversations.unarchive":      {w.conversationsUnarchive, write},
		"conversations.mark":           {w.conversationsMark, write},
		"chat.postMessage":             {w.postMessage, one("chat:write")},
		"chat.update":                  {w.chatUpdate, one("chat:write")},
		"chat.delete":                  {w.chatDelete, one("chat:write")},
		"chat.scheduleMessage":         {w.scheduleMessage, one("chat:write")},
		"chat.scheduledMessages.list":  {w.scheduledList, nil},
		"chat.deleteScheduledMessage":  {w.deleteScheduled, one("chat:write")},
		"chat.getPermalink":            {w.getPermalink, nil},
		"reactions.add":                {w.reactionsAdd, one("reactions:write")},
		"reactions.remove":             {w.reactionsRemove, one("reactions:write")},
		"reactions.get":                {w.reactionsGet, one("reactions:read")},
		"emoji.list":                   {w.emojiList, one("emoji:read")},
		"users.list":                   {w.usersList, one("users:read")},
		"users.info":                   {w.usersInfo, one("users:read")},
		"users.lookupByEmail":          {w.usersLookup, one("users:read.email")},
		"users.getPresence":            {w.usersPresence, one("users:read")},
		"usergroups.list":              {w.groupsList, one("usergroups:read")},
		"usergroups.create":            {w.groupsCreate, one("usergroups:write")},
		"usergroups.update":            {w.groupsUpdate, one("usergroups:write")},
		"usergroups.enable":            {w.groupsToggle(false), one("usergroups:write")},
		"usergroups.disable":           {w.groupsToggle(true), one("usergroups:write")},
		"usergroups.users.update":      {w.groupsUsers, one("usergroups:write")},
		"files.list":                   {w.filesList, one("files:read")},
		"files.info":                   {w.filesInfo, one("files:read")},
		"files.getUploadURLExternal":   {w.uploadTicket, one("files:write")},
		"files.completeUploadExternal": {w.uploadComplete, one("files:write")},
		"canvases.create":              {w.canvasCreate, one("canvases:write")},
		"canvases.edit":                {w.canvasEdit, one("canvases:write")},
		"canvases.sections.lookup":     {w.canvasLookup, one("canvases:read")},
		"assistant.search.context":     {w.searchContext, []string{"search:read.public", "search:read.private", "search:read.im", "search:read.mpim", "search:read.files", "search:read.users"}},
		"search.messages":              {w.searchMessages, one("search:read")},
		"search.files":                 {w.searchFiles, one("search:read")},
	}
}

func (w *slackWorkspace) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.URL.Path == slackAuthorize {
		if r.Method == http.MethodPost {
			w.consents.Answered(rw, r)
			return
		}
		q := r.URL.Query()
		w.consents.Show(rw, r, double.Words(q.Get("scope")), nil, double.Words(q.Get("user_scope")))
		return
	}
	r.Body = http.MaxBytesReader(rw, r.Body, 4<<20)
	name, ok := strings.CutPrefix(r.URL.Path, "/api/")
	if !ok {
		w.serveFile(rw, r)
		return
	}
	if err := readSlackForm(r); err != nil {
		sendSlack(rw, slackError("invalid_form_data"))
		return
	}
	rw.Header().Set("X-Slack-Req-Id", double.Fake(r.URL.Path+w.now().String(), 32))
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
	return m.handle(&slackCall{form: r.PostForm, token: t, head: head, base: "http://" + r.Host})
}

// readSlackForm reads a form, or JSON in its place, of which what is no text
// becomes its JSON.
func readSlackForm(r *http.Request) error {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return r.ParseForm()
	}
	var body map[string]json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return err
	}
	r.PostForm = url.Values{}
	for k, raw := range body {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		r.PostForm.Set(k, text)
	}
	return nil
}

// bearer is the token of a request, or nil.
func (w *slackWorkspace) bearer(r *http.Request) *slackToken {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if t := w.tokens[secret]; ok && t != nil && (t.expires.IsZero() || w.now().Before(t.expires)) {
		return t
	}
	return nil
}

// next is an id that was not given before, the same in every run.
func (w *slackWorkspace) next(prefix, of string) string {
	w.made++
	return prefix + "07" + strings.ToUpper(double.Fake(fmt.Sprint(of, " ", w.made), 8))
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
