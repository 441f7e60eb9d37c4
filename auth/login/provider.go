package login

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	describedIn = time.Hour       // how long a description is good for
	askAgain    = 2 * time.Second // how long a provider is left alone that does not describe itself
)

// described is what the provider says of itself.
type described struct {
	*oidc.Provider
	verifier        *oidc.IDTokenVerifier
	announcesIssuer bool
	style           oauth2.AuthStyle
	at              time.Time
}

// describe is what the provider says of itself, an hour old at most. Whoever comes
// first asks it, for all who come meanwhile; nobody waits longer than they want to.
func (l *Login) describe(ctx context.Context) (*described, error) {
	if p, known, err := l.known(); known {
		return p, err
	}
	asked := l.asking.DoChan("", func() (any, error) {
		if p, known, err := l.known(); known { // somebody else has just asked
			return p, err
		}
		// Not the request's context: the keys are fetched with it for as long as they
		// are used.
		return l.ask(oidc.ClientContext(context.WithoutCancel(ctx), l.http))
	})
	select {
	case answer := <-asked:
		p, _ := answer.Val.(*described)
		return p, answer.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// known is the description at hand, unless it is time to ask for another.
func (l *Login) known() (p *described, known bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.Now()
	if p := l.provider; p != nil && now.Sub(p.at) < describedIn && !now.Before(p.at) {
		return p, true, nil
	}
	if since := now.Sub(l.failed); since >= 0 && since < askAgain {
		p, err := l.older()
		return p, true, err
	}
	return nil, false, nil
}

// ask asks the provider to describe itself.
func (l *Login) ask(ctx context.Context) (*described, error) {
	provider, err := oidc.NewProvider(ctx, l.Provider.Issuer)
	var more struct {
		AnnouncesIssuer bool     `json:"authorization_response_iss_parameter_supported"`
		Algorithms      []string `json:"id_token_signing_alg_values_supported"`
		Methods         []string `json:"token_endpoint_auth_methods_supported"`
		Keys            string   `json:"jwks_uri"`
	}
	if err == nil {
		err = provider.Claims(&more)
	}
	if err == nil {
		to := provider.Endpoint()
		err = sound(l.Provider.Issuer, to.AuthURL, to.TokenURL, more.Keys, provider.UserInfoEndpoint())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.Now()
	if err != nil {
		l.failed = now
		l.Logger.Warn("the company's provider does not describe itself", "issuer", l.Provider.Issuer, "error", reason(err))
		return l.older()
	}
	config := &oidc.Config{ClientID: l.Provider.ClientID, SupportedSigningAlgs: asymmetric(more.Algorithms), Now: l.Now}
	l.provider = &described{
		Provider: provider, verifier: provider.VerifierContext(ctx, config), announcesIssuer: more.AnnouncesIssuer,
		style: styleOf(more.Methods), at: now,
	}
	return l.provider, nil
}

// older is a description that was good, where the provider does not answer. The
// caller holds mu.
func (l *Login) older() (*described, error) {
	if l.provider != nil {
		return l.provider, nil
	}
	return nil, errors.New("the company's provider does not describe itself")
}

// sound refuses addresses to which no browser, code or secret may be sent: all but
// https, and, of a provider that is reached by http itself, http. The last one may be
// missing: not every provider has a user info endpoint.
func sound(issuer string, addresses ...string) error {
	of, err := url.Parse(issuer)
	if err != nil {
		return errors.New("the issuer is not a URL")
	}
	for i, address := range addresses {
		if address == "" && i == len(addresses)-1 {
			continue
		}
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != of.Scheme {
			return fmt.Errorf("one of its addresses is not to be used: %q", bounded(address))
		}
	}
	return nil
}

// asymmetric are the algorithms that the provider signs with, without those that
// share a secret (RFC 8725 section 3.2).
func asymmetric(announced []string) []string {
	known := []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}
	both := slices.DeleteFunc(known, func(a string) bool { return !slices.Contains(announced, a) })
	if len(both) == 0 {
		return []string{oidc.RS256}
	}
	return both
}

// styleOf is how the provider takes our secret. Where it says nothing else, the way is
// tried that it has to know (RFC 6749 section 2.3.1), and then the other.
func styleOf(methods []string) oauth2.AuthStyle {
	if slices.Contains(methods, "client_secret_post") && !slices.Contains(methods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleAutoDetect
}

// client is our registration at the provider.
func (l *Login) client(p *described) *oauth2.Config {
	to := p.Endpoint()
	to.AuthStyle = p.style
	return &oauth2.Config{
		ClientID: l.Provider.ClientID, ClientSecret: l.Provider.ClientSecret.Reveal(), Endpoint: to,
		RedirectURL: l.PublicURL + CallbackPath, Scopes: l.Provider.Scopes,
	}
}
