package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// errNoRevocation: the provider has no way for us to take a token back. A person
// can remove the app there.
var errNoRevocation = errors.New("the provider has no way to revoke a token")

const (
	revokeFor  = 15 * time.Second // one request
	maxRevoked = 64 << 10         // bytes of an answer that are read
)

// revokeUpstream takes a grant back at the provider, so that what was stolen of it
// is worth nothing there (RFC 7009): first the refresh token, then the access
// token, since not every provider ends one with the other. A token that the
// provider does not know any more counts as taken back. The error is
// errNoRevocation where there is no way; else it wraps ErrInvalid or
// ErrUnavailable, and the other token has been tried all the same.
func (v *Vault) revokeUpstream(ctx context.Context, service string, s Stored) error {
	app, err := v.appReady(ctx, service)
	if err != nil {
		return err
	}
	if app.RevokeURL == "" || s.Secret.Empty() && s.Refresh.Empty() {
		return errNoRevocation
	}
	if app.BearerRevoke {
		return v.revokeBearer(ctx, service, app, s)
	}
	var errs []error
	for _, t := range []struct {
		hint  string
		token Secret
	}{{"refresh_token", s.Refresh}, {"access_token", s.Secret}} {
		if t.token.Empty() {
			continue
		}
		form := url.Values{"token": {t.token.Reveal()}}
		if app.ClientAuth != ClientJSON { // Notion takes no member that it does not know
			form.Set("token_type_hint", t.hint)
		}
		if code, err := v.revokeOnce(ctx, service, app, form); err != nil && !gone(code) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// revokeBearer is for a provider whose RevokeURL takes back the token that the
// request is authorized with (docs.slack.dev/reference/methods/auth.revoke). A
// token that has ended cannot ask for it: then the next one does.
func (v *Vault) revokeBearer(ctx context.Context, service string, app App, s Stored) error {
	for range 2 {
		if !s.usable(v.clock()) {
			break
		}
		code, err := v.revokeBy(ctx, service, app, s.Secret)
		if code != "token_expired" {
			if gone(code) {
				return nil
			}
			return err
		}
		s.Expires = v.clock()
	}
	if s.Refresh.Empty() {
		return nil // it has ended by itself, and nothing can renew it
	}
	asking, cancel := context.WithTimeout(ctx, exchangeFor)
	defer cancel()
	next, err := v.exchange(asking, service, app, s)
	if errors.Is(err, ErrNeedsConsent) {
		return nil // the refresh token is dead already
	}
	if err != nil {
		return err
	}
	code, err := v.revokeBy(ctx, service, app, next.Secret)
	if gone(code) {
		return nil
	}
	return err
}

// gone reports whether a refusal says that there is nothing to take back any
// more.
func gone(code string) bool {
	switch code {
	case "invalid_token", "invalid_grant", "token_revoked", "invalid_auth", "account_inactive", "invalid_refresh_token":
		return true
	}
	return false
}

func (v *Vault) revokeBy(ctx context.Context, service string, app App, token Secret) (code string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, app.RevokeURL, nil)
	if err != nil {
		return "", invalid("the revocation endpoint of %s is no URL: correct services.%s.oauth in the config", service, service)
	}
	r.Header.Set("Authorization", "Bearer "+token.Reveal())
	return v.revokeDo(ctx, service, v.http, r)
}

// revokeOnce asks for one token to be revoked (RFC 7009 section 2.1), as the
// client that the app is.
func (v *Vault) revokeOnce(ctx context.Context, service string, app App, form url.Values) (code string, err error) {
	client := v.http
	basic := false
	switch {
	case app.ClientSecret.Empty():
		form.Set("client_id", app.ClientID)
	case app.ClientAuth == ClientBody:
		form.Set("client_id", app.ClientID)
		form.Set("client_secret", app.ClientSecret.Reveal())
	default:
		basic = true
	}
	if app.ClientAuth == ClientJSON {
		c := *client
		c.Transport = jsonBody{c.Transport}
		client = &c
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, app.RevokeURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", invalid("the revocation endpoint of %s is no URL: correct services.%s.oauth in the config", service, service)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		r.SetBasicAuth(url.QueryEscape(app.ClientID), url.QueryEscape(app.ClientSecret.Reveal()))
	}
	return v.revokeDo(ctx, service, client, r)
}

// revokeDo sends a revocation. code is the provider's error code where it refused.
func (v *Vault) revokeDo(ctx context.Context, service string, client *http.Client, r *http.Request) (code string, err error) {
	ctx, cancel := context.WithTimeout(ctx, revokeFor)
	defer cancel()
	r.Header.Set("Accept", "application/json")
	answer, err := client.Do(r.WithContext(ctx))
	if err != nil {
		return "", because(ErrUnavailable, "%s cannot be reached to revoke the token there: %w", service, plain(err))
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxRevoked))
	if err != nil && answer.StatusCode/100 == 2 {
		return "", because(ErrUnavailable, "%s broke off its answer to the revocation: %w", service, plain(err))
	}
	var said struct {
		OK    *bool           `json:"ok"`
		Error json.RawMessage `json:"error"`
	}
	_ = json.Unmarshal(body, &said) // most answers to a revocation are empty
	var text string
	_ = json.Unmarshal(said.Error, &text)
	code = errorCode(text)
	switch {
	case answer.StatusCode/100 == 2 && (said.OK == nil || *said.OK) && text == "":
		return "", nil
	case answer.StatusCode/100 == 5 || answer.StatusCode == http.StatusTooManyRequests || code == "ratelimited":
		return code, because(ErrUnavailable, "%s does not revoke tokens just now (HTTP %d, %s)", service, answer.StatusCode, code)
	}
	return code, invalid("%s refused to revoke the token (HTTP %d, %s): remove the app there by hand", service, answer.StatusCode, code)
}

// plain is a failed request without its URL, which may hold what nobody should
// read.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// errorCode is what a provider calls an error, if it looks like a code; else it
// may be anything, and is not shown.
func errorCode(text string) string {
	if text == "" || len(text) > 64 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789_-.") != "" {
		return "no error code"
	}
	return text
}

// RevokeUpstream takes a grant that was never stored back at the provider, as far
// as it can.
func (v *Vault) RevokeUpstream(ctx context.Context, service string, s Stored) error {
	if err := v.revokeUpstream(ctx, service, s); err != nil && !errors.Is(err, errNoRevocation) {
		return fmt.Errorf("a grant of %s could not be taken back: %w", service, err)
	}
	return nil
}
