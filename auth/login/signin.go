package login

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"toolvault/auth/page"
	"toolvault/auth/people"
)

const maxQuery = 8 << 10 // bytes of what the provider sends along

// begin sends a browser to the provider.
func (l *Login) begin(w http.ResponseWriter, r *http.Request) {
	back := r.URL.Query().Get("return")
	if !page.Local(back) {
		back = ""
	}
	got, wait, err := l.Store.Spend(r.Context(), "login/begun/"+hashed(people.Network(address(r))), begun(), 1, 0)
	if err == nil && got == 0 {
		l.tell(r.Context(), r, Refused, "too many sign-ins have begun from this network")
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		l.pages.Error(w, r, http.StatusTooManyRequests, manyTitle, manyWhat, manyTodo)
		return
	}
	var p *described
	if err == nil {
		p, err = l.describe(r.Context())
	}
	if err != nil {
		l.away(w, r, err)
		return
	}
	browser := l.pages.CookieValue(r, stateCookie)
	if len(browser) != len(random()) {
		browser = random()
	}
	state, a := random(), attempt{
		Browser: hashed(browser), Nonce: random(), Verifier: oauth2.GenerateVerifier(), Return: back, Until: l.Now().UTC().Add(stateLife),
	}
	if err := l.keep(r.Context(), statePrefix+hashed(state), 1, a); err != nil {
		l.away(w, r, err)
		return
	}
	http.SetCookie(w, l.pages.Cookie(stateCookie, browser, int(stateLife.Seconds())))
	l.pages.Redirect(w, r, l.client(p).AuthCodeURL(state, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)))
}

// callback is where the browser comes back. Nothing that it brings is believed
// before its state was found and taken, in the browser that was sent.
func (l *Login) callback(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(r.URL.RawQuery) > maxQuery || repeated(q) {
		l.odd(w, r, "an answer came that no provider would send")
		return
	}
	a, err := l.take(r.Context(), q.Get("state"))
	switch {
	case errors.Is(err, errNoState):
		l.odd(w, r, "an answer came with a state that is not open")
		return
	case err != nil:
		l.away(w, r, err)
		return
	case subtle.ConstantTimeCompare([]byte(hashed(l.pages.CookieValue(r, stateCookie))), []byte(a.Browser)) != 1:
		l.odd(w, r, "an answer came in another browser than the one that was sent")
		return
	}
	p, err := l.describe(r.Context())
	if err != nil {
		l.away(w, r, err)
		return
	}
	if iss := q.Get("iss"); iss != l.Provider.Issuer && (iss != "" || p.announcesIssuer) {
		l.odd(w, r, "an answer came from another provider (RFC 9207)")
		return
	}
	if code := q.Get("error"); code != "" {
		l.tell(r.Context(), r, Failed, "the provider answered "+known(code))
		l.pages.Error(w, r, http.StatusForbidden, refusedTitle, refusedWhat, refusedTodo)
		return
	}
	e, err := l.identify(r.Context(), p, q.Get("code"), a)
	if err != nil {
		l.tell(r.Context(), r, Failed, reason(err))
		l.Logger.Warn("a sign-in through the company's provider failed", "error", reason(err))
		l.pages.Error(w, r, http.StatusBadGateway, failedTitle, failedWhat, failedTodo)
		return
	}
	l.enter(w, r, e, a.Return)
}

// enter begins the session, and sends the browser where it was going.
func (l *Login) enter(w http.ResponseWriter, r *http.Request, e people.External, back string) {
	err := l.People.EnterExternal(w, r, e)
	var taken *people.NameTakenError
	switch {
	case err == nil: // the cookie stays: another tab may be under way
		target := l.People.SignInURL("")
		if back != "" {
			target = l.pages.Path(back)
		}
		l.pages.Redirect(w, r, target)
	case errors.As(err, &taken):
		l.pages.Error(w, r, http.StatusForbidden, takenTitle, takenWhat, takenTodo)
	case errors.Is(err, people.ErrDisabled):
		l.pages.Error(w, r, http.StatusForbidden, disabledTitle, disabledWhat, disabledTodo)
	case errors.Is(err, people.ErrJustEnded):
		w.Header().Set("Retry-After", "5")
		l.pages.Error(w, r, http.StatusServiceUnavailable, endedTitle, endedWhat, endedTodo)
	default:
		l.away(w, r, err)
	}
}

// identify redeems the code and reads who it is about.
func (l *Login) identify(ctx context.Context, p *described, code string, a attempt) (e people.External, err error) {
	if code == "" {
		return e, errors.New("the provider sent no code")
	}
	ctx = oidc.ClientContext(ctx, l.http)
	tokens, err := l.client(p).Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return e, fmt.Errorf("the provider did not redeem the code: %w", withoutBody(err))
	}
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return e, errors.New("the provider sent no ID token")
	}
	token, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return e, fmt.Errorf("the ID token is not good: %w", withoutKeys(err))
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(a.Nonce)) != 1 {
		return e, errors.New("the ID token is of another sign-in (nonce)")
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(tokens.AccessToken); err != nil {
			return e, fmt.Errorf("the ID token does not fit the access token: %w", err)
		}
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return e, fmt.Errorf("the ID token's claims cannot be read: %w", err)
	}
	if azp, named := claims["azp"]; (named || len(token.Audience) > 1) && azp != any(l.Provider.ClientID) {
		return e, errors.New("the ID token was made for another client (azp)")
	}
	if err := l.complete(ctx, p, tokens, token.Subject, claims); err != nil {
		return e, err
	}
	name, err := l.name(claims)
	if err != nil {
		return e, err
	}
	session, _ := claims["sid"].(string)
	e = people.External{Issuer: l.Provider.Issuer, Subject: token.Subject, Session: session, Name: name, Groups: l.groups(claims)}
	return e, e.Check()
}

// complete adds what the provider tells only when it is asked (OpenID Connect Core
// 1.0, section 5.3): of the same person, or not at all.
func (l *Login) complete(ctx context.Context, p *described, tokens *oauth2.Token, subject string, claims map[string]any) error {
	_, named := claims[l.groupsClaim()]
	if _, err := l.name(claims); err == nil && named || p.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return fmt.Errorf("the provider did not say who it is: %w", withoutBody(err))
	}
	if info.Subject != subject {
		return errors.New("the provider spoke of somebody else (sub)")
	}
	var more map[string]any
	if err := info.Claims(&more); err != nil {
		return fmt.Errorf("what the provider said of the person cannot be read: %w", err)
	}
	for claim, value := range more {
		if _, ok := claims[claim]; !ok {
			claims[claim] = value
		}
	}
	return nil
}

// name is what the person is called here.
func (l *Login) name(claims map[string]any) (string, error) {
	wanted := []string{"email", "preferred_username"}
	if l.Provider.NameClaim != "" {
		wanted = []string{l.Provider.NameClaim}
	}
	for _, claim := range wanted {
		name, _ := claims[claim].(string)
		if claim == "email" && !verified(claims) {
			continue // anybody could have written it there
		}
		if people.CheckName(name) == nil {
			return name, nil
		}
	}
	return "", fmt.Errorf("the provider did not name the person: none of %s is a name as toolvault takes it", strings.Join(wanted, ", "))
}

// verified reports whether the provider stands by the email, as far as it says
// anything of it. Some say so in text.
func verified(claims map[string]any) bool {
	said, ok := claims["email_verified"]
	return !ok || said == any(true) || said == any("true")
}

func (l *Login) groupsClaim() string {
	if l.Provider.GroupsClaim != "" {
		return l.Provider.GroupsClaim
	}
	return "groups"
}

// groups are those of the claim that can be groups.
func (l *Login) groups(claims map[string]any) []string {
	value := claims[l.groupsClaim()]
	all, ok := value.([]any)
	if !ok {
		all = []any{value}
	}
	var groups []string
	for _, g := range all {
		if s, ok := g.(string); ok && len(s) <= people.MaxGroup && len(groups) < people.MaxGroups {
			groups = append(groups, s)
		}
	}
	return groups
}

func repeated(q url.Values) bool {
	for _, values := range q {
		if len(values) > 1 {
			return true
		}
	}
	return false
}

// known is an error code, if it is one of those that there are.
func known(code string) string {
	codes := []string{"access_denied", "login_required", "consent_required", "interaction_required", "account_selection_required",
		"invalid_request", "invalid_scope", "unauthorized_client", "unsupported_response_type", "server_error", "temporarily_unavailable",
		"invalid_client", "invalid_grant", "unsupported_grant_type"}
	if slices.Contains(codes, code) {
		return code
	}
	return "with an error that is not known"
}

// withoutBody is an error without what the provider answered: it may hold anything.
func withoutBody(err error) error {
	var retrieve *oauth2.RetrieveError
	if errors.As(err, &retrieve) {
		status := 0
		if retrieve.Response != nil {
			status = retrieve.Response.StatusCode
		}
		return fmt.Errorf("status %d, %s", status, known(retrieve.ErrorCode))
	}
	var wrapped *url.Error
	var syntax *json.SyntaxError
	if errors.As(err, &wrapped) || errors.As(err, &syntax) {
		return errors.New("it does not answer, or not as a provider does")
	}
	return errors.New("it answered otherwise than a provider does")
}

// withoutKeys is an error of a token's verification, without what the provider has
// answered when it was asked for its keys.
func withoutKeys(err error) error {
	if err != nil && strings.Contains(err.Error(), "fetching keys") {
		return errKeys
	}
	return err
}

var errKeys = errors.New("the provider's keys cannot be had")

// reason is an error for the log.
func reason(err error) string { return bounded(err.Error()) }

// bounded is a text that may come from the provider, 300 bytes at most.
func bounded(text string) string {
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}

// odd is the page for an answer that is not believed.
func (l *Login) odd(w http.ResponseWriter, r *http.Request, why string) {
	l.tell(r.Context(), r, Refused, why)
	l.pages.Error(w, r, http.StatusBadRequest, oddTitle, oddWhat, oddTodo)
}

// away is the page for what is ours or the provider's to mend.
func (l *Login) away(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		l.Logger.Error("nobody can sign in through the company's provider now", "error", err)
	}
	w.Header().Set("Retry-After", "5")
	l.pages.Error(w, r, http.StatusServiceUnavailable, awayTitle, awayWhat, awayTodo)
}
