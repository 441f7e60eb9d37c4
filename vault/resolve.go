package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"toolvault/vault/store"
)

// Resolve returns a declared credential ready for use. An access token that has
// ended is renewed first; one that ends soon is renewed while it is still used,
// if Run runs. The error wraps ErrInvalid,
// ErrNeedsConsent or ErrUnavailable, or store.ErrUnavailable: while the store
// does not answer, no credential of any source is given out, since nobody can
// tell what has been revoked meanwhile, or who suspended.
//
// Version is the record's for vault: and for tokens that were obtained, the time
// of the last change in seconds since 1970 for file:, and 0 for env: and exec:,
// which have none.
func (v *Vault) Resolve(ctx context.Context, d Declaration) (*Credential, error) {
	if err := v.reach(); err != nil {
		return nil, err
	}
	if name, ok := strings.CutPrefix(d.Source, "vault:"); ok {
		return v.fromVault(ctx, d, name)
	}
	secret, version, err := v.outside(ctx, d)
	if err != nil {
		return nil, err
	}
	return v.present(ctx, d, Stored{Type: d.Type, Secret: secret}, version)
}

func (v *Vault) fromVault(ctx context.Context, d Declaration, name string) (*Credential, error) {
	r, hit := v.cache.get(name)
	v.lookups.count(hit)
	s, version, err := Stored{}, r.version, error(nil)
	if hit {
		s, err = v.open(name, r)
	} else {
		s, version, err = v.read(ctx, name)
	}
	if err != nil {
		return nil, missing(d, name, err)
	}
	switch {
	case s.State == StateRevoked:
		return nil, revoked(d, name, s)
	case s.Type != d.Type:
		return nil, invalid("the config declares it as %s and vault:%s is stored as %s: correct one of them", d.Type, name, s.Type)
	case s.User != "" && !strings.EqualFold(s.User, d.Owner.User): // the config has changed since
		return nil, because(ErrNeedsConsent, "vault:%s holds what %s has consented to, and is never used for anybody else: %s", name, s.User, consent(d))
	}
	v.used(d, name)
	if d.Type != TypeOAuthToken {
		return v.present(ctx, d, s, version)
	}
	if s.fresh(name, v.clock()) {
		if !hit {
			v.renewAhead(v.grant(d, name), s)
		}
		return v.credential(ctx, d, s, version)
	}
	return v.freshen(ctx, v.grant(d, name), s, version)
}

// present makes a credential of a secret: as it is, or of the token that is
// obtained for it.
func (v *Vault) present(ctx context.Context, d Declaration, s Stored, version int64) (*Credential, error) {
	if kinds[d.Type].obtain != nil {
		return v.obtained(ctx, d, s.Secret)
	}
	return v.credential(ctx, d, s, version)
}

// missing says of a record that is not there how it gets there.
func missing(d Declaration, name string, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if d.Type == TypeOAuthToken {
		return because(ErrNeedsConsent, "there is no vault:%s: %s", name, consent(d))
	}
	return invalid("there is no vault:%s: put it in with toolvault credential put %s", name, name)
}

// consent is what to do where a grant is missing or has ended.
func consent(d Declaration) string {
	return "a person has to consent, with " + ConnectCommand(d)
}

// ConnectCommand is what a person runs to consent to a credential.
func ConnectCommand(d Declaration) string {
	text := "toolvault connect " + d.Service + " --agent " + d.Owner.Agent
	if d.Owner.User != "" {
		text += " --user " + d.Owner.User
	}
	if d.Account != "" {
		text += " --account " + d.Account
	}
	return text
}

func invalid(format string, args ...any) error { return because(ErrInvalid, format, args...) }

// material is what the type of a credential works with.
func (v *Vault) material(d Declaration, secret Secret) (Material, error) {
	service := v.config.Load().services[d.Service]
	scheme, ok := service.Schemes[d.Type]
	switch {
	case !ok && !kinds[d.Type].everywhere:
		return Material{}, invalid("%s takes no credential of type %s: declare another type", d.Service, d.Type)
	case !ok:
		scheme = Bearer
	}
	if d.BaseURL != "" {
		service.BaseURL = d.BaseURL
	}
	return Material{Declaration: d, Scheme: scheme, Service: service, Secret: secret, HTTP: v.http, Now: v.clock()}, nil
}

func (v *Vault) credential(ctx context.Context, d Declaration, s Stored, version int64) (*Credential, error) {
	m, err := v.material(d, s.Secret)
	if err != nil {
		return nil, err
	}
	if check := m.Scheme.Check; check != nil {
		if err := check(s.Secret); err != nil {
			return nil, invalid("%w", err)
		}
	}
	c := &Credential{
		ID: d.ID, Version: version, Type: d.Type, Scope: d.Scope, Expires: s.Expires, Account: s.Account, Instance: s.Instance,
		Authorizer: schemed{m.Scheme, s.Secret},
		decl:       d, presented: s.Secret, suspect: v.suspected(d, s), secrets: make([]Secret, 1, 4),
	}
	if make := kinds[d.Type].authorizer; make != nil {
		if c.Authorizer, err = make(m); err != nil {
			return nil, invalid("%w", err)
		}
	}
	if c.further, err = v.further(ctx, m); err != nil {
		return nil, err
	}
	c.secrets[0] = s.Secret
	if more, ok := c.Authorizer.(interface{ secrets() []Secret }); ok {
		c.secrets = append(c.secrets, more.secrets()...)
	}
	for _, f := range c.further {
		c.secrets = append(c.secrets, f.secret)
	}
	for _, other := range []Secret{s.Refresh, s.Old} {
		if !other.Empty() {
			c.secrets = append(c.secrets, other)
		}
	}
	if secret := m.Service.App.ClientSecret; d.Type == TypeOAuthToken && !secret.Empty() {
		c.secrets = append(c.secrets, secret)
	}
	return c, nil
}

// Renew returns a newer credential after the service refused this one with 401:
// the one that somebody has put in its place since, or a refreshed one, or the
// key before a rotated one. The error wraps ErrInvalid where there is none to be
// had, else what Resolve returns.
func (v *Vault) Renew(ctx context.Context, c *Credential) (*Credential, error) {
	d := c.decl
	name, kept := strings.CutPrefix(d.Source, "vault:")
	switch {
	case c.target != nil:
		// The secret may have been changed or revoked since, or another token obtained.
		if next, err := v.Resolve(ctx, d); err != nil || !next.presented.same(c.presented) {
			return next, err
		}
		t := *c.target
		t.stale = c.presented
		return v.refresh(ctx, t, true)
	case !kept:
		return v.again(ctx, c)
	}
	s, version, err := v.read(ctx, name)
	if err != nil {
		return nil, missing(d, name, err)
	}
	t := v.grant(d, name)
	t.stale = c.presented
	switch {
	case s.State == StateRevoked:
		return nil, revoked(d, name, s)
	case d.Type == TypeOAuthToken && !s.Refresh.Empty():
		return v.refresh(ctx, t, true)
	case s.replaces(c.presented) && !s.Old.same(c.presented):
		return v.fromVault(ctx, d, name)
	case !s.Old.Empty() && !s.Old.same(c.presented):
		// The service does not know the new key yet: the one before it may do.
		v.turnedDown(ctx, c, StateBroken, fmt.Sprintf("%s refuses the new key; the one before it is used where it is still taken", d.Service))
		s.Secret, s.Old = s.Old, s.Secret
		former, err := v.credential(ctx, d, s, version)
		if err == nil {
			former.Former = true
		}
		return former, err
	case d.Type == TypeOAuthToken && v.app(d.Service).ClientID != "":
		v.turnedDown(ctx, c, StateNeedsConsent, fmt.Sprintf("%s refused the access token and there is no refresh token", d.Service))
		return nil, because(ErrNeedsConsent, "%s refused the access token and there is no refresh token: %s",
			d.Service, consent(d))
	}
	v.turnedDown(ctx, c, StateBroken, d.Service+" refuses it")
	return nil, refused(d)
}

// again looks once more where the secret comes from: it may have changed.
func (v *Vault) again(ctx context.Context, c *Credential) (*Credential, error) {
	v.refetch(c.decl.Source)
	next, err := v.Resolve(ctx, c.decl)
	switch {
	case err != nil:
		return nil, err
	case next.presented.same(c.presented):
		v.turnedDown(ctx, c, StateBroken, c.decl.Service+" refuses it")
		return nil, refused(c.decl)
	}
	return next, nil
}

// replaces reports whether the record holds another access token than the one
// that was used.
func (s Stored) replaces(used Secret) bool { return !s.Secret.Empty() && !s.Secret.same(used) }

func (v *Vault) app(service string) App { return v.config.Load().services[service].App }

func refused(d Declaration) error {
	return turnedAway{invalid("%s refused it and %s holds no other: put in a new one", d.Service, d.Source)}
}

// turnedAway makes an error one of ErrRefused.
type turnedAway struct{ error }

func (t turnedAway) Is(target error) bool { return target == ErrRefused }
func (t turnedAway) Unwrap() error        { return t.error }

func revoked(d Declaration, name string, s Stored) error {
	if d.Type == TypeOAuthToken {
		return because(ErrNeedsConsent, "vault:%s was revoked at %s: %s", name, s.Updated.UTC().Format(time.RFC3339), consent(d))
	}
	return invalid("vault:%s was revoked at %s: put a new secret in with toolvault credential put %s", name, s.Updated.UTC().Format(time.RFC3339), name)
}
