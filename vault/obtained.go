package vault

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"toolvault/vault/store"
)

// obtainedPrefix begins the names of records that hold tokens which were obtained
// for a secret. No credential that a person names begins with it.
const obtainedPrefix = "~"

// obtained is the credential of a type whose secret is traded for a token: the
// token that is on record, or a new one. All processes share the record, so that a
// service sees one log-in for all of them.
func (v *Vault) obtained(ctx context.Context, d Declaration, secret Secret) (*Credential, error) {
	m, err := v.material(d, secret)
	if err != nil {
		return nil, err
	}
	t := v.trade(m)
	r, hit := v.cache.get(t.name)
	s, version := Stored{}, r.version
	if hit {
		s, err = v.open(t.name, r)
	} else {
		s, version, err = v.read(ctx, t.name)
	}
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, ErrSealed):
		s = Stored{} // it can be had again
	case err != nil:
		return nil, err
	}
	if s.Basis != t.basis {
		s.Secret = Secret{} // the secret has changed: what it was good for is over
	}
	if s.fresh(t.name, v.clock()) {
		if !hit {
			v.renewAhead(t, s)
		}
		return v.credentialOf(ctx, t, s, version)
	}
	return v.freshen(ctx, t, s, version)
}

// trade is the target of a token that is obtained for a secret.
func (v *Vault) trade(m Material) target {
	k, d := kinds[m.Declaration.Type], m.Declaration
	basis := m.basis()
	return target{d: m.Declaration, name: obtainedPrefix + m.Declaration.ID, origin: m.Secret, basis: basis, next: func(ctx context.Context, s Stored) (Stored, error) {
		m := m
		m.Now = v.clock()
		if oauth := d.Type == TypeClientCredentials || d.Type == TypeJWTBearer || d.Type == TypeIDJAG; oauth && m.tokenURL() == "" && m.Service.App.Issuer != "" {
			var err error
			if m.Service.App, err = v.appReady(ctx, d.Service); err != nil {
				return Stored{}, err
			}
		}
		token, err := k.obtain(ctx, m)
		if err != nil {
			if errors.Is(err, ErrInvalid) {
				v.refetch(m.Declaration.Source)
			}
			return Stored{}, err
		}
		now := v.clock().UTC()
		next := Stored{
			Type: m.Declaration.Type, Secret: token.Secret, Issued: now, Expires: token.Expires, Scope: token.Scope,
			Instance: token.Instance, Basis: basis, Created: s.Created, Account: s.Account,
		}
		if next.Created.IsZero() {
			next.Created = now
		}
		if err := checkLine(token.Secret.Reveal()); err != nil || token.Secret.Empty() || len(token.Secret.Reveal()) > MaxSecret {
			return Stored{}, because(ErrUnavailable, "%s answered with a token that cannot be used", m.Declaration.Service)
		}
		return next, nil
	}}
}

// basis tells apart what a token was obtained with: the secret, and what the
// config says besides.
func (m Material) basis() string {
	var b strings.Builder
	for _, part := range []string{m.Declaration.Type, m.Declaration.Service, m.Service.BaseURL, m.Service.App.TokenURL, m.Secret.Reveal()} {
		b.WriteString(part)
		b.WriteByte(0)
	}
	for _, key := range slices.Sorted(maps.Keys(m.Declaration.Params)) {
		b.WriteString(key + "=" + m.Declaration.Params[key])
		b.WriteByte(0)
	}
	if m.Declaration.Type == TypeJWTBearer {
		b.WriteString(m.tokenScope()) // a token for another scope is another token
	}
	return fingerprint(b.String())
}

// credentialOf makes a credential of a record that a target stands for.
func (v *Vault) credentialOf(ctx context.Context, t target, s Stored, version int64) (*Credential, error) {
	c, err := v.credential(ctx, t.d, s, version)
	if err == nil && !t.spends {
		c.target = &t
		c.secrets = append(c.secrets, t.origin)
	}
	return c, err
}

// traded are the declared credentials whose secret in the vault is traded for a
// token, by the name there.
func (v *Vault) traded() map[string][]Declaration {
	all := map[string][]Declaration{}
	for _, d := range v.config.Load().declarations {
		if name, ok := strings.CutPrefix(d.Source, "vault:"); ok && kinds[d.Type].obtain != nil {
			all[name] = append(all[name], d)
		}
	}
	return all
}

// withObtained adds to what is known of a secret what became of trading it: for the
// declaration that went worst, since each has a token of its own.
func (v *Vault) withObtained(ctx context.Context, i Info, s Stored, all []Declaration) Info {
	for _, d := range all {
		if d.Type != s.Type || i.State.Bad() {
			continue
		}
		m, err := v.material(d, s.Secret)
		if err != nil {
			continue
		}
		t := v.trade(m)
		got, version, err := v.read(ctx, t.name)
		if err != nil || got.Basis != t.basis { // none yet, or one for another secret
			continue
		}
		of := v.info(t.name, version, got)
		i.State, i.Reason, i.Failed, i.Refreshed = of.State, of.Reason, of.Failed, of.Refreshed
		i.Expires, i.Renewal = of.Expires, got.due(t.name)
		if of.State.Bad() { // what there is may be of the secret before
			i.Expires, i.Renewal = time.Time{}, time.Time{}
		}
	}
	return i
}
