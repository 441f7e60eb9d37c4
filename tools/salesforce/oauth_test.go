package salesforce

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools/fault"
	"toolvault/tools/sandbox/double"
	sandbox "toolvault/tools/sandbox/salesforce"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// kept is the real vault, with one credential, in front of the double.
type kept struct {
	*vault.Vault
	t      *testing.T
	double *double.Double
	url    string
	app    vault.App
	asked  []url.Values // of the token endpoint
	cred   *vault.Credential
	decl   vault.Declaration
	renews int
}

// newKept declares a credential of a type with its keys of the config.
func newKept(t *testing.T, d *double.Double, typ string, params map[string]string, secret vault.Stored) *kept {
	t.Helper()
	k := &kept{t: t, double: d}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			body, _ := io.ReadAll(r.Body)
			form, _ := url.ParseQuery(string(body))
			k.asked = append(k.asked, form)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
		}
		d.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	k.url = s.URL
	svc := New()
	p := *svc.OAuth // as it is once an admin has set base_url
	for _, u := range []*string{&p.AuthURL, &p.TokenURL, &p.RevokeURL, &p.Audience} {
		*u = strings.Replace(*u, login, k.url, 1)
	}
	k.app = vault.App{Provider: p, ClientID: d.ClientID, ClientSecret: vault.NewSecret(d.ClientSecret)}
	k.Vault = toolstest.Vault(t, vault.Options{HTTP: s.Client()})
	set, err := svc.Scopes.Parse(scope.ReadWrite)
	check(t, err)
	k.decl = vault.Declaration{
		ID: "salesforce/a1", Owner: vault.Owner{Agent: "a1"}, Service: name, Type: typ, Source: "vault:salesforce/a1", Scope: set, Params: params,
	}
	k.Configure([]vault.Declaration{k.decl}, map[string]vault.Service{name: {BaseURL: k.url, Schemes: svc.Auth, App: k.app}})
	if secret.Type != "" {
		_, err = k.Put(t.Context(), k.decl.ID, secret)
		check(t, err)
	}
	return k
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (k *kept) Authorize(r *http.Request) error { return k.cred.Authorize(r) }
func (k *kept) Key() string                     { return k.cred.ID }

func (k *kept) Renew(ctx context.Context) (bool, error) {
	k.renews++
	next, err := k.Vault.Renew(ctx, k.cred)
	if err == nil {
		k.cred = next
	}
	return err == nil, err
}

// whoami makes a call as the gateway would: where the token says, with one renewal.
func (k *kept) whoami() (Me, error) {
	k.t.Helper()
	svc := New()
	svc.Endpoint.BaseURL, svc.Endpoint.Private = k.url, true
	var err error
	k.cred, err = k.Resolve(k.t.Context(), k.decl)
	if err != nil {
		return Me{}, err
	}
	e, f := svc.At("", k.cred.Instance)
	if f != nil {
		return Me{}, f
	}
	out, err := toolstest.Call(k.t, svc, upstream.NewPool(nil).Client(e, k, "01990000-0000-7000-8000-000000000000"), "salesforce_whoami", `{}`)
	if err != nil {
		return Me{}, err
	}
	return out.(Me), nil
}

// works makes a call, one with a session that has ended, and another after that.
func (k *kept) works() {
	k.t.Helper()
	for n := range 3 {
		if n > 0 {
			k.double.ExpireTokens()
		}
		me, err := k.whoami()
		if err != nil || me.Username != sandbox.Username || me.Org != "Northwind Support" || me.Zone != "Europe/Berlin" {
			k.t.Fatalf("call %d: %+v, %v", n, me, err)
		}
		if k.renews != n {
			k.t.Fatalf("after %d ended sessions there were %d renewals", n, k.renews)
		}
		if k.cred.Instance != k.url {
			k.t.Errorf("the instance is %q, not %q", k.cred.Instance, k.url)
		}
	}
}

// A person consents, the code is good with its verifier, and every renewal brings a new
// refresh token, after which the old one is dead.
func TestAuthorizationCode(t *testing.T) {
	d := sandbox.New(time.Now)
	k := newKept(t, d, vault.TypeOAuthToken, nil, vault.Stored{})
	if !k.app.PKCE || k.app.ClientAuth != vault.ClientBody {
		t.Errorf("the app is %+v", k.app.Provider)
	}
	const back = "http://127.0.0.1:1/connect/callback"
	verifier := strings.Repeat("v", 43)
	page := k.app.AuthCodeURL(vault.AuthRequest{Redirect: back, State: "s1", Verifier: verifier, Scopes: k.app.Scopes})
	if !strings.HasPrefix(page, k.url+"/services/oauth2/authorize?") || !strings.Contains(page, "code_challenge=") {
		t.Fatalf("the page is %s", page)
	}
	resp, err := http.Get(page)
	check(t, err)
	html, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	m := regexp.MustCompile(`name="asked" value="(\w+)"`).FindSubmatch(html)
	if m == nil {
		t.Fatalf("nothing is asked: %s", html)
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err = browser.PostForm(k.url+"/services/oauth2/authorize", url.Values{"asked": {string(m[1])}, "answer": {"allow"}})
	check(t, err)
	_ = resp.Body.Close()
	to, err := url.Parse(resp.Header.Get("Location"))
	check(t, err)
	grants, err := k.Redeem(t.Context(), vault.Code{
		Service: name, Code: vault.NewSecret(to.Query().Get("code")), Verifier: vault.NewSecret(verifier), Redirect: back, Scopes: k.app.Scopes,
	})
	check(t, err)
	if len(grants) != 1 || len(grants[0].Missing) > 0 || !strings.Contains(grants[0].Stored.Account, "organization") {
		t.Fatalf("the grant is %+v", grants)
	}
	if f := k.asked[0]; f.Get("code_verifier") != verifier || f.Get("client_secret") != d.ClientSecret {
		t.Errorf("the token endpoint was asked with %v", f)
	}
	grants[0].Stored.Type = vault.TypeOAuthToken
	_, err = k.Put(t.Context(), k.decl.ID, grants[0].Stored)
	check(t, err)
	k.works()

	spent := map[string]bool{}
	for _, f := range k.asked[1:] {
		if f.Get("grant_type") != "refresh_token" || spent[f.Get("refresh_token")] {
			t.Errorf("the token endpoint was asked with %v", f)
		}
		spent[f.Get("refresh_token")] = true
	}
	if len(spent) != 2 {
		t.Fatalf("%d refresh tokens were spent", len(spent))
	}
	for old := range spent {
		resp, err := http.PostForm(k.url+"/services/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old}, "client_id": {d.ClientID}, "client_secret": {d.ClientSecret}})
		check(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("a spent refresh token is good: %d", resp.StatusCode)
		}
	}
}

// The app acts as the user that it runs as: docs/salesforce.md has this config.
func TestClientCredentials(t *testing.T) {
	d := sandbox.New(time.Now)
	k := newKept(t, d, vault.TypeClientCredentials, map[string]string{"client_id": d.ClientID}, vault.Stored{Type: vault.TypeClientCredentials, Secret: vault.NewSecret(d.ClientSecret)})
	k.works()
	if f := k.asked[0]; len(k.asked) != 3 || f.Get("grant_type") != "client_credentials" || f.Get("client_id") != d.ClientID || f.Get("client_secret") != d.ClientSecret {
		t.Errorf("the token endpoint was asked with %v", k.asked)
	}
}

// An assertion that a certificate of the app's verifies stands for a user.
func TestJWTBearer(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	d := sandbox.WithCertificate(time.Now, key.Public())
	secret := vault.Stored{Type: vault.TypeJWTBearer, Secret: vault.NewSecret(text)}
	k := newKept(t, d, vault.TypeJWTBearer, map[string]string{"issuer": d.ClientID, "subject": sandbox.Username}, secret)
	k.works()
	if len(k.asked) != 3 || k.asked[0].Get("assertion") == k.asked[1].Get("assertion") {
		t.Errorf("the token endpoint was asked with %v", k.asked)
	}

	for what, params := range map[string]map[string]string{
		"another user":     {"issuer": d.ClientID, "subject": "marta.klein@northwind.example"},
		"another app":      {"issuer": "3MVG9other", "subject": sandbox.Username},
		"another audience": {"issuer": d.ClientID, "subject": sandbox.Username, "audience": "https://evil.example"},
	} {
		if _, err := newKept(t, d, vault.TypeJWTBearer, params, secret).whoami(); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
			t.Errorf("%s: %v", what, err)
		}
	}
	other := sandbox.New(time.Now) // knows no certificate
	if _, err := newKept(t, other, vault.TypeJWTBearer, map[string]string{"issuer": other.ClientID, "subject": sandbox.Username}, secret).whoami(); err == nil {
		t.Error("an assertion is good that no certificate verifies")
	}
}

// counted is a credential that counts its renewals.
type counted struct {
	toolstest.Static
	renewed int
}

func (c *counted) Renew(context.Context) (bool, error) {
	c.renewed++
	return true, nil
}

// A refused session is renewed once; one that every new one would share is not: it would
// go on for ever.
func TestWhichRefusalsAreRenewed(t *testing.T) {
	for said, want := range map[string]struct {
		renewals int
		kind     fault.Kind
	}{
		`[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`:                          {1, fault.CredentialInvalid},
		`[{"message":"This session is not valid for use with the REST API","errorCode":"INVALID_SESSION_ID"}]`: {0, fault.NotPermitted},
		`[{"message":"Connected app is not attached to Agent","errorCode":"INVALID_SESSION_ID"}]`:              {0, fault.NotPermitted},
		`<html>401</html>`: {1, fault.CredentialInvalid},
	} {
		requests := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			requests++
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, said)
		}))
		cred := &counted{Static: toolstest.Static{Scheme: vault.Bearer, Secret: "x"}}
		svc := New()
		_, err := toolstest.Call(t, svc, toolstest.Client(svc.Endpoint, s.URL, cred), "salesforce_whoami", `{}`)
		s.Close()
		if f := fault.From(err); f == nil || f.Kind != want.kind || cred.renewed != want.renewals || requests != want.renewals+1 {
			t.Errorf("%s: %v, %d renewals, %d requests", said, err, cred.renewed, requests)
		}
	}
}

// Calls go where the token is for, and nowhere else: only to hosts that Salesforce keeps
// for its customers.
func TestInstances(t *testing.T) {
	for instance, good := range map[string]bool{
		"https://acme.my.salesforce.com":              true,
		"https://acme--uat.sandbox.my.salesforce.com": true,
		"https://eu45.salesforce.com":                 true,
		"https://agency.my.salesforce.mil":            true,
		"https://acme.my.site.com":                    false,
		"https://evil.force.com":                      false,
		"https://evil.example":                        false,
		"https://acme.my.salesforce.com.evil.example": false,
		"https://salesforce.com":                      false,
		"https://evilsalesforce.com":                  false,
		"http://acme.my.salesforce.com":               false,
		"https://acme.my.salesforce.com:8443":         false,
		"https://acme.my.salesforce.com/x":            false,
	} {
		e, f := New().At("", instance)
		if good != (f == nil) || good && (e.BaseURL != instance || e.Private) {
			t.Errorf("%s: %q, %v", instance, e.BaseURL, f)
		}
	}
	if e, f := New().At("https://test.salesforce.com", "https://acme--uat.sandbox.my.salesforce.com"); f != nil || e.BaseURL != "https://acme--uat.sandbox.my.salesforce.com" {
		t.Errorf("of a sandbox: %q, %v", e.BaseURL, f)
	}
	if _, f := New().At("", ""); f == nil || !strings.Contains(f.Message, "base_url") {
		t.Errorf("a token without an instance: %v", f)
	}
	if e, f := New().At("https://acme.my.salesforce.com", ""); f != nil || e.BaseURL != "https://acme.my.salesforce.com" {
		t.Errorf("a token with base_url: %q, %v", e.BaseURL, f)
	}
}

func TestVersions(t *testing.T) {
	for v, good := range map[string]bool{"66.0": true, "52.0": true, "51.0": false, "30.0": false, "66": false, "v66.0": false, "66.1": false, "../x": false, "": false} {
		if (checkVersion(v) == nil) != good {
			t.Errorf("%q: %v", v, checkVersion(v))
		}
	}
	w := newWorld(t)
	w.params = map[string]string{"api_version": "62.0"}
	must[Me](w, "whoami", `{}`)
	for _, p := range w.paths {
		if !strings.Contains(p, "/services/data/v62.0/") {
			t.Errorf("it asked for %s", p)
		}
	}
}
