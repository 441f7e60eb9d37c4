package segment

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"toolvault/auth/scope"
	sandbox "toolvault/tools/sandbox/segment"
	"toolvault/tools/toolstest"
	"toolvault/vault"
)

// held is a credential as an admin registers it, for everything.
type held struct {
	typ, secret string
	params      map[string]string
}

// agent is one with credentials in a real vault.
type agent struct {
	*world
	vault    *vault.Vault
	declared []vault.Declaration
}

func (w *world) agent(all ...held) *agent {
	t := w.t
	t.Helper()
	a := &agent{world: w, vault: toolstest.Vault(t, vault.Options{Now: atMoment})}
	for _, h := range all {
		d := vault.Declaration{ID: "segment/" + h.typ, Owner: vault.Owner{Agent: "a"}, Service: name, Type: h.typ, Source: "vault:segment/" + h.typ, Params: h.params}
		var err error
		if d.Scope, err = w.svc.Grantable(h.typ, scope.ReadWrite); err != nil {
			t.Fatal(err)
		}
		if _, err := a.vault.Put(t.Context(), d.ID, vault.Stored{Type: h.typ, Secret: vault.NewSecret(h.secret)}); err != nil {
			t.Fatal(err)
		}
		a.declared = append(a.declared, d)
	}
	a.vault.Configure(a.declared, map[string]vault.Service{name: {BaseURL: w.url, Schemes: w.svc.Auth}})
	return a
}

// call makes a call as the gateway does: with the credential that the vault finds for
// what the tool needs.
func (a *agent) call(tool, args string) (any, error) {
	a.t.Helper()
	def, _ := a.svc.Scopes.Lookup(a.files[tool].Scope)
	d, err := a.vault.Find(vault.Owner{Agent: "a"}, name, "", scope.Need{Service: name, Name: def.Name, Write: def.Write})
	if err != nil {
		return nil, err
	}
	cred, err := a.vault.Resolve(a.t.Context(), d)
	if err != nil {
		return nil, err
	}
	c := toolstest.Client(a.svc.Endpoint, a.url, &toolstest.Resolved{Vault: a.vault, Credential: cred})
	c.Params(d.Params)
	return toolstest.Call(a.t, a.svc, c, tool, args)
}

// An agent has three credentials, in any order, each registered for all that its type
// can do; every tool works, and no API ever sees the secret of another.
func TestASecretGoesToItsOwnAPI(t *testing.T) {
	own := sandbox.Of("us")
	all := []held{
		{vault.TypeWriteKey, own.WriteKey, nil},
		{vault.TypeProfileToken, own.ProfileToken, map[string]string{"space": own.Space}},
		{vault.TypeServiceToken, own.PublicToken, nil},
	}
	secretOf := map[string]string{"v1": own.WriteKey, "profiles": own.ProfileToken, "public": own.PublicToken}
	for turn := range all {
		order := append(slices.Clone(all[turn:]), all[:turn]...)
		d := sandbox.New(atMoment)
		requests := map[string]int{}
		w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			api, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
			requests[api]++
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			user, password, _ := r.BasicAuth()
			whole := strings.Join([]string{user, password, r.Header.Get("Authorization"), r.URL.String(), string(body)}, "\n")
			for other, secret := range secretOf {
				if has := strings.Contains(whole, secret); has != (other == api) {
					t.Errorf("%s saw the secret of %s: %v", api, other, has)
				}
			}
			d.ServeHTTP(rw, r)
		}))
		a := w.agent(order...)
		for _, tool := range slices.Sorted(maps.Keys(w.files)) {
			if _, err := a.call(tool, string(w.files[tool].Example)); err != nil {
				t.Errorf("%s: %v", tool, err)
			}
		}
		if len(requests) != 3 {
			t.Errorf("requests by API: %v", requests)
		}
	}
}

// Where the one that fits is missing no other is taken.
func TestAnotherCredentialIsNoStandIn(t *testing.T) {
	own := sandbox.Of("us")
	w := sandboxed(t)
	a := w.agent(held{vault.TypeWriteKey, own.WriteKey, nil}, held{vault.TypeProfileToken, own.ProfileToken, map[string]string{"space": own.Space}})
	before := w.double.Requests()
	_, err := a.call("segment_list_sources", `{}`)
	if !errors.Is(err, vault.ErrScope) || w.double.Requests() != before {
		t.Errorf("%v, %d requests", err, w.double.Requests()-before)
	}
}

// An OAuth app proves itself with its private key, gets a token for the Public API, and
// another when that one has ended, within the call that met it.
func TestOAuth(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	d := sandbox.New(atMoment, sandbox.WithApp(sandbox.App{ID: "app_northwind", KeyID: "key-1", Key: &key.PublicKey}))
	var mu sync.Mutex
	tokens := 0
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if strings.HasPrefix(r.URL.Path, "/oauth2") {
			tokens++
		}
		mu.Unlock()
		d.ServeHTTP(rw, r)
	}))
	app := func(region, path, issuer, keyID string) held {
		return held{vault.TypeClientCredentials, text, map[string]string{
			"client_id": "app_northwind", "token_url": w.url + path + "/token", "issuer": issuer, "auth": "private_key_jwt", "key_id": keyID,
			"token_scope": "public_api:read_write", "region": region,
		}}
	}
	for _, c := range []struct{ region, path, workspace string }{{"us", "/oauth2", "us"}, {"eu", "/oauth2.eu", "eu"}} {
		a := w.agent(app(c.region, c.path, w.url+c.path, "key-1"))
		out, err := a.call("segment_list_sources", `{}`)
		if err != nil {
			t.Fatalf("%s: %v", c.region, err)
		}
		if n := len(out.(Sources).Sources); n != 3 {
			t.Errorf("%s: %d sources", c.region, n)
		}
		if _, err := a.call("segment_track", `{"event":"X","user_id":"u"}`); !errors.Is(err, vault.ErrScope) {
			t.Errorf("%s: an OAuth app tracked: %v", c.region, err)
		}
		before := tokens
		d.ExpireTokens()
		if _, err := a.call("segment_list_destinations", `{}`); err != nil || tokens != before+1 {
			t.Errorf("%s: after the token ended: %v, %d new tokens", c.region, err, tokens-before)
		}
	}
	for what, h := range map[string]held{
		"another audience":   app("us", "/oauth2", w.url+"/oauth2/token", "key-1"),
		"an unknown key":     app("us", "/oauth2", w.url+"/oauth2", "key-2"),
		"a token of Europe ": app("us", "/oauth2.eu", w.url+"/oauth2.eu", "key-1"),
	} {
		if out, err := w.agent(h).call("segment_list_sources", `{}`); err == nil {
			b, _ := json.Marshal(out)
			t.Errorf("%s was taken: %.80s", what, b)
		}
	}
}
