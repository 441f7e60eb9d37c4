package connect

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
)

// Handler answers Path and what is below it. The server before it has to check the
// Host of requests (DNS rebinding) and to bound their time.
func (c *Connector) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+CallbackPath, c.callback)
	mux.HandleFunc("GET "+Path+"{id}", c.show)
	mux.HandleFunc("POST "+Path+"{id}", c.take)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.pages.Error(w, r, http.StatusNotFound, endedTitle, endedWhat, endedTodo)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead { // a look ahead must change nothing
			c.look(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// look answers whether there is such a page, and does nothing else: 204, or 404.
func (c *Connector) look(w http.ResponseWriter, r *http.Request) {
	status := http.StatusNotFound
	if id, ok := strings.CutPrefix(r.URL.Path, Path); ok {
		if _, _, err := c.ticket(r.Context(), id); err == nil {
			status = http.StatusNoContent
		}
	}
	w.WriteHeader(status)
}

// found is the ticket that a request is for, or nothing: the visitor has then been
// told.
func (c *Connector) found(w http.ResponseWriter, r *http.Request) *ticket {
	t, _, err := c.ticket(r.Context(), r.PathValue("id"))
	switch {
	case errors.Is(err, ErrEnded):
		c.pages.Error(w, r, http.StatusNotFound, endedTitle, endedWhat, endedTodo)
		return nil
	case err != nil:
		c.away(w, r, err)
		return nil
	}
	return t
}

// away tells a visitor that it is our fault.
func (c *Connector) away(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		c.Logger.Error("a page of consent could not be answered", "error", err)
	}
	w.Header().Set("Retry-After", "5")
	c.pages.Error(w, r, http.StatusServiceUnavailable, awayTitle, awayWhat, awayTodo)
}

// show is the page of a ticket: what is asked, or how it ended.
func (c *Connector) show(w http.ResponseWriter, r *http.Request) {
	t := c.found(w, r)
	if t == nil {
		return
	}
	if _, ok := c.prove(w, r, t); !ok {
		return
	}
	switch {
	case t.Result != nil:
		c.showResult(w, r, t)
	case !t.open(c.Now()):
		c.pages.Error(w, r, http.StatusNotFound, endedTitle, endedWhat, endedTodo)
	default:
		c.showQuestion(w, r, t)
	}
}

type askView struct {
	Words         askWords
	Intro         string
	Facts         []fact
	Does          []string
	Action, Token string
	Approve       string
}

type fact struct{ Name, Value string }

func (c *Connector) showQuestion(w http.ResponseWriter, r *http.Request, t *ticket) {
	title := c.Title(t.Service)
	facts := []fact{{factAgent, t.Agent}, {factService, title}}
	if t.User != "" {
		facts = append(facts, fact{factFor, t.User})
	}
	if t.Account != "" {
		facts = append(facts, fact{factAccount, t.Account})
	}
	c.shown(c.pages.Write(w, r, http.StatusOK, "ask.html", askTitle(title), askView{
		Words: theAskWords(title), Intro: askIntro(t.Agent, title, t.User), Facts: facts, Does: inWords(t.allScopes()),
		Action: c.pages.Path(Path + t.ID), Token: c.pages.Token(w, r), Approve: approveButton(title),
	}))
}

// take is what a person sends from a page: a code, or an answer.
func (c *Connector) take(w http.ResponseWriter, r *http.Request) {
	form, ok := c.pages.Form(w, r)
	if !ok {
		return
	}
	t := c.found(w, r)
	if t == nil {
		return
	}
	if form.Has("code") && len(t.People) == 0 && !t.Local {
		c.takeCode(w, r, t, form)
		return
	}
	person, ok := c.prove(w, r, t)
	if !ok {
		return
	}
	if !t.open(c.Now()) {
		c.pages.Redirect(w, r, c.pages.Path(Path+t.ID))
		return
	}
	switch form.Get("answer") {
	case "approve":
		c.approve(w, r, t, person)
	case "cancel":
		c.cancel(w, r, t, person)
	default:
		c.pages.Error(w, r, http.StatusBadRequest, oddTitle, oddWhat, oddTodo)
	}
}

// cancel ends a ticket with the person's no.
func (c *Connector) cancel(w http.ResponseWriter, r *http.Request, t *ticket, person string) {
	c.end(w, r, t, person, Refused, &Result{Outcome: OutcomeRefused, Reason: cancelledReason, Todo: cancelledTodo})
}

// end puts on record how a ticket has ended without a grant, and shows it.
func (c *Connector) end(w http.ResponseWriter, r *http.Request, t *ticket, person, kind string, result *Result) {
	ctx := context.WithoutCancel(r.Context())
	e := c.event(kind, t)
	e.Person, e.Address, e.Reason = person, address(r), result.Reason
	if err := c.Observe(ctx, e); err != nil {
		c.Logger.Error("how a consent ended could not be recorded", "credential", e.Credential, "error", err)
	}
	if _, err := c.finish(ctx, t.ID, result); err != nil && !errors.Is(err, ErrEnded) {
		c.away(w, r, err)
		return
	}
	c.pages.Redirect(w, r, c.pages.Path(Path+t.ID))
}

// finish stores how a ticket has ended, unless it had before.
func (c *Connector) finish(ctx context.Context, id string, result *Result) (*ticket, error) {
	return c.change(ctx, id, func(t *ticket) error {
		if t.Result != nil {
			return ErrEnded
		}
		result.EndedAfter = c.Now().UTC()
		t.Result, t.State = result, ""
		return nil
	})
}

func (c *Connector) shown(err error) {
	if err != nil {
		c.Logger.Error("a page could not be shown", "error", err)
	}
}

// tell records what is no condition of anything: that somebody was refused.
func (c *Connector) tell(ctx context.Context, e Event) {
	left, ok := c.quiet.next(c.Now())
	if !ok {
		return
	}
	if left > 0 {
		e.Reason += moreWere(left)
	}
	if err := c.Observe(context.WithoutCancel(ctx), e); err != nil {
		c.Logger.Error("an event of consent could not be recorded", "event", e.Kind, "error", err)
	}
}

// address is where a request came from, without its port.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	return host
}
