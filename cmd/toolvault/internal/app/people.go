package app

import (
	"context"
	"net/http"
	"time"

	"toolvault/audit"
	"toolvault/auth/people"
	"toolvault/tools/transport"
)

// openPeople makes the people who sign in here in a browser.
func (a *App) openPeople() (err error) {
	a.People, err = people.New(people.Options{
		Store: a.Store, Sealer: a.Keyring, Now: time.Now, Logger: a.Logger, PublicURL: a.PublicURL(), Observe: a.observePeople,
	})
	return err
}

// signIn adds the pages of the people to the HTTP surface. Other pages that a
// browser opens belong behind the same guard.
func (a *App) signIn(mux *http.ServeMux) error {
	pages, err := transport.GuardHost(a.transport(), a.People.Handler())
	if err != nil {
		return err
	}
	mux.Handle(people.SignInPath, pages)
	mux.Handle(people.SignOutPath, pages)
	return nil
}

// observePeople writes a sign-in, or a change of a person, to the audit log.
func (a *App) observePeople(ctx context.Context, e people.Event) error {
	r := audit.Record{Phase: audit.PhaseEvent, Event: "person." + e.Kind, User: e.Person, Outcome: "ok", Transport: "cli"}
	if e.Address != "" {
		r.Transport, r.Message = "http", "from "+e.Address
	}
	switch e.Kind {
	case people.SignInFailed:
		r.Outcome = "failed"
	case people.SignInDelayed:
		r.Outcome = "refused"
	}
	if e.Reason != "" {
		r.Message += ": " + e.Reason
	}
	r.Message = a.Redactor.Text(r.Message)
	// A browser that goes away must not keep its failure out of the log.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, err := a.Log.Append(ctx, r)
	return err
}
