package connect

import (
	"errors"
	"net/http"
	"net/url"
	"time"
)

// pairCookie proves that a browser typed the code, and stateCookie that it is the
// one that was sent to the provider.
func pairCookie(id string) string  { return "connect-" + id }
func stateCookie(id string) string { return "consent-" + id }

// standing is what is known of who sits before a browser, for one ticket.
type standing int

const (
	stranger   standing = iota // signed in as somebody else, or another browser
	unknown                    // not signed in, or without the code
	proven                     // the person who was asked
	unknownNow                 // on this machine, and the first to come
)

// who decides whether a visitor is the person who was asked.
func (c *Connector) who(r *http.Request, t *ticket) (person string, s standing) {
	if len(t.People) > 0 {
		name, ok := c.People.Visitor(r)
		if !ok {
			return "", unknown
		}
		for _, p := range t.People {
			if samePerson(p, name) {
				return name, proven
			}
		}
		return name, stranger
	}
	switch held := c.pages.CookieValue(r, pairCookie(t.ID)); {
	case fits(held, t.Browser):
		return "", proven
	case t.Browser != "":
		return "", stranger
	case t.Local:
		return "", unknownNow
	}
	return "", unknown
}

// samePerson compares names as sign-in does: case does not tell people apart.
func samePerson(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	lower := func(c byte) byte {
		if c >= 'A' && c <= 'Z' {
			return c - 'A' + 'a'
		}
		return c
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// prove lets on only the person who was asked: others have been answered. Nothing
// of the ticket is shown before.
func (c *Connector) prove(w http.ResponseWriter, r *http.Request, t *ticket) (person string, ok bool) {
	person, s := c.who(r, t)
	switch s {
	case proven:
		return person, true
	case unknownNow:
		if err := c.pair(w, r, t.ID, nil); err != nil {
			c.pairFailed(w, r, t, err)
			return "", false
		}
		return "", true
	case stranger:
		c.turnedAway(r, t, person)
		todo := strangerTodo
		if person == "" {
			todo = otherBrowserTodo
		}
		c.pages.Error(w, r, http.StatusForbidden, strangerTitle, strangerWhat, todo)
		return "", false
	}
	switch {
	case len(t.People) > 0 && r.Method == http.MethodGet:
		c.pages.Redirect(w, r, c.People.SignInURL(Path+t.ID))
	case len(t.People) > 0:
		c.pages.Error(w, r, http.StatusForbidden, signInTitle, signInWhat, signInTodo)
	case t.Result != nil || !t.open(c.Now()):
		c.pages.Error(w, r, http.StatusNotFound, endedTitle, endedWhat, endedTodo)
	default:
		c.askCode(w, r, http.StatusOK, t, "")
	}
	return "", false
}

// turnedAway records that somebody came who was not asked.
func (c *Connector) turnedAway(r *http.Request, t *ticket, person string) {
	e := c.event(Refused, t)
	e.Person, e.Address, e.Reason = person, address(r), "another browser opened the page of consent"
	if person != "" {
		e.Reason = "somebody else opened the page of consent"
	}
	c.tell(r.Context(), e)
}

type codeView struct {
	Words  codeWords
	Action string
	Token  string
	Fault  string
}

func (c *Connector) askCode(w http.ResponseWriter, r *http.Request, status int, t *ticket, fault string) {
	c.shown(c.pages.Write(w, r, status, "code.html", codeTitle, codeView{theCodeWords(), c.pages.Path(Path + t.ID), c.pages.Token(w, r), fault}))
}

var (
	errWrongCode = errors.New("the code is wrong")
	errDead      = errors.New("too many codes were tried")
	errTaken     = errors.New("another browser was first")
)

// takeCode lets in the browser of who has the code before them. Five wrong ones
// end the ticket.
func (c *Connector) takeCode(w http.ResponseWriter, r *http.Request, t *ticket, form url.Values) {
	err := c.pair(w, r, t.ID, func(t *ticket) error {
		if t.Code == "" {
			return errTaken
		}
		if !fits(plainCode(form.Get("code")), t.Code) {
			return errWrongCode
		}
		return nil
	})
	if err == nil {
		c.pages.Redirect(w, r, c.pages.Path(Path+t.ID))
		return
	}
	c.pairFailed(w, r, t, err)
}

// pair makes a browser the one that may answer a ticket, if the check lets it.
func (c *Connector) pair(w http.ResponseWriter, r *http.Request, id string, check func(*ticket) error) error {
	secret := random(stateSize)
	var bad error
	_, err := c.change(r.Context(), id, func(t *ticket) error {
		bad = nil
		switch {
		case !t.open(c.Now()):
			return ErrEnded
		case t.Browser != "":
			return errTaken
		}
		if check != nil {
			bad = check(t)
		}
		switch {
		case errors.Is(bad, errWrongCode):
			if t.Tries++; t.Tries >= maxTries {
				bad = errDead
				t.Result = &Result{Outcome: OutcomeFailed, Reason: deadReason, Todo: deadTodo, EndedAfter: c.Now().UTC()}
			}
			return nil // that it was tried is stored
		case bad != nil:
			return bad
		}
		t.Browser, t.Code = hashed(secret), ""
		return nil
	})
	if err == nil {
		err = bad
	}
	if err == nil {
		http.SetCookie(w, c.pages.Cookie(pairCookie(id), secret, int((2*ticketFor)/time.Second)))
	}
	return err
}

func (c *Connector) pairFailed(w http.ResponseWriter, r *http.Request, t *ticket, err error) {
	e := c.event(Refused, t)
	e.Address = address(r)
	switch {
	case errors.Is(err, errWrongCode):
		e.Reason = "a wrong pairing code was typed"
		c.tell(r.Context(), e)
		c.askCode(w, r, http.StatusForbidden, t, wrongCodeFault)
	case errors.Is(err, errDead):
		e.Kind, e.Reason = Failed, deadReason
		c.tell(r.Context(), e)
		c.pages.Error(w, r, http.StatusForbidden, deadTitle, deadReason, deadTodo)
	case errors.Is(err, errTaken):
		c.turnedAway(r, t, "")
		c.pages.Error(w, r, http.StatusForbidden, strangerTitle, strangerWhat, otherBrowserTodo)
	case errors.Is(err, ErrEnded):
		c.pages.Error(w, r, http.StatusNotFound, endedTitle, endedWhat, endedTodo)
	default:
		c.away(w, r, err)
	}
}
