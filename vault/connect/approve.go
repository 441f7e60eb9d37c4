package connect

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"toolvault/vault"
)

// approve sends the browser to the provider, and remembers what has to come back.
func (c *Connector) approve(w http.ResponseWriter, r *http.Request, t *ticket, person string) {
	ctx := r.Context()
	app, err := c.Vault.OAuthApp(ctx, t.Service)
	if err != nil {
		c.providerFailed(w, r, t, person, err)
		return
	}
	state, held := random(stateSize), random(stateSize)
	now := c.Now().UTC()
	a := attempt{Ticket: t.ID, Expires: now.Add(stateFor), Browser: hashed(held), Person: person}
	if app.PKCE || app.ClientSecret.Empty() {
		a.Verifier = oauth2.GenerateVerifier()
	}
	for _, s := range t.allScopes() {
		if s == "openid" {
			a.Nonce = random(stateSize)
		}
	}
	key := statePrefix + hashed(state)
	before := ""
	err = c.put(ctx, key, 1, a)
	if err == nil {
		_, err = c.change(ctx, t.ID, func(t *ticket) error {
			if !t.open(c.Now()) || t.Approved >= maxApproved {
				return ErrEnded
			}
			before = t.State
			t.State, t.Approved, t.Expires = key, t.Approved+1, a.Expires
			return nil
		})
	}
	if err == nil && before != "" {
		err = c.remove(ctx, before) // only the newest way back is open
	}
	switch {
	case errors.Is(err, ErrEnded):
		c.pages.Error(w, r, http.StatusNotFound, endedTitle, endedWhat, endedTodo)
		return
	case err != nil:
		c.away(w, r, err)
		return
	}
	http.SetCookie(w, c.pages.Cookie(stateCookie(t.ID), held, int(stateFor/time.Second)))
	c.leave(w, r, app.AuthCodeURL(vault.AuthRequest{
		Redirect: t.Redirect, State: state, Verifier: a.Verifier, Nonce: a.Nonce, Scopes: t.scopes(false), UserScopes: t.scopes(true),
	}), c.Title(t.Service))
}

type leaveView struct{ Words, URL, Button string }

// leave sends the browser on with a page of its own, not with a redirect: browsers
// hold every redirect that follows on a form against the policy of the page that
// the form was on (CSP 3, form-action), and providers redirect on to hosts that
// nobody can name beforehand (ACME.slack.com, an EU region, a single sign-on).
func (c *Connector) leave(w http.ResponseWriter, r *http.Request, to, title string) {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		c.away(w, r, errors.New("the provider's page has no http or https address"))
		return
	}
	w.Header().Set("Refresh", "0; url="+u.String())
	c.shown(c.pages.Write(w, r, http.StatusOK, "leave.html", leaveTitle(title), leaveView{leaveWords(title), u.String(), leaveButton(title)}))
}

// providerFailed ends a ticket whose provider cannot be asked at all.
func (c *Connector) providerFailed(w http.ResponseWriter, r *http.Request, t *ticket, person string, err error) {
	if errors.Is(err, vault.ErrUnavailable) {
		c.Logger.Warn("a provider cannot be asked for consent", "service", t.Service, "error", err)
		c.pages.Error(w, r, http.StatusBadGateway, providerAwayTitle, providerAwayWhat(c.Title(t.Service)), providerAwayTodo)
		return
	}
	c.end(w, r, t, person, Failed, &Result{Outcome: OutcomeFailed, Reason: oneSentence(err), Todo: adminTodo})
}
