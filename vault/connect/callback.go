package connect

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"toolvault/vault"
	"toolvault/vault/store"
)

const (
	maxQuery = 8 << 10 // bytes of what a provider sends along
	maxCode  = 4 << 10
)

// callback is where the provider sends the browser back to (RFC 6749 section
// 4.1.2). Nothing that comes with it is believed before the state has been found,
// in the browser that was sent, before the person who approved.
func (c *Connector) callback(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(r.URL.RawQuery) > maxQuery || repeated(q) {
		c.oddAnswer(w, r, "an answer came that no provider would send")
		return
	}
	state := q.Get("state")
	if !isRandom(state, stateSize) {
		c.oddAnswer(w, r, "an answer came without a state of ours")
		return
	}
	key := statePrefix + hashed(state)
	var a attempt
	version, err := c.get(r.Context(), key, &a)
	switch {
	case errors.Is(err, store.ErrNotFound):
		c.oddAnswer(w, r, "an answer came with a state that was never given out, or was used already")
		return
	case err != nil:
		c.away(w, r, err)
		return
	}
	t, _, err := c.ticket(r.Context(), a.Ticket)
	switch {
	case errors.Is(err, ErrEnded):
		c.oddAnswer(w, r, "an answer came to a question that is not open any more")
		return
	case err != nil:
		c.away(w, r, err)
		return
	}
	if t.Result != nil || t.State != key || !c.Now().Before(a.Expires) {
		e := c.event(Refused, t)
		e.Address, e.Reason = address(r), "an answer came too late, or to a question that had been asked anew"
		c.tell(r.Context(), e)
		c.pages.Error(w, r, http.StatusBadRequest, endedTitle, endedWhat, endedTodo)
		return
	}
	// Another browser does not use the state up: who looked over a shoulder must
	// not be able to spoil it.
	if !fits(c.pages.CookieValue(r, stateCookie(t.ID)), a.Browser) {
		c.turnedAway(r, t, "")
		c.pages.Error(w, r, http.StatusForbidden, strangerTitle, strangerWhat, otherBrowserTodo)
		return
	}
	person, standing := c.who(r, t)
	if standing != proven || person != a.Person {
		c.turnedAway(r, t, person)
		c.pages.Error(w, r, http.StatusForbidden, strangerTitle, strangerWhat, strangerTodo)
		return
	}
	// Of several at once, one takes it out of the store.
	err = c.Store.Forget(r.Context(), key, version)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict):
		c.oddAnswer(w, r, "an answer came twice")
		return
	case err != nil:
		c.away(w, r, err)
		return
	}
	http.SetCookie(w, c.pages.Cookie(stateCookie(t.ID), "", -1))
	c.answered(w, r, t, a, q)
}

// repeated reports whether a parameter comes twice (RFC 6749 section 3.1).
func repeated(q url.Values) bool {
	for _, name := range []string{"state", "code", "error", "iss", "error_description"} {
		if len(q[name]) > 1 {
			return true
		}
	}
	return false
}

// oddAnswer is for what belongs to no question of ours.
func (c *Connector) oddAnswer(w http.ResponseWriter, r *http.Request, reason string) {
	c.tell(r.Context(), Event{Kind: Failed, Address: address(r), Reason: reason})
	c.pages.Error(w, r, http.StatusBadRequest, oddTitle, oddWhat, oddTodo)
}

// answered deals with the provider's answer to a question of ours.
func (c *Connector) answered(w http.ResponseWriter, r *http.Request, t *ticket, a attempt, q url.Values) {
	title := c.Title(t.Service)
	fail := func(kind string, outcome Outcome, reason, todo string) {
		c.end(w, r, t, a.Person, kind, &Result{Outcome: outcome, Reason: reason, Todo: todo})
	}
	app, err := c.Vault.OAuthApp(r.Context(), t.Service)
	if err != nil {
		fail(Failed, OutcomeFailed, oneSentence(err), adminTodo)
		return
	}
	// Another provider's answer carried to us would make us give it this one's
	// code, or take its own (RFC 9207 section 2.4).
	if iss := q.Get("iss"); iss != app.Issuer && (app.AnnouncesIssuer || iss != "" && app.Issuer != "") {
		fail(Failed, OutcomeFailed, mixedUpReason(title), mixedUpTodo)
		return
	}
	code := q.Get("code")
	switch {
	case q.Has("error"):
		reason, todo, no := refusal(title, q.Get("error"), q.Get("error_description"))
		if no {
			fail(Refused, OutcomeRefused, reason, todo)
		} else {
			fail(Failed, OutcomeFailed, reason, todo)
		}
	case code == "" || len(code) > maxCode || strings.ContainsFunc(code, func(r rune) bool { return r < 0x20 || r > 0x7e }):
		fail(Failed, OutcomeFailed, noCodeReason(title), againTodo)
	case !c.declared(t):
		fail(Failed, OutcomeFailed, undeclaredReason, adminTodo)
	default:
		c.redeem(w, r, t, a, code)
	}
}

// declared reports whether the config still has the credentials that a ticket is
// for.
func (c *Connector) declared(t *ticket) bool {
	for _, s := range t.Slots {
		ok := false
		for _, d := range c.Vault.Declarations() {
			ok = ok || d.ID == s.Credential && d.Owner == vault.Owner{Agent: t.Agent, User: t.User} && d.Service == t.Service && d.Source == "vault:"+s.Name
		}
		if !ok {
			return false
		}
	}
	return true
}

// storeFor is how long it may take to store what a provider has granted, whether
// or not the browser waits for it.
const storeFor = 30 * time.Second

// redeem trades the code and stores what comes. What cannot be recorded or stored
// is taken back at the provider.
func (c *Connector) redeem(w http.ResponseWriter, r *http.Request, t *ticket, a attempt, code string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeFor)
	defer cancel()
	fail := func(reason, todo string) {
		c.end(w, r, t, a.Person, Failed, &Result{Outcome: OutcomeFailed, Reason: reason, Todo: todo})
	}
	grants, err := c.Vault.Redeem(ctx, vault.Code{
		Service: t.Service, Code: vault.NewSecret(code), Verifier: vault.NewSecret(a.Verifier), Nonce: a.Nonce,
		Redirect: t.Redirect, Scopes: t.scopes(false), UserScopes: t.scopes(true),
	})
	if err != nil {
		todo := adminTodo
		if !errors.Is(err, vault.ErrInvalid) {
			todo = againTodo
		}
		fail(oneSentence(err), todo)
		return
	}
	pairs, missing, err := match(t, grants)
	if err != nil {
		c.takeBack(ctx, t, grants)
		fail(oneSentence(err), againTodo)
		return
	}
	e := c.event(Given, t)
	e.Person, e.Address, e.Account, e.Missing = a.Person, address(r), pairs[0].grant.Stored.Account, missing
	if err := c.Observe(ctx, e); err != nil {
		c.Logger.Error("a consent could not be recorded and is not kept", "credential", e.Credential, "error", err)
		c.takeBack(ctx, t, grants)
		fail(unrecordedReason, unrecordedTodo)
		return
	}
	result := &Result{Outcome: OutcomeGiven, Missing: missing, Person: a.Person}
	for _, p := range pairs {
		p.grant.Stored.User = t.User
		kept, err := c.keep(ctx, p)
		if err != nil {
			c.Logger.Error("a grant could not be stored", "credential", p.slot.Credential, "error", err)
			c.takeBack(ctx, t, grants)
			fail(unstoredReason, awayTodo)
			return
		}
		result.Connected = append(result.Connected, kept)
	}
	if _, err := c.finish(ctx, t.ID, result); err != nil {
		// Nobody waits any more, or the store has gone: the grant is kept all the same.
		c.Logger.Warn("a grant is stored, but not how its question ended", "credential", e.Credential, "error", err)
		t.Result = result
		c.showResult(w, r, t)
		return
	}
	c.pages.Redirect(w, r, c.pages.Path(Path+t.ID))
}

// pair is a grant and the record that it fills.
type pair struct {
	slot  slot
	grant vault.Grant
}

var errOtherKind = errors.New("it granted another kind of token than was asked for, so nothing was stored")

// match finds the grant for each record. The first record has to get one.
func match(t *ticket, grants []vault.Grant) (pairs []pair, missing []string, err error) {
	for i, s := range t.Slots {
		found := false
		for _, g := range grants {
			if g.Kind == s.Kind {
				pairs, found = append(pairs, pair{s, g}), true
				missing = append(missing, g.Missing...)
			}
		}
		switch {
		case !found && i == 0:
			return nil, nil, errOtherKind
		case !found:
			missing = append(missing, s.Scopes...)
		}
	}
	return pairs, missing, nil
}

func (c *Connector) takeBack(ctx context.Context, t *ticket, grants []vault.Grant) {
	for _, g := range grants {
		if err := c.Vault.RevokeUpstream(ctx, t.Service, g.Stored); err != nil {
			c.Logger.Warn("a grant that is not kept could not be taken back", "service", t.Service, "error", err)
		}
	}
}

// keep stores one grant, durably.
func (c *Connector) keep(ctx context.Context, p pair) (Granted, error) {
	g := Granted{
		Name: p.slot.Name, Account: p.grant.Stored.Account, Expires: p.grant.Stored.Expires,
		Renewable: !p.grant.Stored.Refresh.Empty(), Scopes: split(p.grant.Stored.Scope),
	}
	if info, err := c.Vault.Show(ctx, p.slot.Name); err == nil && info.Account != g.Account {
		g.Before = info.Account
	}
	if len(g.Scopes) == 0 {
		g.Scopes = p.slot.Scopes // what a provider does not say is what was asked for
	}
	var err error
	g.Version, err = c.Vault.Put(ctx, p.slot.Name, p.grant.Stored)
	return g, err
}

func split(scopes string) []string {
	return strings.FieldsFunc(scopes, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' })
}
