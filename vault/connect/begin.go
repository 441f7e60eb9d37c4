package connect

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"toolvault/vault"
	"toolvault/vault/store"
)

// Request asks a person for consent.
type Request struct {
	Declaration vault.Declaration
	Scopes      []string // needed besides what the declaration stands for
	CallID      string   // of the call that asks; "" for a person at a terminal
	People      []string // any of whom may consent; empty: whoever has the pairing code
	Local       bool     // instead of a code: whoever is on this machine, the first browser that comes
	Redirect    string   // "": PublicURL + CallbackPath
}

// Ticket is what a person needs to consent.
type Ticket struct {
	ID     string
	URL    string   // carries no authority
	Code   string   // to be typed into the page: "BCDF-GHJK"; "" where people sign in
	Scopes []string // that are asked for, by the names of the service
}

// Begin asks. The ticket is open for ten minutes and good for one consent. The
// error wraps vault.ErrInvalid where the credential cannot be connected at all.
func (c *Connector) Begin(ctx context.Context, r Request) (Ticket, error) {
	t, code, err := c.ask(ctx, r)
	if err != nil {
		d := r.Declaration
		c.tell(ctx, Event{
			Kind: Failed, Agent: d.Owner.Agent, User: d.Owner.User, Service: d.Service, Credential: d.ID, CallID: r.CallID, Reason: oneSentence(err),
		})
		return Ticket{}, err
	}
	if err := c.Observe(ctx, c.event(Asked, t)); err != nil {
		return Ticket{}, fmt.Errorf("that a person is asked could not be recorded: %w", err)
	}
	if err := c.put(ctx, ticketPrefix+t.ID, 1, t); err != nil {
		return Ticket{}, fmt.Errorf("the question could not be stored: %w", err)
	}
	return Ticket{ID: t.ID, URL: c.url(t), Code: code, Scopes: t.allScopes()}, nil
}

func (c *Connector) url(t *ticket) string { return c.PublicURL + Path + t.ID }

// ask makes a ticket.
func (c *Connector) ask(ctx context.Context, r Request) (t *ticket, code string, err error) {
	d := r.Declaration
	if err := Connectable(d); err != nil {
		return nil, "", err
	}
	app, err := c.Vault.OAuthApp(ctx, d.Service)
	if err != nil {
		return nil, "", err
	}
	now := c.Now().UTC()
	t = &ticket{
		ID: random(idSize), Created: now, Expires: now.Add(ticketFor),
		Agent: d.Owner.Agent, User: d.Owner.User, Service: d.Service, Account: d.Account, CallID: r.CallID,
		Slots: c.slots(ctx, app, d, r.Scopes), Redirect: r.Redirect, People: r.People, Local: r.Local,
	}
	if t.Redirect == "" {
		t.Redirect = c.PublicURL + CallbackPath
	}
	if len(t.People) == 0 && !t.Local {
		code = pairingCode()
		t.Code = hashed(plainCode(code))
	}
	return t, code, nil
}

// Connectable says why a credential is none that a person can connect, if it is
// none.
func Connectable(d vault.Declaration) error {
	switch {
	case d.Type != vault.TypeOAuthToken:
		return fmt.Errorf("the credential %s is of type %s: only an %s comes from a person's consent", d.ID, d.Type, vault.TypeOAuthToken)
	case !strings.HasPrefix(d.Source, "vault:"):
		return fmt.Errorf("the credential %s comes from %s: write source: vault:NAME in the config to keep what a person grants in the vault", d.ID, d.Source)
	}
	return nil
}

// A pairing code has eight letters without vowels, which cannot be misread and
// make no words (RFC 8628 section 6.1): 34 bits, of which five guesses are
// allowed.
const (
	codeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	codeLength  = 8
)

func pairingCode() string {
	var b strings.Builder
	for b.Len() < codeLength {
		var one [1]byte
		_, _ = rand.Read(one[:])
		if int(one[0]) < 256/len(codeLetters)*len(codeLetters) { // each letter is as likely
			b.WriteByte(codeLetters[int(one[0])%len(codeLetters)])
		}
	}
	code := b.String()
	return code[:4] + "-" + code[4:]
}

// plainCode is a code as a person typed it, without what does not count.
func plainCode(typed string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z':
			return r
		}
		return -1
	}, clip(typed, 64))
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// Link is the page where a person can give what a call lacks: the ticket of the
// same credential that is open already, or a new one. It is "" where nobody but an
// admin at a terminal could consent: the credential is the agent's own, and the
// agent has no owners. Of a Local connector it is for whoever is on this machine.
// The link carries no authority. need are the permissions of
// the service's catalogue that the call needs.
func (c *Connector) Link(ctx context.Context, d vault.Declaration, need []string, callID string) (string, error) {
	var people []string
	switch {
	case c.Local:
	case d.Owner.User != "":
		people = []string{d.Owner.User}
	default:
		people = c.Owners(d.Owner.Agent)
	}
	if len(people) == 0 && !c.Local || Connectable(d) != nil {
		return "", nil
	}
	t, _, err := c.ask(ctx, Request{Declaration: d, Scopes: need, CallID: callID, People: people, Local: c.Local})
	if err != nil {
		return "", err
	}
	key := linkPrefix + hashed(strings.Join([]string{d.ID, d.Owner.Agent, d.Owner.User, d.Service, d.Source}, "\x00"))
	for {
		var l link
		version, err := c.get(ctx, key, &l)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, vault.ErrSealed) {
			return "", fmt.Errorf("the link could not be looked up: %w", err)
		}
		if err == nil {
			old, _, err := c.ticket(ctx, l.Ticket)
			switch {
			case err != nil || !c.alike(old, t):
			case !adds(t, old) && l.Expires.Sub(c.Now()) > ticketFor/5:
				return c.url(old), nil
			}
		}
		err = c.put(ctx, key, version+1, link{t.ID, t.Expires})
		if errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("the link could not be stored: %w", err)
		}
		break
	}
	if err := c.Observe(ctx, c.event(Asked, t)); err != nil {
		return "", fmt.Errorf("that a person is asked could not be recorded: %w", err)
	}
	if err := c.put(ctx, ticketPrefix+t.ID, 1, t); err != nil {
		return "", fmt.Errorf("the question could not be stored: %w", err)
	}
	return c.url(t), nil
}

// alike reports whether an open ticket asks the same people to fill the same
// records as another would.
func (c *Connector) alike(old, wanted *ticket) bool {
	same := func(a, b slot) bool { return a.Name == b.Name && a.Kind == b.Kind }
	return old.open(c.Now()) && slices.Equal(old.People, wanted.People) && old.Local == wanted.Local && old.Redirect == wanted.Redirect &&
		slices.EqualFunc(old.Slots, wanted.Slots, same)
}

// adds reports whether a ticket asks for more than the one before it, and makes it
// ask for all of that too: calls that need different things would else take the
// link from each other for ever.
func adds(t, old *ticket) bool {
	more := false
	for i := range t.Slots {
		for _, name := range t.Slots[i].Scopes {
			more = more || !slices.Contains(old.Slots[i].Scopes, name)
		}
		for _, name := range old.Slots[i].Scopes {
			if !slices.Contains(t.Slots[i].Scopes, name) {
				t.Slots[i].Scopes = append(t.Slots[i].Scopes, name)
			}
		}
	}
	return more
}

// Drop forgets a question that nobody waits for any more.
func (c *Connector) Drop(ctx context.Context, id string) error {
	t, _, err := c.ticket(ctx, id)
	if errors.Is(err, ErrEnded) {
		return nil
	}
	if err != nil {
		return err
	}
	if t.State != "" {
		err = c.remove(ctx, t.State)
	}
	return errors.Join(err, c.remove(ctx, ticketPrefix+id))
}

// event is what is told of a ticket.
func (c *Connector) event(kind string, t *ticket) Event {
	return Event{
		Kind: kind, Agent: t.Agent, User: t.User, Service: t.Service, Credential: t.Slots[0].Credential,
		CallID: t.CallID, Scopes: t.allScopes(),
	}
}
