package vault

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// client is the app as the library knows it.
func (a App) client() oauth2.Config {
	c := oauth2.Config{
		ClientID: a.ClientID, ClientSecret: a.ClientSecret.Reveal(),
		Endpoint: oauth2.Endpoint{AuthURL: a.AuthURL, TokenURL: a.TokenURL, AuthStyle: oauth2.AuthStyleInHeader},
	}
	if a.ClientAuth == ClientBody || a.ClientSecret.Empty() {
		c.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return c
}

// carrier makes the HTTP client for requests to the app's token endpoint.
func (v *Vault) carrier(ctx context.Context, a App) context.Context {
	client := v.http
	if a.ClientAuth == ClientJSON {
		c := *client
		c.Transport = jsonBody{c.Transport}
		client = &c
	}
	return context.WithValue(ctx, oauth2.HTTPClient, client)
}

// exchange trades a refresh token for a new access token (RFC 6749 section 6)
// and returns the record that then stands for the credential. The error wraps
// ErrNeedsConsent where the refresh token is dead, ErrInvalid where the app is
// refused, ErrUnavailable for all that may pass.
//
// A service may answer a refusal with HTTP 200 and "ok": false, as Slack does
// (docs.slack.dev/reference/methods/oauth.v2.access), and may rotate the refresh
// token or not. The library bounds the answer to 1 MiB.
func (v *Vault) exchange(ctx context.Context, service string, app App, old Stored) (Stored, error) {
	c := app.client()
	asked := v.clock()
	t, err := c.TokenSource(v.carrier(ctx, app), &oauth2.Token{RefreshToken: old.Refresh.Reveal()}).Token()
	if err != nil {
		return Stored{}, v.refusal(service, err)
	}
	next, err := granted(old, t, asked)
	if err != nil {
		return Stored{}, unanswered{because(ErrUnavailable, "the token endpoint of %s answered with a token that cannot be used: %w", service, err)}
	}
	return next, nil
}

// granted is the record after a token endpoint has answered. An answer without a
// refresh token leaves the one that there was.
func granted(old Stored, t *oauth2.Token, asked time.Time) (Stored, error) {
	next := old
	next.Secret = NewSecret(t.AccessToken)
	if t.RefreshToken != "" {
		next.Refresh = NewSecret(t.RefreshToken)
	}
	next.Issued, next.Expires = asked.UTC(), time.Time{}
	if in := t.ExpiresIn; in > 0 {
		next.Expires = asked.Add(time.Duration(min(in, maxLife)) * time.Second).UTC()
	}
	if scope, ok := t.Extra("scope").(string); ok && scope != "" && len(scope) <= 8<<10 {
		next.Scope = scope
	}
	if instance := instanceOf(t.Extra("instance_url")); instance != "" {
		next.Instance = instance
	}
	return next, next.check(asked)
}

// maxLife bounds what an upstream says of a token's life, in seconds.
const maxLife = 10 * 365 * 24 * 3600

// refusal tells apart what a token endpoint may answer. Of its text only the
// error code is kept, and only if it looks like one.
func (v *Vault) refusal(service string, err error) error {
	var r *oauth2.RetrieveError
	if !errors.As(err, &r) {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			return unanswered{because(ErrUnavailable, "the token endpoint of %s cannot be reached: %w", service, u.Err)}
		}
		// What the library says of an answer quotes it: a token, or a megabyte.
		return unanswered{because(ErrUnavailable, "the token endpoint of %s answered with something that is no token: if it stays so, see services.%s.oauth.token_url in the config", service, service)}
	}
	code, status := r.ErrorCode, r.Response.StatusCode
	if code == "" || len(code) > 64 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789_-.") != "" {
		code = "no error code"
	}
	switch code {
	case "invalid_grant", "invalid_refresh_token", "token_revoked", "token_expired", "account_inactive":
		if why := v.app(service).Ends; why != "" {
			return because(ErrNeedsConsent, "%s no longer accepts the refresh token (%s): %s", service, code, why)
		}
		return because(ErrNeedsConsent, "%s no longer accepts the refresh token (%s)", service, code)
	case "invalid_client", "unauthorized_client", "bad_client_secret", "invalid_client_id":
		return invalid("%s refused the OAuth app (%s): correct services.%s.oauth in the config", service, code, service)
	case "temporarily_unavailable", "server_error", "ratelimited", "rate_limited", "internal_error", "fatal_error",
		"service_unavailable", "request_timeout":
		return because(ErrUnavailable, "%s does not issue tokens just now (%s)", service, code)
	}
	if status/100 == 4 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout || status/100 == 2 {
		return invalid("%s refused to refresh the token (HTTP %d, %s)", service, status, code)
	}
	err = because(ErrUnavailable, "%s does not issue tokens just now (HTTP %d)", service, status)
	if status/100 == 5 { // what stands between may have lost the answer
		err = unanswered{err}
	}
	return err
}
