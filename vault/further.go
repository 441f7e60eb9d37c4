package vault

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// headed is a secret that goes on requests beside a credential, and the header that
// it goes in: the key of a model provider that a vector database calls in its
// caller's name.
type headed struct {
	header string
	secret Secret
}

// Authorize implements Authorizer.
func (c *Credential) Authorize(r *http.Request) error {
	if err := c.Authorizer.Authorize(r); err != nil {
		return err
	}
	for _, f := range c.further {
		r.Header.Set(f.header, f.secret.Reveal())
	}
	return nil
}

// further looks up the secrets that a credential names besides its own.
func (v *Vault) further(ctx context.Context, m Material) ([]headed, error) {
	var all []headed
	for _, p := range m.Scheme.Params {
		where := m.Param(p.Name)
		if p.Form != FormSecret || where == "" {
			continue
		}
		secret, err := v.lookup(ctx, m.Declaration, where)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		all = append(all, headed{p.Header, secret})
	}
	return all, nil
}

// lookup finds a secret that stands as it is where a source says.
func (v *Vault) lookup(ctx context.Context, d Declaration, source string) (Secret, error) {
	name, ok := strings.CutPrefix(source, "vault:")
	if !ok {
		secret, _, err := v.outside(ctx, Declaration{ID: d.ID, Service: d.Service, Type: TypeAPIKey, Source: source})
		return secret, err
	}
	s, err := Stored{}, error(nil)
	if r, hit := v.cache.get(name); hit {
		s, err = v.open(name, r)
	} else {
		s, _, err = v.read(ctx, name)
	}
	switch {
	case err != nil:
		return Secret{}, missing(Declaration{Type: TypeAPIKey}, name, err)
	case s.State == StateRevoked:
		return Secret{}, revoked(Declaration{Type: TypeAPIKey}, name, s)
	case kinds[s.Type].obtain != nil || s.Type == TypeOAuthToken:
		return Secret{}, invalid("vault:%s is of the type %s, and a key that is sent as it is is needed", name, s.Type)
	}
	return s.Secret, nil
}
