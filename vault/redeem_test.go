package vault

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAuthCodeURL(t *testing.T) {
	app := App{Provider: Provider{
		AuthURL: "https://login.example/authorize?tenant=1", ScopeSeparator: ",", UserScopeParam: "user_scope",
		AuthParams: map[string]string{"access_type": "offline"}, Optional: []string{"c"}, OptionalScopeParam: "optional_scope",
	}, ClientID: "client", ClientSecret: NewSecret("app-client-secret-value")}
	u, err := url.Parse(app.AuthCodeURL(AuthRequest{
		Redirect: "https://here.example/connect/callback", State: "s", Verifier: strings.Repeat("v", 43), Nonce: "n",
		Scopes: []string{"a", "b", "c"}, UserScopes: []string{"d", "e"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for key, want := range map[string]string{
		"tenant": "1", "client_id": "client", "response_type": "code", "state": "s", "scope": "a,b", "optional_scope": "c", "user_scope": "d,e",
		"access_type": "offline", "nonce": "n", "redirect_uri": "https://here.example/connect/callback", "code_challenge_method": "S256",
	} {
		if q.Get(key) != want {
			t.Errorf("%s is %q, not %q", key, q.Get(key), want)
		}
	}
	if q.Get("code_challenge") == "" || strings.Contains(u.String(), "vvvv") || strings.Contains(u.String(), "app-client-secret") {
		t.Errorf("the address is %s", u)
	}
}

// redeemed trades a code at an issuer that answers as given.
func redeemed(t *testing.T, answer string, c Code, edit func(*App)) ([]Grant, error) {
	t.Helper()
	k := newKit(t)
	k.issuer.answer = func(w http.ResponseWriter, _ int) bool {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, answer)
		return true
	}
	app := App{Provider: Provider{AuthURL: "https://login.example/", TokenURL: k.issuer.URL + "/token", Issuer: "https://login.example"}, ClientID: "client"}
	if edit != nil {
		edit(&app)
	}
	k.Configure(nil, map[string]Service{"slack": {Schemes: schemes, App: app}})
	c.Service, c.Code = "slack", NewSecret("code-1")
	return k.Redeem(t.Context(), c)
}

// Whose it is, as each provider says it.
func TestAccounts(t *testing.T) {
	slack := func(a *App) { a.UserScopeParam = "user_scope" }
	for name, c := range map[string]struct {
		answer string
		edit   func(*App)
		want   []string
	}{
		"Slack, both": {`{"ok":true,"access_token":"a","token_type":"bot","team":{"id":"T1","name":"Acme"},"enterprise":null,"authed_user":{"id":"U1","access_token":"b","scope":"search:read"}}`,
			slack, []string{"bot: workspace Acme (T1)", "user: workspace Acme (T1), user U1"}},
		"Slack, user only": {`{"ok":true,"team":{"id":"T1","name":"Acme"},"authed_user":{"id":"U1","access_token":"b"}}`, slack, []string{"user: workspace Acme (T1), user U1"}},
		"Slack, all of an organization": {`{"ok":true,"access_token":"a","team":null,"is_enterprise_install":true,"enterprise":{"id":"E1","name":"Acme Group"}}`, slack,
			[]string{"bot: organization Acme Group (E1)"}},
		"HubSpot":    {`{"access_token":"a","hub_id":4711,"hub_domain":"acme.example"}`, nil, []string{": account 4711 (acme.example)"}},
		"Notion":     {`{"access_token":"a","workspace_name":"Acme","bot_id":"b1","workspace_id":"w1"}`, nil, []string{": workspace Acme"}},
		"Salesforce": {`{"access_token":"a","instance_url":"https://acme.my.salesforce.com","id":"https://login.salesforce.com/id/00D1/0051"}`, nil, []string{": organization acme.my.salesforce.com (00D1), user 0051"}},
		"nobody":     {`{"access_token":"a"}`, nil, []string{": "}},
		"hostile": {`{"access_token":"a","workspace_name":"A\u202ec\nm\u0000e` + strings.Repeat("x", 999) + `","hub_id":{"x":1},"instance_url":7,"team":"T","id":[]}`, nil,
			[]string{": workspace Ac me" + strings.Repeat("x", 75) + "…"}},
	} {
		t.Run(name, func(t *testing.T) {
			grants, err := redeemed(t, c.answer, Code{}, c.edit)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, g := range grants {
				got = append(got, g.Kind+": "+g.Stored.Account)
			}
			if !slices.Equal(got, c.want) {
				t.Fatalf("%q, not %q", got, c.want)
			}
		})
	}
}

func idToken(claims map[string]any) string {
	payload, _ := json.Marshal(claims)
	return "e30." + base64.RawURLEncoding.EncodeToString(payload) + ".sig"
}

// An id token says who consented only if it is for us and for this consent.
func TestIDToken(t *testing.T) {
	claims := func(edit func(map[string]any)) map[string]any {
		c := map[string]any{"iss": "https://login.example", "aud": "client", "nonce": "n1", "exp": time.Now().Add(time.Hour).Unix(), "email": "alice@acme.example", "sub": "1"}
		edit(c)
		return c
	}
	for name, c := range map[string]struct {
		token string
		ok    bool
	}{
		"right":            {idToken(claims(func(map[string]any) {})), true},
		"one of a list":    {idToken(claims(func(c map[string]any) { c["aud"] = []string{"client"} })), true},
		"another issuer":   {idToken(claims(func(c map[string]any) { c["iss"] = "https://evil.example" })), false},
		"another app":      {idToken(claims(func(c map[string]any) { c["aud"] = "other" })), false},
		"two apps":         {idToken(claims(func(c map[string]any) { c["aud"] = []string{"client", "other"} })), false},
		"another consent":  {idToken(claims(func(c map[string]any) { c["nonce"] = "n2" })), false},
		"no nonce":         {idToken(claims(func(c map[string]any) { delete(c, "nonce") })), false},
		"ended":            {idToken(claims(func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() })), false},
		"no end":           {idToken(claims(func(c map[string]any) { delete(c, "exp") })), false},
		"two parts":        {"a.b", false},
		"no base64":        {"a.!.c", false},
		"no JSON":          {"a.YQ.c", false},
		"none at all, ok?": {"", true},
	} {
		t.Run(name, func(t *testing.T) {
			grants, err := redeemed(t, `{"access_token":"a","id_token":"`+c.token+`"}`, Code{Nonce: "n1"}, nil)
			if (err == nil) != c.ok {
				t.Fatalf("the error is %v", err)
			}
			if err == nil && c.token != "" && grants[0].Stored.Account != "alice@acme.example" {
				t.Fatalf("it is %q", grants[0].Stored.Account)
			}
			if err != nil && (strings.Contains(err.Error(), "evil") || !strings.Contains(err.Error(), "nothing was stored")) {
				t.Fatalf("the error is %v", err)
			}
		})
	}
	// Where none was asked for, none is believed.
	grants, err := redeemed(t, `{"access_token":"a","id_token":"`+idToken(map[string]any{"email": "mallory@evil.example"})+`"}`, Code{}, nil)
	if err != nil || grants[0].Stored.Account != "" {
		t.Fatalf("%v %v", grants, err)
	}
}

func TestMissingScopes(t *testing.T) {
	for _, c := range []struct {
		asked   []string
		granted string
		want    []string
	}{
		{[]string{"a", "b"}, "b a", nil},
		{[]string{"a", "b", "b"}, "a,c", []string{"b"}},
		{[]string{"a"}, "", nil},
		{[]string{"a"}, "  ", nil},
		{[]string{"openid", "email", "offline_access"}, "https://www.googleapis.com/auth/userinfo.email", nil},
	} {
		if got := missingScopes(c.asked, c.granted); !slices.Equal(got, c.want) {
			t.Errorf("%v of %q: %v", c.asked, c.granted, got)
		}
	}
}

func TestRedeemWithoutAnApp(t *testing.T) {
	k := newKit(t)
	k.Configure(nil, map[string]Service{"slack": {Schemes: schemes}})
	if _, err := k.Redeem(t.Context(), Code{Service: "slack"}); err == nil || !strings.Contains(err.Error(), "services.slack.oauth") {
		t.Fatalf("the error is %v", err)
	}
}

// Whatever a token endpoint answers: no panic, no grant without a token, and no
// word of it that could not stand on one line.
func FuzzTokenAnswer(f *testing.F) {
	for _, s := range []string{
		`{"access_token":"a","expires_in":3600}`, `{"ok":true,"authed_user":{"access_token":"b","expires_in":1}}`, `access_token=a&scope=b`,
		`{"access_token":"a","team":{"id":1,"name":"\u202e"},"hub_id":1e999,"instance_url":"://","id":"/id/1/2","scopes":[1,"a"]}`, `[]`, `null`, `{"access_token":{}}`,
		`{"access_token":"a","id_token":"a.e30.c"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := answerOf(body)
		if err != nil {
			return
		}
		who, _ := all.identity(App{ClientID: "client"}, "n", time.Now())
		for _, kind := range []string{"", GrantBot, GrantUser} {
			label := all.account(kind, who)
			if strings.ContainsAny(label, "\r\n\x00\u202e\u2028") || len([]rune(label)) > 201 {
				t.Fatalf("the label is %q", label)
			}
		}
		g, ok, err := userGrant(Code{}, all, time.Now())
		if ok && (err != nil || g.Stored.Secret.Empty()) {
			t.Fatalf("a grant without a token: %v", err)
		}
		_ = all.texts("scopes")
	})
}
