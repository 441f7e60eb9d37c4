package toolstest

import (
	"context"
	"errors"
	"testing"

	"toolvault/tools/upstream"
	"toolvault/vault"
	"toolvault/vault/store"
)

// Vault is a vault in a store of its own, which Options need not name.
func Vault(t testing.TB, o vault.Options) *vault.Vault {
	t.Helper()
	st, err := store.OpenSQLite(t.Context(), t.TempDir()+"/vault.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	o.Store = st
	if o.Keyring, err = vault.OpenKeyring(t.Context(), st, vault.NewMasterKey()); err != nil {
		t.Fatal(err)
	}
	return vault.New(o)
}

// Resolved is a credential of a vault, as a call uses it.
type Resolved struct {
	Vault *vault.Vault
	*vault.Credential
}

var _ upstream.Certified = (*Resolved)(nil)

// Key names the credential.
func (r *Resolved) Key() string { return r.ID }

// Renew takes what the vault has in its place, if that is another.
func (r *Resolved) Renew(ctx context.Context) (bool, error) {
	next, err := r.Vault.Renew(ctx, r.Credential)
	if errors.Is(err, vault.ErrInvalid) {
		return false, nil
	}
	if err == nil {
		r.Credential = next
	}
	return err == nil, err
}
