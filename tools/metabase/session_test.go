package metabase

import (
	"errors"
	"testing"

	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
	"toolvault/vault"
)

// Somebody's name and password do instead of a key: one log-in serves all calls, and
// a session that has ended is followed by another, within the call that met it.
func TestSession(t *testing.T) {
	double := sandbox.NewMetabase()
	w := guarded(t, double)
	v := toolstest.Vault(t, vault.Options{})
	v.Configure(nil, map[string]vault.Service{name: {BaseURL: w.url, Schemes: w.svc.Auth}})
	d := vault.Declaration{
		ID: "metabase/ana", Owner: vault.Owner{Agent: "a"}, Service: name, Type: vault.TypeSession, Source: "vault:metabase/ana",
		Params: map[string]string{"username": double.Username},
	}
	put := func(password string) {
		t.Helper()
		if _, err := v.Put(t.Context(), "metabase/ana", vault.Stored{Type: vault.TypeSession, Secret: vault.NewSecret(password)}); err != nil {
			t.Fatal(err)
		}
	}
	put(double.Password)
	call := func() {
		t.Helper()
		c, err := v.Resolve(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		client := toolstest.Client(w.svc.Endpoint, w.url, &toolstest.Resolved{Vault: v, Credential: c})
		if _, err := toolstest.Call(t, w.svc, client, "metabase_update_dashboard", `{"id":42,"name":"Support health"}`); err != nil {
			t.Fatal(err)
		}
	}
	before := double.Requests()
	call()
	first := double.Requests() - before
	call()
	if second := double.Requests() - before - first; second != first-1 {
		t.Errorf("the first call took %d requests and the second %d: want one log-in", first, second)
	}
	double.ExpireTokens()
	call()

	// The description knows the refusal of a password as a text; the vendor sends JSON.
	v.Configure(nil, map[string]vault.Service{name: {BaseURL: against(t, double).url, Schemes: w.svc.Auth}})
	put("not " + double.Password)
	if _, err := v.Resolve(t.Context(), d); !errors.Is(err, vault.ErrInvalid) {
		t.Errorf("a wrong password: %v", err)
	}
}
