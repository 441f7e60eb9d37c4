package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/slack"
	"toolvault/tools/upstream"
	"toolvault/vault"
	"toolvault/vault/store"
)

// twoPeople is Slack as two people see it, each in a workspace of their own, and
// the server that refreshes their grants. A token is "alice-access-3"; a refresh
// token is good once; an access token for 25 requests.
type twoPeople struct {
	*httptest.Server
	mu        sync.Mutex
	uses      map[string]int
	refresh   map[string]int // the number of the refresh token that is good, by user
	refreshes int
	wrong     []string // what should not have come
}

func newTwoPeople(t *testing.T) *twoPeople {
	p := &twoPeople{uses: map[string]int{}, refresh: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/token", p.token)
	mux.HandleFunc("/api/{method}", p.api)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// room is where only that person is.
func room(user string) (id, name string) {
	return map[string]string{"alice": "C0AAAAAAAAA", "bob": "C0BBBBBBBBB"}[user], user + "-room"
}

func (p *twoPeople) token(rw http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	user, n, _ := strings.Cut(r.FormValue("refresh_token"), "-refresh-")
	rw.Header().Set("Content-Type", "application/json")
	if n != fmt.Sprint(p.refresh[user]) {
		p.wrong = append(p.wrong, "spent: "+r.FormValue("refresh_token"))
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = rw.Write([]byte(`{"error":"invalid_grant"}`))
		return
	}
	p.refresh[user]++
	p.refreshes++
	_, _ = fmt.Fprintf(rw, `{"access_token":"%s-access-%d","refresh_token":"%[1]s-refresh-%[2]d","expires_in":3600,"token_type":"Bearer"}`, user, p.refresh[user])
}

func (p *twoPeople) api(rw http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rw.Header().Set("Content-Type", "application/json")
	bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	user, _, _ := strings.Cut(bearer, "-access-")
	id, name := room(user)
	if p.uses[bearer]++; p.uses[bearer] > 25 {
		_, _ = rw.Write([]byte(`{"ok":false,"error":"token_expired"}`))
		return
	}
	channel := fmt.Sprintf(`{"id":%q,"name":%q,"is_channel":true,"is_member":true}`, id, name)
	answer := `{"ok":true}`
	switch r.PathValue("method") {
	case "users.conversations", "conversations.list":
		answer = `{"ok":true,"channels":[` + channel + `]}`
	case "conversations.info":
		answer = `{"ok":true,"channel":` + channel + `}`
	case "auth.test":
		answer = `{"ok":true,"url":"https://` + user + `.slack.com/","team_id":"T1","user_id":"U0123456789"}`
	case "chat.postMessage":
		if from := "from " + user; r.FormValue("markdown_text") != from || r.FormValue("channel") != id {
			p.wrong = append(p.wrong, fmt.Sprintf("with %s's token: %q to %s", user, r.FormValue("markdown_text"), r.FormValue("channel")))
		}
		answer = `{"ok":true,"channel":"` + id + `","ts":"1700000000.123456"}`
	}
	_, _ = rw.Write([]byte(answer))
}

// gateway is the whole path to them, with grants for alice and bob: one agent
// acts for both, at the same time, while tokens end and are renewed and what was
// looked up is kept.
func (p *twoPeople) gateway(t *testing.T) (*tools.Gateway, *log) {
	service := slack.New()
	service.Endpoint.BaseURL, service.Endpoint.Private = p.URL+"/api", true
	all, err := schemas.Load()
	must(t, err)
	var files []schemas.Tool
	for _, f := range all {
		if f.Service == "slack" {
			files = append(files, f)
		}
	}
	st, err := store.OpenSQLite(t.Context(), t.TempDir()+"/s.db")
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	keyring, err := vault.OpenKeyring(t.Context(), st, vault.NewMasterKey())
	must(t, err)
	v := vault.New(vault.Options{Store: st, Keyring: keyring})
	granted, err := service.Scopes.Parse(scope.ReadWrite)
	must(t, err)
	var declared []vault.Declaration
	for _, user := range []string{"alice", "bob"} {
		name := "slack/a1/" + user
		_, err := v.Put(t.Context(), name, vault.Stored{
			Type: vault.TypeOAuthToken, Secret: vault.NewSecret(user + "-access-0"), Refresh: vault.NewSecret(user + "-refresh-0"),
			Expires: time.Now().Add(time.Hour), Account: "workspace of " + user,
		})
		must(t, err)
		declared = append(declared, vault.Declaration{
			ID: name, Owner: vault.Owner{Agent: "a1", User: user}, Service: "slack", Type: vault.TypeOAuthToken, Source: "vault:" + name, Scope: granted,
		})
	}
	v.Configure(declared, map[string]vault.Service{"slack": {
		Schemes: service.Auth,
		App:     vault.App{Provider: vault.Provider{TokenURL: p.URL + "/token"}, ClientID: "client", ClientSecret: vault.NewSecret("the-secret-of-the-app")},
	}})
	ctx, stop := context.WithCancel(context.Background())
	running := make(chan error)
	go func() { running <- v.Run(ctx) }()
	t.Cleanup(func() { stop(); <-running })
	al, err := audit.Open(audit.Options{Dir: t.TempDir() + "/audit", Key: audit.NewKey(), Name: "test"})
	must(t, err)
	t.Cleanup(func() { _ = al.Close() })
	records := &log{Log: al}
	g, err := tools.NewGateway(tools.Options{
		Services: []tools.Service{service}, Schemas: files, Pool: upstream.NewPool(nil), Vault: v, Log: records, Redactor: audit.NewRedactor(),
		Active: func(string) bool { return true }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	return g, records
}

func TestAlicesGrantIsNeverUsedForBob(t *testing.T) {
	p := newTwoPeople(t)
	g, records := p.gateway(t)
	grants, err := scope.Catalogs{"slack": slack.New().Scopes}.ParseGrants("slack:read-write")
	must(t, err)
	post := func(user, to string) tools.Result {
		args, _ := json.Marshal(map[string]string{"channel": to, "text": "from " + user})
		return g.Call(t.Context(), auth.Identity{Agent: "a1", User: user, Grants: grants}, tools.Call{Tool: "slack_post_message", Arguments: args, Transport: "http"})
	}
	other := map[string]string{"alice": "bob", "bob": "alice"}
	var wg sync.WaitGroup
	for worker := range 8 {
		user := []string{"alice", "bob"}[worker%2]
		wg.Go(func() {
			for range 20 {
				_, own := room(user)
				if r := post(user, "#"+own); r.Failure != nil || r.Account.Label != "workspace of "+user {
					t.Errorf("%s: %s, acted: %+v", user, r.Text, r.Account)
				}
				// What the other has looked up is nothing that this one can see.
				_, theirs := room(other[user])
				if r := post(user, "#"+theirs); kind(r) != fault.NotFound {
					t.Errorf("%s finds #%s: %s %q", user, theirs, kind(r), r.Text)
				}
				for _, nobody := range []string{"", "carol", "Alice", "alice ", "alice/"} {
					if r := post(nobody, "#alice-room"); kind(r) != fault.NotPermitted || !strings.Contains(r.Text, "no Slack credential") {
						t.Errorf("%q: %s %q", nobody, kind(r), r.Text)
					}
				}
			}
		})
	}
	wg.Wait()
	for _, wrong := range p.wrong {
		t.Error(wrong)
	}
	if p.refreshes < 4 {
		t.Errorf("%d refreshes are too few to tell", p.refreshes)
	}
	for _, r := range records.records() {
		if r.CredentialID != "" && (r.CredentialID != "slack/a1/"+r.User || r.AccountLabel != "" && r.AccountLabel != "workspace of "+r.User) {
			t.Errorf("for %q: %s, %q", r.User, r.CredentialID, r.AccountLabel)
		}
	}
	for _, nobody := range []string{"", "carol"} {
		if got := g.List(auth.Identity{Agent: "a1", User: nobody, Grants: grants}); len(got) != 0 {
			t.Errorf("%q sees %d tools", nobody, len(got))
		}
	}
}

// A credential that is given out is that of the user and the account, too.
func TestAReleaseIsOfTheUserAndTheAccount(t *testing.T) {
	w, _ := accounted(t)
	w.has(t, "emea read-write", "us read-only", "alice/own read-write")
	declared := w.vault.Declarations()
	for i := range declared {
		declared[i].Broker = true
	}
	w.vault.Configure(declared, map[string]vault.Service{"shelf": {Schemes: shelf("").Auth}})
	for name, c := range map[string]struct {
		user, grants, account, scope string
		kind                         fault.Kind
		token                        string
	}{
		"named":                          {"", "shelf:read-write", "us", "book.read", "", "token-us"},
		"not named":                      {"", "shelf:read-write", "", "book.read", fault.InvalidArguments, ""},
		"not named, one grants":          {"", "shelf:read-write", "", "book.write", fault.InvalidArguments, ""},
		"of the token":                   {"", "shelf@emea:read-write", "", "book.read", "", "token-emea"},
		"of the token, and named":        {"", "shelf@emea:read-write", "emea", "book.read", "", "token-emea"},
		"another than the token's":       {"", "shelf@emea:read-write", "us", "book.read", fault.NotFound, ""},
		"of a token for one that is not": {"", "shelf@gone:read-write", "", "book.read", fault.NotFound, ""},
		"alice's":                        {"alice", "shelf:read-write", "own", "book.read", "", "token-alice-own"},
		"alice's, for bob":               {"bob", "shelf:read-write", "own", "book.read", fault.NotFound, ""},
		"alice's, for nobody":            {"", "shelf@own:read-write", "", "book.read", fault.NotFound, ""},
	} {
		w.id.User = c.user
		w.grant(t, c.grants)
		r, f := w.Release(t.Context(), w.id, tools.ReleaseRequest{Agent: "a1", Service: "shelf", Account: c.account, Scope: c.scope, Transport: "http"})
		if f == nil && c.kind != "" || f != nil && f.Kind != c.kind || r.Token != c.token {
			t.Errorf("%s: %q, %v", name, r.Token, f)
		}
	}
}
