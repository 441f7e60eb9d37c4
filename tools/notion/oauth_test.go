package notion

import (
	"errors"
	"strings"
	"testing"

	"toolvault/tools/sandbox/double"
	fake "toolvault/tools/sandbox/notion"
	"toolvault/tools/toolstest"
	"toolvault/vault"
)

// connected is a vault that holds a grant of the double's, and a function that makes a
// call with it.
func connected(t *testing.T, w *world, d *double.Double, access, refresh string) (v *vault.Vault, whoami func() error) {
	t.Helper()
	v = toolstest.Vault(t, vault.Options{})
	provider := *w.svc.OAuth
	for _, u := range []*string{&provider.AuthURL, &provider.TokenURL, &provider.RevokeURL} {
		*u = strings.Replace(*u, base, w.url, 1)
	}
	decl := vault.Declaration{ID: "notion/a", Owner: vault.Owner{Agent: "a"}, Service: name, Type: vault.TypeOAuthToken, Source: "vault:notion/a"}
	v.Configure([]vault.Declaration{decl}, map[string]vault.Service{name: {BaseURL: w.url, Schemes: w.svc.Auth, App: vault.App{
		Provider: provider, ClientID: d.ClientID, ClientSecret: vault.NewSecret(d.ClientSecret),
	}}})
	if _, err := v.Put(t.Context(), "notion/a", vault.Stored{Type: vault.TypeOAuthToken, Secret: vault.NewSecret(access), Refresh: vault.NewSecret(refresh)}); err != nil {
		t.Fatal(err)
	}
	return v, func() error {
		c, err := v.Resolve(t.Context(), decl)
		if err != nil {
			return err
		}
		_, err = toolstest.Call(t, w.svc, toolstest.Client(w.svc.Endpoint, w.url, &toolstest.Resolved{Vault: v, Credential: c}), "notion_whoami", `{}`)
		return err
	}
}

// A token that Notion has ended, of which nothing said when, is renewed once within the
// call that met it. Both tokens are then new, and the old refresh token is dead: who
// still has it has to be asked again.
func TestRefreshRotatesBoth(t *testing.T) {
	d := fake.New(clock)
	w := against(t, d)
	held := d.Credentials[0]
	_, call := connected(t, w, d, held.Secret, held.Refresh)
	for range 3 {
		if err := call(); err != nil {
			t.Fatal(err)
		}
		d.ExpireTokens()
	}
	_, stale := connected(t, w, d, held.Secret, held.Refresh)
	if err := stale(); !errors.Is(err, vault.ErrNeedsConsent) {
		t.Errorf("with the first refresh token: %v", err)
	}
}

// What was granted is taken back at Notion, too.
func TestRevoke(t *testing.T) {
	d := fake.New(clock)
	w := against(t, d)
	held := d.Credentials[0]
	v, call := connected(t, w, d, held.Secret, held.Refresh)
	if err := call(); err != nil {
		t.Fatal(err)
	}
	if r, err := v.Revoke(t.Context(), "notion/a"); err != nil {
		t.Fatalf("%+v %v", r, err)
	}
	w.key = held.Secret
	if _, err := w.call("notion_whoami", `{}`); err == nil {
		t.Error("the access token still works")
	}
	_, again := connected(t, w, d, held.Secret, held.Refresh)
	if err := again(); !errors.Is(err, vault.ErrNeedsConsent) {
		t.Errorf("the refresh token still works: %v", err)
	}
}
