package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Kinds of grant. Most providers know one kind.
const (
	GrantBot  = "bot"
	GrantUser = "user"
)

// AuthRequest is what a person is asked to consent to at the provider's page.
type AuthRequest struct {
	Redirect   string   // where the provider sends the browser back to
	State      string   // binds the answer to the question (RFC 6749 section 10.12)
	Verifier   string   // PKCE (RFC 7636); "" where the provider does not take it
	Nonce      string   // of an id token (OpenID Connect Core section 3.1.2.1); "" for none
	Scopes     []string // as the provider calls them
	UserScopes []string // asked for under UserScopeParam
}

// AuthCodeURL is the address of the provider's page for a request (RFC 6749 section
// 4.1.1).
func (a App) AuthCodeURL(r AuthRequest) string {
	c := a.client()
	c.RedirectURL = r.Redirect
	separator := a.ScopeSeparator
	if separator == "" {
		separator = " "
	}
	var plain, optional []string
	for _, s := range r.Scopes {
		if a.OptionalScopeParam != "" && slices.Contains(a.Optional, s) {
			optional = append(optional, s)
		} else {
			plain = append(plain, s)
		}
	}
	var options []oauth2.AuthCodeOption
	set := func(key, value string) {
		if value != "" {
			options = append(options, oauth2.SetAuthURLParam(key, value))
		}
	}
	set("scope", strings.Join(plain, separator))
	set(a.OptionalScopeParam, strings.Join(optional, separator))
	if a.UserScopeParam != "" {
		set(a.UserScopeParam, strings.Join(r.UserScopes, separator))
	}
	if slices.Contains(r.Scopes, offline) && a.AuthParams["prompt"] == "" {
		set("prompt", "consent") // else no refresh token comes (OpenID Connect Core section 11)
	}
	for key, value := range a.AuthParams {
		set(key, value)
	}
	set("nonce", r.Nonce)
	if r.Verifier != "" {
		options = append(options, oauth2.S256ChallengeOption(r.Verifier))
	}
	return c.AuthCodeURL(r.State, options...)
}

// Code is an authorization code that a provider has sent back, and what it was
// asked for with.
type Code struct {
	Service    string
	Code       Secret
	Verifier   Secret // empty: without PKCE
	Nonce      string // "" where no id token was asked for
	Redirect   string // exactly as in the request
	Scopes     []string
	UserScopes []string
}

// Grant is what a provider gives for a code.
type Grant struct {
	Kind    string   // GrantBot or GrantUser at a provider that tells them apart, else ""
	Stored  Stored   // for Put; Account says whose it is
	Missing []string // scopes that were asked for and not granted
}

// redeemFor is how long the request to the token endpoint may take.
const redeemFor = 20 * time.Second

// Redeem trades an authorization code for tokens (RFC 6749 section 4.1.3). It
// stores nothing. Slack answers with the app's own token and the user's at once:
// two grants. The error wraps ErrNeedsConsent where the code is refused, so that a
// person has to begin again, ErrInvalid where the app is, or the answer is none,
// and ErrUnavailable where the provider cannot be reached. The request is carried
// through whatever becomes of ctx, since a code is good for one use.
func (v *Vault) Redeem(ctx context.Context, c Code) ([]Grant, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redeemFor)
	defer cancel()
	app, err := v.OAuthApp(ctx, c.Service)
	if err != nil {
		return nil, err
	}
	client := app.client()
	client.RedirectURL = c.Redirect
	var options []oauth2.AuthCodeOption
	if !c.Verifier.Empty() {
		options = append(options, oauth2.VerifierOption(c.Verifier.Reveal()))
	}
	ctx = v.carrier(ctx, app)
	seen := &seenAnswer{}
	ctx = seen.watch(ctx)
	asked := v.clock()
	t, err := client.Exchange(ctx, c.Code.Reveal(), options...)
	all, bad := answerOf(seen.body)
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused):
		return nil, v.codeRefused(c.Service, refused)
	case err != nil && !seen.arrived:
		return nil, because(ErrUnavailable, "%s cannot be reached to redeem the consent: %w", c.Service, plain(err))
	case len(seen.body) > maxAnswer:
		return nil, invalid("%s answered the consent with more than %d bytes, which is no token: see services.%s.oauth.token_url in the config", c.Service, maxAnswer, c.Service)
	case bad != nil && err != nil:
		return nil, invalid("%s answered the consent with something that is no token answer: see services.%s.oauth.token_url in the config", c.Service, c.Service)
	}
	var grants []Grant
	if err == nil {
		g, err := v.grantOf(c, app, t, all, asked)
		if err != nil {
			return nil, err
		}
		grants = append(grants, g)
	}
	if app.UserScopeParam != "" {
		g, ok, err := userGrant(c, all, asked)
		if err != nil {
			return nil, err
		}
		if ok {
			grants = append(grants, g)
		}
	}
	if len(grants) == 0 {
		// The library says so of an answer without a token, and of a life that is
		// no number; what it quotes of the answer stays here.
		if all.text("access_token") != "" {
			return nil, notUsable(c.Service, errors.New("expires_in is not a number of seconds"))
		}
		return nil, invalid("%s answered the consent without an access token: nothing was stored; begin again, and if it stays so see services.%s.oauth.token_url in the config", c.Service, c.Service)
	}
	return grants, nil
}

func notUsable(service string, err error) error {
	return invalid("%s answered the consent with a token that cannot be used: %w; nothing was stored", service, err)
}

// grantOf is the token that the answer has at its top.
func (v *Vault) grantOf(c Code, app App, t *oauth2.Token, all answer, asked time.Time) (Grant, error) {
	if life, has := all["expires_in"]; has && life != nil && t.ExpiresIn <= 0 {
		return Grant{}, notUsable(c.Service, errors.New("its life is 0 seconds"))
	}
	s, err := granted(Stored{Type: TypeOAuthToken}, t, asked)
	if err != nil {
		return Grant{}, notUsable(c.Service, err)
	}
	if s.Scope == "" {
		s.Scope = strings.Join(all.texts("scopes"), " ") // as HubSpot has it
	}
	who, err := all.identity(app, c.Nonce, asked)
	if err != nil {
		return Grant{}, invalid("%s answered the consent with an id token that is not for it: %w; nothing was stored", c.Service, err)
	}
	g := Grant{Stored: s}
	switch {
	case app.UserScopeParam == "":
	case all.text("token_type") == GrantUser:
		g.Kind = GrantUser
	default:
		g.Kind = GrantBot
	}
	wanted := c.Scopes
	if g.Kind == GrantUser {
		wanted = c.UserScopes
	}
	g.Stored.Account = all.account(g.Kind, who)
	g.Missing = missingScopes(wanted, s.Scope)
	return g, nil
}

// userGrant is the token of the user who consented, beside that of the app
// (docs.slack.dev/reference/methods/oauth.v2.access).
func userGrant(c Code, all answer, asked time.Time) (Grant, bool, error) {
	user := all.object("authed_user")
	token := user.text("access_token")
	if token == "" {
		return Grant{}, false, nil
	}
	t := &oauth2.Token{AccessToken: token, RefreshToken: user.text("refresh_token")}
	if raw, has := user["expires_in"]; has {
		n, ok := raw.(json.Number)
		seconds, err := n.Int64()
		if !ok || err != nil || seconds <= 0 {
			return Grant{}, false, notUsable(c.Service, errors.New("the life of the user's token is not a number of seconds"))
		}
		t.ExpiresIn = seconds
	}
	s, err := granted(Stored{Type: TypeOAuthToken}, t, asked)
	if err != nil {
		return Grant{}, false, notUsable(c.Service, err)
	}
	if scope := user.text("scope"); len(scope) <= maxScopes {
		s.Scope = scope
	}
	s.Account = all.account(GrantUser, nil)
	return Grant{Kind: GrantUser, Stored: s, Missing: missingScopes(c.UserScopes, s.Scope)}, true, nil
}

// codeRefused tells apart why a code was not taken. Of the provider's text only
// its error code is kept.
func (v *Vault) codeRefused(service string, r *oauth2.RetrieveError) error {
	code, status := errorCode(r.ErrorCode), r.Response.StatusCode
	switch code {
	case "invalid_grant", "invalid_code", "code_already_used", "code_expired", "invalid_code_verifier":
		return because(ErrNeedsConsent, "%s did not accept the consent (%s): it was used already, or took too long: begin again", service, code)
	case "bad_redirect_uri", "redirect_uri_mismatch":
		return invalid("%s does not know the address that it was to come back to (%s): register it with the OAuth app there", service, code)
	case "pkce_not_allowed":
		return invalid("%s does not let this OAuth app use PKCE (%s): allow it there, or give the app a client_secret", service, code)
	}
	err := v.refusal(service, r)
	if errors.Is(err, ErrUnavailable) || strings.HasPrefix(code, "invalid_client") || code == "bad_client_secret" || code == "unauthorized_client" {
		return err
	}
	return invalid("%s refused to redeem the consent (HTTP %d, %s): see the OAuth app there and services.%s.oauth in the config", service, status, code, service)
}

const maxScopes = 8 << 10

// missingScopes are those of the asked that are not among the granted. A provider
// that does not say what it granted has granted what was asked for (RFC 6749
// section 5.1).
func missingScopes(asked []string, granted string) []string {
	if strings.TrimSpace(granted) == "" {
		return nil
	}
	has := map[string]bool{}
	for _, s := range strings.FieldsFunc(granted, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' }) {
		has[s] = true
	}
	// What has no effect of its own on the token, or comes back under a long name
	// (developers.google.com/identity/protocols/oauth2/scopes).
	long := map[string]string{"email": googleScopes + "userinfo.email", "profile": googleScopes + "userinfo.profile"}
	var missing []string
	for _, s := range asked {
		if !has[s] && !has[long[s]] && s != offline && s != "openid" && !slices.Contains(missing, s) {
			missing = append(missing, s)
		}
	}
	return missing
}

// offline is the scope for a refresh token (OpenID Connect Core section 11).
const offline = "offline_access"

const googleScopes = "https://www.googleapis.com/auth/"

// seenAnswer keeps a token endpoint's answer: the library does not hand out all of
// it.
type seenAnswer struct {
	arrived bool
	body    []byte
}

func (s *seenAnswer) watch(ctx context.Context) context.Context {
	client := *ctx.Value(oauth2.HTTPClient).(*http.Client)
	client.Transport = seeing{s, client.Transport}
	return context.WithValue(ctx, oauth2.HTTPClient, &client)
}

type seeing struct {
	to   *seenAnswer
	base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (s seeing) RoundTrip(r *http.Request) (*http.Response, error) {
	base := s.base
	if base == nil {
		base = http.DefaultTransport
	}
	answer, err := base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	_ = answer.Body.Close()
	if err != nil {
		return nil, err
	}
	s.to.arrived, s.to.body = true, body
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// answerOf reads a token answer as JSON, or as the form that a few servers still
// send.
func answerOf(body []byte) (answer, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var all map[string]any
	if err := dec.Decode(&all); err == nil && all != nil {
		return all, nil
	}
	values, err := url.ParseQuery(string(body))
	if err != nil || !values.Has("access_token") {
		return answer{}, errors.New("neither JSON nor a form")
	}
	form := answer{}
	for key := range values {
		if key != "expires_in" {
			form[key] = values.Get(key)
		}
	}
	return form, nil
}
