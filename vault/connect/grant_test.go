package connect

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/vault"
)

// Answers that are no tokens: one sentence, recorded, nothing stored.
func TestBadAnswers(t *testing.T) {
	say := func(status int, kind, body string) func(http.ResponseWriter, url.Values) bool {
		return func(w http.ResponseWriter, _ url.Values) bool {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, body)
			return true
		}
	}
	const js = "application/json"
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, url.Values) bool
		text   string
	}{
		"no access token":   {say(200, js, `{"token_type":"bearer","expires_in":60}`), "without an access token"},
		"empty token":       {say(200, js, `{"access_token":""}`), "without an access token"},
		"life as text":      {say(200, js, `{"access_token":"access-canary","expires_in":"soon <b>"}`), "expires_in is not a number"},
		"life of 0":         {say(200, js, `{"access_token":"access-canary","expires_in":0}`), "0 seconds"},
		"life below 0":      {say(200, js, `{"access_token":"access-canary","expires_in":-5}`), "0 seconds"},
		"life of a list":    {say(200, js, `{"access_token":"access-canary","expires_in":[]}`), "expires_in is not a number"},
		"token with a line": {say(200, js, `{"access_token":"access-canary\r\nX: y"}`), "cannot be used"},
		"a token of 100 kB": {say(200, js, `{"access_token":"`+strings.Repeat("a", 100<<10)+`"}`), "cannot be used"},
		"HTML":              {say(200, "text/html", `<html><script>alert(1)</script></html>`), "no token answer"},
		"HTML and 502":      {say(502, "text/html", `<html><script>alert(1)</script></html>`), "just now"},
		"10 MB":             {say(200, js, `{"access_token":"access-canary","x":"`+strings.Repeat("x", 10<<20)+`"}`), "more than"},
		"nothing":           {say(200, js, ``), "no token answer"},
		"a list":            {say(200, js, `[]`), "no token answer"},
		"ok false":          {say(200, js, `{"ok":false,"error":"invalid_code"}`), "did not accept the consent (invalid_code)"},
		"used":              {say(400, js, `{"error":"invalid_grant","error_description":"<b>evil</b>"}`), "did not accept the consent (invalid_grant)"},
		"our app is wrong":  {say(401, js, `{"error":"invalid_client"}`), "refused the OAuth app"},
		"odd error":         {say(400, js, `{"error":"<script>alert(1)</script>"}`), "no error code"},
		"a redirect": {func(w http.ResponseWriter, _ url.Values) bool {
			w.Header().Set("Location", "http://evil.example/")
			w.WriteHeader(302)
			return true
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.provider.answer = c.answer
			ticket := w.begin(w.decls[0], "alice")
			b := w.as("alice").open(ticket.URL)
			b.open(b.approve()).shows(502, "is not connected", c.text)
			w.nothingStored()
			if res := w.result(ticket); res.Outcome != OutcomeFailed || strings.Count(res.Reason, "\n") > 0 || len(res.Reason) > 500 {
				t.Fatalf("the result is %+v", res)
			}
			if e := w.lastEvent(); e.Kind != Failed || e.Reason == "" {
				t.Fatalf("recorded was %+v", e)
			}
			b.hides("<script", "<b>")
			w.noSecrets()
		})
	}
}

// What many good providers leave out is no fault.
func TestThinAnswersAreTaken(t *testing.T) {
	for name, tokens := range map[string]func(url.Values, int) map[string]any{
		"no life": func(url.Values, int) map[string]any { return map[string]any{"access_token": "access-canary"} },
		"life as digits": func(url.Values, int) map[string]any {
			return map[string]any{"access_token": "access-canary", "expires_in": "3600"}
		},
		"null where others": func(url.Values, int) map[string]any {
			return map[string]any{"access_token": "access-canary", "refresh_token": nil, "scope": nil, "expires_in": nil}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.provider.tokens = tokens
			b := w.as("alice").open(w.begin(w.decls[0], "alice").URL)
			b.open(b.approve()).shows(200, "is connected", "See contacts")
		})
	}
}

func TestWhatWasNotGrantedIsSaid(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.decls = []vault.Declaration{w.declare("crm/bot", "", "crm.objects.contacts.read crm.objects.deals.read")}
	})
	w.provider.tokens = func(url.Values, int) map[string]any {
		return map[string]any{"access_token": "access-canary", "expires_in": 60, "scopes": []string{"oauth", "crm.objects.contacts.read"}}
	}
	ticket := w.begin(w.decls[0], "alice")
	b := w.as("alice").open(ticket.URL)
	b.open(b.approve()).shows(200, "Asked for and not granted", "See deals", "gave nothing to renew it with")
	equal(t, "missing", w.result(ticket).Missing, []string{"crm.objects.deals.read"})
	equal(t, "recorded as missing", w.lastEvent().Missing, []string{"crm.objects.deals.read"})
	if info, _ := w.stored("crm/bot"); info.Scope != "oauth crm.objects.contacts.read" {
		t.Fatalf("stored is %+v", info)
	}
}

// Slack's way: the app's own token and the user's in one answer.
func slackLike(a *vault.App) {
	a.ScopeSeparator, a.UserScopeParam, a.UserScopes, a.Scopes = ",", "user_scope", []string{"search:read"}, nil
}

func slackTokens(asked url.Values, n int) map[string]any {
	answer := map[string]any{"ok": true, "team": map[string]any{"id": "T1", "name": "Acme"}, "enterprise": nil, "authed_user": map[string]any{"id": "U1"}}
	if s := asked.Get("scope"); s != "" {
		answer["access_token"], answer["token_type"], answer["scope"] = fmt.Sprintf("access-canary-bot-%d", n), "bot", s
		answer["refresh_token"], answer["expires_in"] = fmt.Sprintf("refresh-canary-bot-%d", n), 43200
	}
	if s := asked.Get("user_scope"); s != "" {
		answer["authed_user"] = map[string]any{
			"id": "U1", "scope": s, "access_token": fmt.Sprintf("access-canary-user-%d", n), "token_type": "user",
			"refresh_token": fmt.Sprintf("refresh-canary-user-%d", n), "expires_in": 43200,
		}
	}
	return answer
}

func TestTwoTokensInOneAnswer(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.more = slackLike
		w.decls = []vault.Declaration{
			w.declare("crm/bot", "", "chat:write crm.objects.contacts.read"), w.declare("crm/search", "", "search:read"),
			w.declare("crm/alice", "alice", "chat:write"),
		}
	})
	w.provider.tokens = slackTokens
	ticket := w.begin(w.decls[0], "alice")
	b := w.as("alice").open(ticket.URL)
	b.open(b.approve()).shows(200, "workspace Acme (T1)", "workspace Acme (T1), user U1")
	if q := w.provider.last(); q.Get("scope") != "chat:write,crm.objects.contacts.read" || q.Get("user_scope") != "search:read" {
		t.Fatalf("asked was %v", q)
	}
	for name, want := range map[string]string{"crm/bot": "access-canary-bot", "crm/search": "access-canary-user"} {
		i := slices.IndexFunc(w.decls, func(d vault.Declaration) bool { return d.ID == name })
		cred, err := w.vault.Resolve(t.Context(), w.decls[i])
		if err != nil || !strings.HasPrefix(cred.Secrets()[0].Reveal(), want) {
			t.Fatalf("%s is not %s: %v", name, want, err)
		}
	}
	if _, ok := w.stored("crm/alice"); ok {
		t.Fatal("alice's own credential was filled by the agent's")
	}
	// Again: what works is not asked for a second time with it.
	b = w.as("alice").open(w.begin(w.decls[0], "alice").URL)
	b.open(b.approve())
	if q := w.provider.last(); q.Get("user_scope") != "" {
		t.Fatalf("asked was %v", q)
	}
}

// A person's own credential is a token of that person, never the app's.
func TestDelegatedIsTheUsersToken(t *testing.T) {
	w := newWorld(t, func(w *world) { w.more = slackLike })
	w.provider.tokens = slackTokens
	b := w.as("alice").open(w.begin(w.decls[1], "alice").URL)
	b.open(b.approve()).shows(200, "workspace Acme (T1), user U1")
	if q := w.provider.last(); q.Get("scope") != "" || q.Get("user_scope") != "crm.objects.contacts.read" {
		t.Fatalf("asked was %v", q)
	}
	w.provider.tokens = func(url.Values, int) map[string]any { return slackTokens(url.Values{"scope": {"x"}}, 9) }
	ticket := w.begin(w.decls[1], "alice")
	b.open(ticket.URL)
	b.open(b.approve()).shows(502, "another kind of token")
	if info, _ := w.stored("crm/alice"); info.Version != 1 {
		t.Fatalf("the app's token was stored: %+v", info)
	}
	if !slices.Contains(w.provider.revoked, "access-canary-bot-9") {
		t.Fatalf("it was not given back: %v", w.provider.revoked)
	}
}

// A later tool asks for the difference alone, where the provider adds it up.
func TestOnlyTheDifference(t *testing.T) {
	for name, incremental := range map[string]bool{"adds up": true, "does not": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(w *world) { w.more = func(a *vault.App) { a.Incremental = incremental } })
			b := w.as("alice").open(w.begin(w.decls[0], "alice").URL)
			b.open(b.approve())
			w.decls[0] = w.declare("crm/bot", "", "crm.objects.contacts.read crm.objects.deals.read")
			w.configure()
			b.open(w.begin(w.decls[0], "alice").URL)
			b.open(b.approve())
			want := []string{"oauth", "crm.objects.deals.read"}
			if !incremental {
				want = []string{"oauth", "crm.objects.contacts.read", "crm.objects.deals.read"}
			}
			equal(t, "asked for", strings.Fields(w.provider.last().Get("scope")), want)
		})
	}
}

// Who connects another account in place of the one before is told.
func TestAnotherAccount(t *testing.T) {
	w := newWorld(t)
	b := w.as("alice").open(w.begin(w.decls[0], "alice").URL)
	b.open(b.approve())
	w.provider.tokens = func(url.Values, int) map[string]any {
		return map[string]any{"access_token": "access-canary", "hub_id": 815, "hub_domain": "other.example"}
	}
	b.open(w.begin(w.decls[0], "alice").URL)
	b.open(b.approve()).shows(200, "account 815 (other.example)", "Until now the connected account was: account 4711")
	w.provider.tokens = func(url.Values, int) map[string]any { return map[string]any{"access_token": "access-canary"} }
	b.open(w.begin(w.decls[0], "alice").URL)
	b.open(b.approve()).shows(200, "Until now the connected account was: account 815") // whose it is now, nobody says
}

// A person's grant is on record as that person's: a config that declares it for
// another later does not give it to the other.
func TestAGrantIsThePersons(t *testing.T) {
	w := newWorld(t)
	d := w.declare("crm/alice", "alice", "crm.objects.contacts.read")
	w.decls = []vault.Declaration{d}
	w.configure()
	b := w.as("alice").open(w.begin(d, "alice").URL)
	b.open(b.approve()).shows(200, "is connected")
	if _, err := w.vault.Resolve(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"bob", ""} {
		d.Owner.User = user
		if c, err := w.vault.Resolve(t.Context(), d); c != nil || !errors.Is(err, vault.ErrNeedsConsent) {
			t.Errorf("for %q: %v", user, err)
		}
	}
}

// Nothing is stored that cannot be recorded, and the provider gets it back.
func TestNoAuditNoGrant(t *testing.T) {
	w := newWorld(t)
	b := w.as("alice").open(w.begin(w.decls[0], "alice").URL)
	back := b.halfway()
	w.mu.Lock()
	w.deaf = true
	w.mu.Unlock()
	b.open(back).shows(502, "The audit log cannot be written")
	w.nothingStored()
	if len(w.provider.revoked) != 2 {
		t.Fatalf("given back was %v", w.provider.revoked)
	}
	if _, err := w.Begin(t.Context(), Request{Declaration: w.decls[0]}); err == nil {
		t.Fatal("a person is asked though it cannot be recorded")
	}
	w.noSecrets()
}

// A grant that needs consent again is whole afterwards.
func TestAgainAfterABadState(t *testing.T) {
	w := newWorld(t)
	b := w.as("alice").open(w.begin(w.decls[0], "alice").URL)
	b.open(b.approve())
	// The provider here refreshes nothing: the next use finds the grant dead.
	w.clock.add(2 * time.Hour)
	if _, err := w.vault.Resolve(t.Context(), w.decls[0]); err == nil {
		t.Fatal("the provider has refreshed it")
	}
	b.become("alice")
	b.open(w.begin(w.decls[0], "alice").URL)
	b.open(b.approve()).shows(200, "is connected")
	if info, _ := w.stored("crm/bot"); info.State != vault.StateOK || info.Reason != "" {
		t.Fatalf("stored is %+v", info)
	}
	if _, err := w.vault.Resolve(t.Context(), w.decls[0]); err != nil {
		t.Fatal(err)
	}
}
