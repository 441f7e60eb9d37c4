package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"toolvault/vault/store"
)

// ErrRotate is wrapped by the errors of Rotate that are about the kind of
// credential: its secret is replaced in another way.
var ErrRotate = errors.New("it cannot be rotated")

// Rotated tells what a rotation has done.
type Rotated struct {
	Version int64
	Dropped bool // an older secret was beside it and is gone
	HasOld  bool // the secret before is beside it, for where the service refuses the new one
}

// rotates reports whether the secret of a type is what the service itself is
// shown, so that it can be tried with the one before when it answers 401.
func rotates(typ string) bool {
	k, ok := kinds[typ]
	return ok && k.obtain == nil && typ != TypeOAuthToken && typ != TypeMTLS
}

// Rotate puts a new secret in the place of a static one and keeps the one before
// beside it. Calls use the new one, and try the old one where the service answers
// the new one with 401, because it does not know it yet. Scope and account stay.
// For a name that is not there the error wraps store.ErrNotFound; for a type that
// is replaced otherwise, ErrRotate.
func (v *Vault) Rotate(ctx context.Context, name string, secret Secret) (Rotated, error) {
	var did Rotated
	version, err := v.edit(ctx, name, func(s *Stored) error {
		switch {
		case s.State == StateRevoked:
			return fmt.Errorf("credential %s was revoked at %s: put a new secret in with toolvault credential put %s", name, s.Updated.Format(time.RFC3339), name)
		case s.Type == TypeOAuthToken:
			return because(ErrRotate, "credential %s is an %s, which is refreshed by itself: for another grant let the person consent again, with toolvault connect", name, TypeOAuthToken)
		case !rotates(s.Type):
			return because(ErrRotate, "credential %s is of type %s, which a service does not answer in a way that lets the old one be tried: put the new one in with toolvault credential put %s --type %s", name, s.Type, name, s.Type)
		case s.Secret.same(secret):
			return fmt.Errorf("credential %s: this is the secret that it has already: give the new one", name)
		}
		if err := CheckSecret(s.Type, secret, v.clock()); err != nil {
			return fmt.Errorf("credential %s: %w", name, err)
		}
		did = Rotated{Dropped: !s.Old.Empty() && !s.Old.same(secret), HasOld: true}
		s.Secret, s.Old = secret, s.Secret
		s.State, s.Reason, s.Failed, s.Expires = StateOK, "", time.Time{}, time.Time{}
		return nil
	})
	did.Version = version
	return did, err
}

// DropOld removes the secret that Rotate has left beside the new one. Where there
// is none, nothing is written and Dropped is false.
func (v *Vault) DropOld(ctx context.Context, name string) (Rotated, error) {
	var did Rotated
	version, err := v.edit(ctx, name, func(s *Stored) error {
		if s.Old.Empty() {
			return errNothing
		}
		did.Dropped, s.Old = true, Secret{}
		return nil
	})
	did.Version = version
	if errors.Is(err, errNothing) {
		err = nil
	}
	return did, err
}

// errNothing tells edit to leave a record as it is.
var errNothing = errors.New("there is nothing to change")

// edit changes a record that exists, again where somebody else wrote meanwhile,
// and returns the version that then stands.
func (v *Vault) edit(ctx context.Context, name string, change func(*Stored) error) (int64, error) {
	if err := checkName(name); err != nil {
		return 0, err
	}
	for {
		s, version, err := v.read(ctx, name)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return 0, v.absent(ctx, name)
		case err != nil:
			return 0, err
		}
		was := s.State
		if err := change(&s); err != nil {
			return version, err
		}
		s.Updated = v.clock().UTC()
		err = v.write(ctx, name, s, version+1, nil)
		if errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
			continue
		}
		if err == nil && was.Bad() && !s.State.Bad() {
			v.mended(ctx, name, version+1)
		}
		return version + 1, err
	}
}

// Revoked tells what a revocation has done.
type Revoked struct {
	Version  int64
	Already  time.Time // it had been revoked before: when; zero: it had not
	Upstream string    // one sentence: what happened at the provider; "" where there was nothing to do
	Told     bool      // the provider has taken the tokens back
}

const (
	settleFor     = 500 * time.Millisecond // for a refresh under way to end
	tellFor       = 10 * time.Second       // the provider
	revokedReason = "it was revoked here"
)

// Revoke takes a credential back: here at once, and in every process within a
// second. The secrets are gone; what stays is a record that says that and when it
// was revoked, which Put replaces. Then the provider is told, where it can be (RFC
// 7009), for ten seconds at most: that this fails is no error. For a name that is
// not there the error wraps store.ErrNotFound.
func (v *Vault) Revoke(ctx context.Context, name string) (Revoked, error) {
	if err := checkName(name); err != nil {
		return Revoked{}, err
	}
	// A refresh under way may hold a token that is newer than what is stored. It
	// is waited for, but not for long.
	waiting, cancel := context.WithTimeout(ctx, settleFor)
	lease, err := v.store.Lease(waiting, "refresh/"+name, leaseFor)
	cancel()
	if err == nil {
		defer letGo(ctx, lease)
	}
	var was Stored
	var did Revoked
	for {
		s, version, err := v.read(ctx, name)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return Revoked{}, v.absent(ctx, name)
		case errors.Is(err, ErrSealed):
			s = Stored{} // it cannot be opened: that is no reason to leave it
		case err != nil:
			return Revoked{}, err
		case s.State == StateRevoked:
			return Revoked{Version: version, Already: s.Updated}, nil
		}
		now := v.clock().UTC()
		stub := Stored{Type: s.Type, Account: s.Account, Scope: s.Scope, State: StateRevoked, Reason: revokedReason, Created: s.Created, Updated: now}
		err = v.write(ctx, name, stub, version+1, nil)
		if errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return Revoked{}, err
		}
		was, did.Version = s, version+1
		break
	}
	if err := v.forgetObtained(ctx, name); err != nil {
		return did, err
	}
	if was.Type == TypeOAuthToken {
		did.Upstream, did.Told = v.tell(ctx, v.serviceOf(name), was)
	}
	return did, nil
}

// forgetObtained removes the tokens that were obtained for a secret.
func (v *Vault) forgetObtained(ctx context.Context, name string) error {
	for _, d := range v.config.Load().declarations {
		if d.Source != "vault:"+name || kinds[d.Type].obtain == nil {
			continue
		}
		key := recordPrefix + obtainedPrefix + d.ID
		for {
			item, err := v.store.Get(ctx, key)
			if err == nil {
				err = v.store.Delete(ctx, key, item.Version)
			}
			v.cache.drop(obtainedPrefix + d.ID)
			if errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
				continue
			}
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return of(name, err)
			}
			break
		}
	}
	return nil
}

// serviceOf is the service of a stored credential: of the declaration that refers
// to it, else the first part of its name where that is a service.
func (v *Vault) serviceOf(name string) string {
	c := v.config.Load()
	for _, d := range c.declarations {
		if d.Source == "vault:"+name {
			return d.Service
		}
	}
	first, _, _ := strings.Cut(name, "/")
	if _, ok := c.services[first]; ok {
		return first
	}
	return ""
}

// tell takes tokens back at the provider and says how that went.
func (v *Vault) tell(ctx context.Context, service string, s Stored) (string, bool) {
	if service == "" {
		return "which service it is of is not known here, so its provider was not told: name the config that declares it, or remove the app there", false
	}
	ctx, cancel := context.WithTimeout(ctx, tellFor)
	defer cancel()
	switch err := v.revokeUpstream(ctx, service, s); {
	case err == nil:
		return service + " has taken the tokens back", true
	case errors.Is(err, errNoRevocation):
		return fmt.Sprintf("%s cannot be told by toolvault: remove the app in the settings there, and the tokens with it", service), false
	default:
		return fmt.Sprintf("%s could not be told, and may accept the tokens until they end (%v): remove the app in the settings there", service, err), false
	}
}
