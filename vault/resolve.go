package vault

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"toolvault/vault/store"
)

// header presents a secret in a header.
type header struct {
	scheme Scheme
	secret Secret
}

// Authorize implements Authorizer.
func (h header) Authorize(r *http.Request) error {
	r.Header.Set(h.scheme.Header, h.scheme.Prefix+h.secret.Reveal())
	return nil
}

// Resolve returns a declared credential ready for use. An OAuth access token
// that ends within a minute is refreshed first. The error wraps ErrInvalid,
// ErrNeedsConsent or ErrUnavailable, or store.ErrUnavailable: while the store
// does not answer, no credential of any source is given out, since nobody can
// tell what has been revoked meanwhile, or who suspended.
//
// Version is the record's for vault:, the time of the last change in seconds
// since 1970 for file:, and 0 for env:, which has none.
func (v *Vault) Resolve(ctx context.Context, d Declaration) (*Credential, error) {
	if err := v.reach(); err != nil {
		return nil, err
	}
	kind, where, _ := strings.Cut(d.Source, ":")
	switch kind {
	case "env":
		secret, err := fromEnv(where)
		if err != nil {
			return nil, invalid("%w", err)
		}
		return v.static(d, secret, 0)
	case "file":
		secret, version, err := v.fromFile(where)
		if err != nil {
			return nil, invalid("%w", err)
		}
		return v.static(d, secret, version)
	case "vault":
		return v.fromVault(ctx, d, where)
	}
	return nil, invalid("the source %q is none of env:NAME, file:PATH and vault:NAME", d.Source)
}

func (v *Vault) fromVault(ctx context.Context, d Declaration, name string) (*Credential, error) {
	r, hit := v.cache.get(name)
	s, version, err := Stored{}, r.version, error(nil)
	if hit {
		s, err = v.open(name, r)
	} else {
		s, version, err = v.read(ctx, name)
	}
	if err != nil {
		return nil, missing(d, name, err)
	}
	if s.Type != d.Type {
		return nil, invalid("the config declares it as %s and vault:%s is stored as %s: correct one of them", d.Type, name, s.Type)
	}
	if s.Type == TypeOAuthToken && !s.fresh(v.now()) {
		return v.freshen(ctx, d, name, s, version)
	}
	return v.credential(d, s, version)
}

// missing says of a record that is not there how it gets there.
func missing(d Declaration, name string, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if d.Type == TypeOAuthToken {
		return because(ErrNeedsConsent, "there is no vault:%s: %s", name, putGrant(name))
	}
	return invalid("there is no vault:%s: put it in with toolvault credential put %s", name, name)
}

// putGrant is what to do where a grant is missing or has ended.
func putGrant(name string) string {
	return "let a person consent, and put the new refresh token in with toolvault credential put " + name + " --type oauth_token --refresh"
}

func invalid(format string, args ...any) error { return because(ErrInvalid, format, args...) }

// fresh reports whether the access token can be used as it is: not in the last
// minute of its life, or the last quarter of a short one. One whose end is not
// known is used until the service refuses it.
func (s Stored) fresh(now time.Time) bool {
	if s.Secret.Empty() {
		return false
	}
	if s.Expires.IsZero() {
		return true
	}
	early := time.Minute
	if life := s.Expires.Sub(s.Updated); life > 0 {
		early = min(early, life/4)
	}
	return now.Before(s.Expires.Add(-early))
}

// usable reports whether the access token has not ended yet.
func (s Stored) usable(now time.Time) bool {
	return !s.Secret.Empty() && (s.Expires.IsZero() || now.Before(s.Expires))
}

// static is a credential whose secret is all there is to it.
func (v *Vault) static(d Declaration, secret Secret, version int64) (*Credential, error) {
	return v.credential(d, Stored{Type: d.Type, Secret: secret}, version)
}

func (v *Vault) credential(d Declaration, s Stored, version int64) (*Credential, error) {
	scheme, ok := v.schemes[d.Service][d.Type]
	if !ok {
		return nil, invalid("%s takes no credential of type %s: declare another type", d.Service, d.Type)
	}
	c := &Credential{
		ID: d.ID, Version: version, Type: d.Type, Scope: d.Scope, Expires: s.Expires,
		Authorizer: header{scheme, s.Secret},
		decl:       d, secrets: make([]Secret, 1, 3),
	}
	c.secrets[0] = s.Secret
	if !s.Refresh.Empty() {
		c.secrets = append(c.secrets, s.Refresh)
	}
	if d.Type == TypeOAuthToken {
		if app := v.config.Load().apps[d.Service]; !app.ClientSecret.Empty() {
			c.secrets = append(c.secrets, app.ClientSecret)
		}
	}
	return c, nil
}

// Renew returns a newer credential after the service refused this one with 401,
// refreshing it if nobody has yet. The error wraps ErrInvalid where there is no
// newer one to be had, else what Resolve returns.
func (v *Vault) Renew(ctx context.Context, c *Credential) (*Credential, error) {
	d := c.decl
	kind, name, _ := strings.Cut(d.Source, ":")
	if kind != "vault" {
		if kind == "file" {
			v.files.Delete(name)
		}
		again, err := v.Resolve(ctx, d)
		if err != nil {
			return nil, err
		}
		if again.secrets[0].Reveal() == c.secrets[0].Reveal() {
			return nil, refused(d)
		}
		return again, nil
	}
	s, version, err := v.read(ctx, name)
	if err != nil {
		return nil, missing(d, name, err)
	}
	switch {
	case version > c.Version:
		return v.fromVault(ctx, d, name)
	case s.Type == TypeOAuthToken && !s.Refresh.Empty():
		return v.refresh(ctx, d, name, version, true)
	case s.Type == TypeOAuthToken && v.config.Load().apps[d.Service].ClientID != "":
		return nil, because(ErrNeedsConsent, "%s refused the access token and there is no refresh token: %s",
			d.Service, putGrant(name))
	}
	return nil, refused(d)
}

func refused(d Declaration) error {
	return invalid("%s refused it and %s holds no other: put in a new one", d.Service, d.Source)
}
