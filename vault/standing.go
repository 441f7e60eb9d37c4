package vault

import (
	"context"
	"errors"
	"strings"
	"time"

	"toolvault/vault/store"
)

// Standing is what is known of a declared credential without using it.
type Standing struct {
	State   State     // "" where there is no record of it: one from env:, file: or exec:
	Account string    // whose it is, as the service says
	Expires time.Time // of what nothing here can renew; zero: never, or not known
	Ask     string    // what a person or an admin has to do; "": nothing
}

// Standing looks up how a credential stands. It never asks the service.
func (v *Vault) Standing(ctx context.Context, d Declaration) (Standing, error) {
	name, ok := strings.CutPrefix(d.Source, "vault:")
	if !ok {
		return Standing{}, nil
	}
	info, err := v.Show(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		info.State = StateBroken
		if d.Type == TypeOAuthToken {
			info.State = StateNeedsConsent
		}
	case errors.Is(err, ErrInvalid):
		info.State = StateBroken
	case err != nil:
		return Standing{}, err
	}
	s := Standing{State: info.State, Account: info.Account}
	if !info.HasRefresh {
		s.Expires = info.Expires
	}
	switch {
	case !s.State.Bad() && s.State != StateExpiring:
	case d.Type == TypeOAuthToken:
		s.Ask = "a person has to consent: " + ConnectCommand(d)
	default:
		s.Ask = "an admin has to put the secret in anew: toolvault credential put " + name
	}
	return s, nil
}
