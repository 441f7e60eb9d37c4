package googlecalendar

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools/fault"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// keeper is the service with a real vault, at the double.
type keeper struct {
	*world
	vault *vault.Vault
	home  string // of the double
	asked []url.Values
}

func newKeeper(t *testing.T) *keeper {
	t.Helper()
	w := newWorld(t)
	w.now = time.Now() // assertions are of now
	k := &keeper{world: w}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == w.double.Token {
			_ = r.ParseForm()
			k.asked = append(k.asked, r.PostForm)
		}
		w.double.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	k.home = s.URL
	k.vault = toolstest.Vault(t, vault.Options{Now: func() time.Time { return w.now }})
	app := vault.App{Provider: w.double.Provider(*w.svc.OAuth, s.URL), ClientID: w.double.ClientID, ClientSecret: vault.NewSecret(w.double.ClientSecret)}
	k.vault.Configure(nil, map[string]vault.Service{name: {BaseURL: w.url, Schemes: w.svc.Auth, App: app}})
	return k
}

// account declares the service account of the double.
func (k *keeper) account(scopes, secret string, params map[string]string) vault.Declaration {
	k.t.Helper()
	set, err := k.svc.Scopes.Parse(scopes)
	if err != nil {
		k.t.Fatal(err)
	}
	all := map[string]string{"token_url": k.home + k.double.Token}
	for key, v := range params {
		all[key] = v
	}
	if secret == "" {
		secret = k.double.Credentials[0].Secret
	}
	if _, err := k.vault.Put(k.t.Context(), "google/a", vault.Stored{Type: vault.TypeJWTBearer, Secret: vault.NewSecret(secret)}); err != nil {
		k.t.Fatal(err)
	}
	return vault.Declaration{ID: "google/a", Owner: vault.Owner{Agent: "a"}, Service: name, Type: vault.TypeJWTBearer, Source: "vault:google/a", Scope: set, Params: all}
}

// do calls a tool with a declared credential.
func (k *keeper) do(d vault.Declaration, tool, args string) (any, error) {
	k.t.Helper()
	cred, err := k.vault.Resolve(k.t.Context(), d)
	if err != nil {
		return nil, err
	}
	e := k.svc.Endpoint
	e.BaseURL, e.Private = k.url, true
	c := upstream.NewPool(nil).Client(e, &toolstest.Resolved{Vault: k.vault, Credential: cred}, k.callID)
	return toolstest.Call(k.t, k.svc, c, "google_calendar_"+tool, args)
}

// claims are those of the last assertion, whose signature the double has checked.
func (k *keeper) claims() map[string]any {
	k.t.Helper()
	part := strings.Split(k.asked[len(k.asked)-1].Get("assertion"), ".")
	b, err := base64.RawURLEncoding.DecodeString(part[1])
	var m map[string]any
	if err != nil || json.Unmarshal(b, &m) != nil {
		k.t.Fatal("no assertion")
	}
	return m
}

// A service account acts for a person of its domain, and asks for what its scope here
// stands for at Google, and no more.
func TestServiceAccountWithDelegation(t *testing.T) {
	for scopes, want := range map[string]string{
		scope.ReadWrite:            "calendar.calendarlist.readonly calendar.events.freebusy calendar.events",
		scope.ReadOnly:             "calendar.calendarlist.readonly calendar.events.readonly calendar.events.freebusy",
		"events.write":             "calendar.events",
		"freebusy.read":            "calendar.events.freebusy",
		"events.read freebusy":     "calendar.events.readonly calendar.events.freebusy",
		"calendar.events.freebusy": "calendar.events.freebusy",
	} {
		k := newKeeper(t)
		d := k.account(scopes, "", map[string]string{"subject": marta})
		me, err := k.do(d, "whoami", `{}`)
		if err != nil || me.(Calendar).Name != marta {
			t.Fatalf("%s: %v, %v", scopes, me, err)
		}
		c := k.claims()
		var short []string
		for _, s := range strings.Fields(c["scope"].(string)) {
			short = append(short, strings.TrimPrefix(s, "https://www.googleapis.com/auth/"))
		}
		if strings.Join(short, " ") != want || c["sub"] != marta || c["aud"] != k.home+"/token" || c["iss"] == "" || c["exp"].(float64)-c["iat"].(float64) > 3600 {
			t.Errorf("%s: asked for %q with %v", scopes, short, c)
		}
	}

	// token_scope says otherwise; a call that needs more says what is missing.
	k := newKeeper(t)
	d := k.account(scope.ReadWrite, "", map[string]string{"subject": marta, "token_scope": scopeNames[freebusyRead]})
	if _, err := k.do(d, "free_busy", `{"calendars":["primary"],"from":"2026-11-25","to":"2026-11-25"}`); err != nil {
		t.Error(err)
	}
	_, err := k.do(d, "create_event", `{"title":"x","start":"2026-11-27 10:00"}`)
	if f := fault.From(err); f.Kind != fault.NotPermitted || !strings.Contains(f.Message, "calendar.events to change them") {
		t.Error(err)
	}

	// A wider scope in the config is another token.
	d = k.account("freebusy.read", "", map[string]string{"subject": marta})
	if _, err := k.do(d, "free_busy", `{"calendars":["primary"],"from":"2026-11-25","to":"2026-11-25"}`); err != nil {
		t.Error(err)
	}
	d = k.account(scope.ReadWrite, "", map[string]string{"subject": marta})
	if _, err := k.do(d, "create_event", `{"title":"x","start":"2026-11-27 10:00"}`); err != nil {
		t.Error(err)
	}
	// A token that has ended is followed by another within the call.
	before := len(k.asked)
	k.double.ExpireTokens()
	if _, err := k.do(d, "list_events", `{}`); err != nil || len(k.asked) != before+1 {
		t.Errorf("%d tokens: %v", len(k.asked)-before, err)
	}
}

// What Google does not allow the account is an error that says what to do.
func TestServiceAccountRefused(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	k := newKeeper(t)
	var file map[string]string
	if err := json.Unmarshal([]byte(k.double.Credentials[0].Secret), &file); err != nil {
		t.Fatal(err)
	}
	file["private_key"] = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	other, _ := json.Marshal(file)
	for _, c := range []struct {
		secret string
		params map[string]string
		says   string
	}{
		{"", map[string]string{"subject": "dana.whitfield@acme.example"}, "unauthorized_client"},
		{"", map[string]string{"subject": "nobody@northwind.example"}, "invalid_grant"},
		{"", map[string]string{"subject": marta, "token_scope": "https://www.googleapis.com/auth/calendar"}, "unauthorized_client"},
		{"", map[string]string{"subject": marta, "audience": "https://example.com/token"}, "invalid_grant"},
		{"", map[string]string{"subject": marta, "issuer": "somebody@else.example"}, "invalid_grant"},
		{string(other), map[string]string{"subject": marta}, "invalid_grant"},
	} {
		_, err := k.do(k.account(scope.ReadWrite, c.secret, c.params), "whoami", `{}`)
		if !errors.Is(err, vault.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v", c.params, err)
		}
	}
	// Without a subject it is nobody's: its own calendar, and no guests.
	d := k.account(scope.ReadWrite, "", nil)
	if me, err := k.do(d, "whoami", `{}`); err != nil || !strings.HasSuffix(me.(Calendar).ID, ".gserviceaccount.com") {
		t.Errorf("%v, %v", me, err)
	}
	_, err = k.do(d, "create_event", `{"title":"x","start":"2026-11-27 10:00","guests":["`+dana+`"]}`)
	if f := fault.From(err); f.Kind != fault.NotPermitted || !strings.Contains(f.Message, "subject") {
		t.Error(err)
	}
	// The assertion is good for a short time only.
	k.now = k.now.Add(-2 * time.Hour)
	if _, err := k.do(k.account(scope.ReadWrite, "", map[string]string{"subject": jonas}), "whoami", `{}`); err != nil {
		t.Errorf("both clocks are the same, and %v", err)
	}
}

// Consent: PKCE, offline access, a refresh token that stays, and what is said when it
// has ended.
func TestConsent(t *testing.T) {
	k := newKeeper(t)
	app, err := k.vault.OAuthApp(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	const back = "http://127.0.0.1:1/connect/callback"
	scopes := []string{scopeNames[calendarsRead], scopeNames[eventsWrite]}
	at, err := url.Parse(app.AuthCodeURL(vault.AuthRequest{Redirect: back, State: "s1", Verifier: verifier, Scopes: scopes}))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"access_type": "offline", "prompt": "consent", "include_granted_scopes": "true", "code_challenge_method": "S256"} {
		if got := at.Query().Get(key); got != want {
			t.Errorf("%s is %q", key, got)
		}
	}
	rec := httptest.NewRecorder()
	k.double.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, at.RequestURI(), nil))
	m := regexp.MustCompile(`name="asked" value="(\w+)"`).FindStringSubmatch(rec.Body.String())
	if m == nil {
		t.Fatal(rec.Body.String())
	}
	r := httptest.NewRequest(http.MethodPost, k.double.Authorize, strings.NewReader(url.Values{"asked": {m[1]}, "answer": {"allow"}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec = httptest.NewRecorder()
	k.double.ServeHTTP(rec, r)
	to, err := url.Parse(rec.Header().Get("Location"))
	if err != nil || to.Query().Get("code") == "" {
		t.Fatalf("sent back to %v", to)
	}
	grants, err := k.vault.Redeem(t.Context(), vault.Code{Service: name, Code: vault.NewSecret(to.Query().Get("code")), Verifier: vault.NewSecret(verifier), Redirect: back, Scopes: append(scopes, scopeNames[freebusyRead])})
	if err != nil || len(grants) != 1 || !slices.Equal(grants[0].Missing, []string{scopeNames[freebusyRead]}) {
		t.Fatalf("%+v, %v", grants, err)
	}
	if _, err := k.vault.Put(t.Context(), "google/b", grants[0].Stored); err != nil {
		t.Fatal(err)
	}
	set, _ := k.svc.Scopes.Parse(scope.ReadWrite)
	d := vault.Declaration{ID: "google/b", Owner: vault.Owner{Agent: "b"}, Service: name, Type: vault.TypeOAuthToken, Source: "vault:google/b", Scope: set}
	for range 3 { // each time with a refresh, and always with the same refresh token
		if _, err := k.do(d, "list_events", `{}`); err != nil {
			t.Fatal(err)
		}
		k.double.ExpireTokens()
	}
	if _, err := k.do(d, "free_busy", `{"calendars":["primary"],"from":"2026-11-25","to":"2026-11-25"}`); fault.From(err).Kind != fault.NotPermitted {
		t.Errorf("a scope that was not consented to: %v", err)
	}
	// The person takes it back at Google.
	post := httptest.NewRequest(http.MethodPost, k.double.Revoke, strings.NewReader(url.Values{"token": {grants[0].Stored.Refresh.Reveal()}}.Encode()))
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	k.double.ServeHTTP(httptest.NewRecorder(), post)
	k.double.ExpireTokens()
	_, err = k.do(d, "list_events", `{}`)
	if !errors.Is(err, vault.ErrNeedsConsent) || !strings.Contains(err.Error(), "7 days") {
		t.Errorf("after it was taken back: %v", err)
	}
}
