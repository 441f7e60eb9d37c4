package vault

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	discoverFor  = 10 * time.Second // both requests together
	maxMetadata  = 1 << 20          // bytes of a metadata document
	foundFor     = time.Hour        // what was found is asked for again after
	foundAtMost  = 24 * time.Hour   // and used, where the provider does not answer, until
	wellKnownOAu = "/.well-known/oauth-authorization-server"
	wellKnownOID = "/.well-known/openid-configuration"
)

// discoveries remembers what providers say of themselves, by issuer.
type discoveries struct {
	mu      sync.Mutex
	by      map[string]found
	flights singleflight.Group
}

type found struct {
	metadata
	at time.Time
}

// metadata is what is taken from an authorization server's own description (RFC
// 8414 section 2; OpenID Connect Discovery 1.0 section 3).
type metadata struct {
	Issuer          string   `json:"issuer"`
	AuthURL         string   `json:"authorization_endpoint"`
	TokenURL        string   `json:"token_endpoint"`
	RevokeURL       string   `json:"revocation_endpoint"`
	AuthMethods     []string `json:"token_endpoint_auth_methods_supported"`
	Challenges      []string `json:"code_challenge_methods_supported"`
	Scopes          []string `json:"scopes_supported"`
	AnnouncesIssuer bool     `json:"authorization_response_iss_parameter_supported"`
}

// OAuthApp is our OAuth client at a service, with the addresses of its provider:
// those of the config, or those that the provider's own description gives. The
// error wraps ErrInvalid where no app is set, or the description is wrong, and
// ErrUnavailable where it cannot be had.
func (v *Vault) OAuthApp(ctx context.Context, service string) (App, error) {
	app, err := v.appReady(ctx, service)
	switch {
	case err != nil:
		return App{}, err
	case app.ClientID == "":
		return App{}, invalid("there is no OAuth app for %s: register one there and set services.%s.oauth in the config, with client_id and client_secret", service, service)
	case app.AuthURL == "" || app.TokenURL == "":
		return App{}, invalid("where %s asks people for consent is not known: set services.%s.oauth.issuer in the config, or auth_url and token_url", service, service)
	}
	return app, nil
}

// appReady is the app of a service; where only its issuer is known, with what the
// issuer says of itself.
func (v *Vault) appReady(ctx context.Context, service string) (App, error) {
	app := v.app(service)
	if app.Issuer == "" || app.AuthURL != "" && app.TokenURL != "" {
		return app, nil
	}
	m, err := v.discover(ctx, service, app.Issuer)
	if err != nil {
		return App{}, err
	}
	for _, set := range []struct {
		to   *string
		from string
	}{{&app.AuthURL, m.AuthURL}, {&app.TokenURL, m.TokenURL}, {&app.RevokeURL, m.RevokeURL}} {
		if *set.to == "" {
			*set.to = set.from
		}
	}
	app.AnnouncesIssuer = m.AnnouncesIssuer
	if app.Scopes == nil && slices.Contains(m.Scopes, offline) {
		app.Scopes = []string{"openid", offline} // who it is, and a refresh token
	}
	app.PKCE = app.PKCE || slices.Contains(m.Challenges, "S256")
	// HTTP Basic is what a server takes that says nothing (RFC 8414 section 2).
	if app.ClientAuth == ClientBasic && len(m.AuthMethods) > 0 &&
		!slices.Contains(m.AuthMethods, "client_secret_basic") && slices.Contains(m.AuthMethods, "client_secret_post") {
		app.ClientAuth = ClientBody
	}
	return app, nil
}

// discover returns what an issuer says of itself, at most an hour old; if it does
// not answer, at most a day.
func (v *Vault) discover(ctx context.Context, service, issuer string) (metadata, error) {
	now := v.clock()
	v.found.mu.Lock()
	known, ok := v.found.by[issuer]
	v.found.mu.Unlock()
	if ok && now.Sub(known.at) < foundFor && !now.Before(known.at) {
		return known.metadata, nil
	}
	done := v.found.flights.DoChan(issuer, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discoverFor)
		defer cancel()
		m, err := v.ask(ctx, service, issuer)
		if err != nil {
			return metadata{}, err
		}
		v.found.mu.Lock()
		defer v.found.mu.Unlock()
		if v.found.by == nil {
			v.found.by = map[string]found{}
		}
		v.found.by[issuer] = found{m, now}
		return m, nil
	})
	select {
	case <-ctx.Done():
		return metadata{}, because(ErrUnavailable, "asking %s where it issues tokens took too long: %w", issuer, ctx.Err())
	case r := <-done:
		if r.Err == nil {
			return r.Val.(metadata), nil
		}
		if ok && errors.Is(r.Err, ErrUnavailable) && now.Sub(known.at) < foundAtMost {
			v.log.Warn("an authorization server does not describe itself; what it said before is used", "service", service, "issuer", issuer, "error", r.Err)
			return known.metadata, nil
		}
		return metadata{}, r.Err
	}
}

// ask gets the description from the two places where it may be.
func (v *Vault) ask(ctx context.Context, service, issuer string) (metadata, error) {
	u, err := url.Parse(issuer)
	if err != nil || !safe(u) || u.RawQuery != "" || u.Fragment != "" {
		return metadata{}, invalid("services.%s.oauth.issuer must be a URL that begins with https:// and has no ? and # (http is taken for loopback hosts only)", service)
	}
	// RFC 8414 section 3.1: between host and path; OpenID Discovery section 4:
	// behind the path.
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	root := u.Scheme + "://" + u.Host
	var last error
	for _, at := range []string{root + wellKnownOAu + path, root + path + wellKnownOID} {
		m, err := v.askAt(ctx, service, at)
		var none *noMetadata
		if errors.As(err, &none) {
			last = err
			continue
		}
		if err != nil {
			return metadata{}, err
		}
		return m, m.check(service, issuer)
	}
	return metadata{}, invalid("%s does not describe itself (%w): correct services.%s.oauth.issuer in the config, or set auth_url and token_url", issuer, last, service)
}

// noMetadata: there is nothing at that place; another may have it.
type noMetadata struct{ what string }

func (n *noMetadata) Error() string { return n.what }

func (v *Vault) askAt(ctx context.Context, service, at string) (metadata, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return metadata{}, invalid("services.%s.oauth.issuer is no URL that can be asked", service)
	}
	r.Header.Set("Accept", "application/json")
	answer, err := v.http.Do(r)
	if err != nil {
		return metadata{}, because(ErrUnavailable, "%s cannot be reached: %w", at, plain(err))
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.StatusCode/100 == 5 || answer.StatusCode == http.StatusTooManyRequests:
		return metadata{}, because(ErrUnavailable, "%s answers HTTP %d", at, answer.StatusCode)
	case answer.StatusCode != http.StatusOK:
		return metadata{}, &noMetadata{"HTTP " + http.StatusText(answer.StatusCode)}
	}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if kind == "text/html" { // a page for people, under any path
		return metadata{}, &noMetadata{"a web page, not a description"}
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxMetadata+1))
	switch {
	case err != nil:
		return metadata{}, because(ErrUnavailable, "%s broke off its answer: %w", at, plain(err))
	case len(body) > maxMetadata:
		return metadata{}, invalid("%s answers with more than %d bytes, which is no description of an authorization server", at, maxMetadata)
	}
	var m metadata
	if err := json.Unmarshal(body, &m); err != nil {
		return metadata{}, invalid("%s does not answer with a JSON description of an authorization server", at)
	}
	return m, nil
}

// check holds a description against the issuer that it was asked of: letter by
// letter, or another server could pass for it (RFC 8414 section 3.3).
func (m metadata) check(service, issuer string) error {
	if m.Issuer != issuer {
		return invalid("the server at services.%s.oauth.issuer says that it is %s, not %s: write what it says if it is the right one", service, said(m.Issuer), issuer)
	}
	for _, e := range []struct {
		name, url string
		needed    bool
	}{{"token_endpoint", m.TokenURL, true}, {"authorization_endpoint", m.AuthURL, false}, {"revocation_endpoint", m.RevokeURL, false}} {
		if e.url == "" && !e.needed {
			continue
		}
		u, err := url.Parse(e.url)
		if err != nil || !safe(u) || u.Fragment != "" {
			return invalid("%s gives no %s that begins with https://: tell who runs it, or set the URLs in services.%s.oauth", issuer, e.name, service)
		}
	}
	return nil
}

// said is what somebody else has sent, for a sentence of ours: one line, short.
func said(text string) string {
	if text == "" {
		return "nobody"
	}
	return `"` + OneLine(text, 120) + `"`
}

// safe reports whether what is sent to a URL cannot be read on the way: https, or
// http to this machine.
func safe(u *url.URL) bool {
	if u.Host == "" || u.User != nil || u.Hostname() == "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())
}

func loopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	return host == "localhost"
}
