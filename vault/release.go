package vault

import (
	"context"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Ways of narrowing an access token, as Provider.Narrow names them.
const (
	NarrowByRefresh  = "refresh"  // a refresh with a narrower scope (RFC 6749 section 6)
	NarrowByExchange = "exchange" // token exchange (RFC 8693)
)

// Released is a credential as it is given to an agent that calls a service
// itself: never a refresh token, a password or a private key.
type Released struct {
	Secret   Secret
	Scheme   Scheme // how it is presented
	Version  int64
	Account  string
	Instance string    // see Credential
	Expires  time.Time // zero: unknown or never
	Narrowed bool      // the token itself can do no more than was asked for
}

// Release opens a credential to give it out. Of the types that are traded for a
// token it is the token. Where the provider can narrow a token, it can do only
// what the service's own scope names say. The error is as of Resolve; for a type
// whose secret is a password or a private key it wraps ErrInvalid.
func (v *Vault) Release(ctx context.Context, d Declaration, names []string) (Released, error) {
	switch d.Type {
	case TypeBasic, TypeMTLS, TypeSignedRequest:
		return Released{}, invalid("a credential of type %s is never given out: its secret is a password or a private key, and good for ever", d.Type)
	}
	c, err := v.Resolve(ctx, d)
	if err != nil {
		return Released{}, err
	}
	m, err := v.material(d, c.presented)
	if err != nil {
		return Released{}, err
	}
	r := Released{Secret: c.presented, Scheme: m.Scheme, Version: c.Version, Account: c.Account, Instance: c.Instance, Expires: c.Expires}
	if !v.Narrows(d) || len(names) == 0 {
		return r, nil
	}
	name := strings.TrimPrefix(d.Source, "vault:")
	switch m.Service.App.Narrow {
	case NarrowByExchange:
		err = v.narrowByExchange(ctx, d, names, &r)
	case NarrowByRefresh:
		err = v.narrowByRefresh(ctx, d, name, names, &r)
	}
	return r, err
}

// Narrows reports whether Release gives out a token that can do no more than was
// asked for.
func (v *Vault) Narrows(d Declaration) bool {
	return d.Type == TypeOAuthToken && strings.HasPrefix(d.Source, "vault:") && v.app(d.Service).Narrow != ""
}

// narrow is the scope parameter of a request.
func (a App) narrow(names []string) string {
	sep := a.ScopeSeparator
	if sep == "" {
		sep = " "
	}
	return strings.Join(names, sep)
}

// tokenRequest makes a request to the token endpoint with a grant type of its own. The
// library sends an empty code along, which a server must take for none (RFC 6749
// section 3.2).
func (v *Vault) tokenRequest(ctx context.Context, service string, params map[string]string) (*oauth2.Token, time.Time, error) {
	app, err := v.appReady(ctx, service)
	if err != nil {
		return nil, time.Time{}, err
	}
	release, err := v.slot(ctx, service)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, exchangeFor)
	defer cancel()
	var options []oauth2.AuthCodeOption
	for key, value := range params {
		options = append(options, oauth2.SetAuthURLParam(key, value))
	}
	config, asked := app.client(), v.clock()
	token, err := config.Exchange(v.carrier(ctx, app), "", options...)
	if err != nil {
		return nil, asked, v.refusal(service, err)
	}
	return token, asked, nil
}

// narrowByExchange trades the access token for one that can do less (RFC 8693
// section 2.1).
func (v *Vault) narrowByExchange(ctx context.Context, d Declaration, names []string, r *Released) error {
	const accessToken = "urn:ietf:params:oauth:token-type:access_token"
	token, asked, err := v.tokenRequest(ctx, d.Service, map[string]string{
		"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": r.Secret.Reveal(),
		"subject_token_type": accessToken, "requested_token_type": accessToken, "scope": v.app(d.Service).narrow(names),
	})
	if err != nil {
		return err
	}
	return r.take(d.Service, token, asked)
}

// narrowByRefresh spends the refresh token for an access token that can do less,
// and keeps the refresh token that comes with it: the grant stays as wide as it
// is.
func (v *Vault) narrowByRefresh(ctx context.Context, d Declaration, name string, names []string, r *Released) error {
	t := v.grant(d, name)
	var narrow *oauth2.Token
	var at time.Time
	t.next = func(ctx context.Context, s Stored) (Stored, error) {
		if s.Refresh.Empty() {
			return Stored{}, because(ErrNeedsConsent, "there is no refresh token to narrow it with")
		}
		app, err := v.appReady(ctx, d.Service)
		if err != nil {
			return Stored{}, err
		}
		config := app.client()
		at = v.clock()
		narrow, err = config.Exchange(v.carrier(ctx, app), "", oauth2.SetAuthURLParam("grant_type", "refresh_token"),
			oauth2.SetAuthURLParam("refresh_token", s.Refresh.Reveal()), oauth2.SetAuthURLParam("scope", app.narrow(names)))
		if err != nil {
			return Stored{}, v.refusal(d.Service, err)
		}
		if narrow.RefreshToken != "" {
			s.Refresh = NewSecret(narrow.RefreshToken)
		}
		return s, s.check(at)
	}
	// Not together with others: each asks for a scope of its own. Where somebody
	// has refreshed the grant meanwhile, it is asked again.
	for range 3 {
		s, _, err := v.read(ctx, name)
		if err != nil {
			return missing(d, name, err)
		}
		t.stale = s.Secret
		v.refreshes.RLock()
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), flightFor)
		_, err = v.refreshAlone(within, t, false)
		cancel()
		v.refreshes.RUnlock()
		if err != nil {
			return err
		}
		if narrow != nil {
			return r.take(d.Service, narrow, at)
		}
	}
	return because(ErrUnavailable, "the grant is being refreshed by others: try again")
}

// take makes the token that came back the one that is given out.
func (r *Released) take(service string, t *oauth2.Token, asked time.Time) error {
	s, err := granted(Stored{Type: TypeOAuthToken}, t, asked)
	if err != nil {
		return because(ErrUnavailable, "the token endpoint of %s answered with a token that cannot be used: %w", service, err)
	}
	r.Secret, r.Expires, r.Narrowed = s.Secret, s.Expires, true
	return nil
}
