package app

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"toolvault/audit"
	"toolvault/auth/login"
	"toolvault/auth/people"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/tools/transport"
)

// openPeople makes the people who sign in here in a browser.
func (a *App) openPeople() (err error) {
	o := people.Options{
		Store: a.Store, Sealer: a.Keyring, Now: time.Now, Logger: a.Logger, PublicURL: a.PublicURL(), Observe: a.observePeople,
	}
	if l := a.Cfg.Auth.Login; l != nil {
		o.Company = &people.Company{Label: l.Label, Path: login.Path}
		if u, err := url.Parse(l.Issuer); o.Company.Label == "" && err == nil {
			o.Company.Label = u.Host
		}
	}
	a.People, err = people.New(o)
	return err
}

// openLogin makes the sign-in through the company's provider.
func (a *App) openLogin() (err error) {
	l := a.Cfg.Auth.Login
	if l == nil || a.Login != nil {
		return nil
	}
	p := login.Provider{Issuer: l.Issuer, ClientID: l.ClientID, Scopes: l.Scopes, NameClaim: l.NameClaim, GroupsClaim: l.GroupsClaim}
	if config.IsReference(l.ClientID) {
		id, err := a.Cfg.Lookup(l.ClientID)
		if err != nil {
			return a.Cfg.Errorf("auth.login.client_id", "%v", err)
		}
		p.ClientID = id.Reveal()
	}
	if l.ClientSecret != "" {
		if p.ClientSecret, err = a.Cfg.Lookup(l.ClientSecret); err != nil {
			return a.Cfg.Errorf("auth.login.client_secret", "%v", err)
		}
	}
	a.Login, err = login.New(login.Options{
		Provider: p, Store: a.Store, Sealer: a.Keyring, People: a.People, Now: time.Now, PublicURL: a.PublicURL(), Logger: a.Logger,
		Observe: a.observeLogin,
		Ended: func(ctx context.Context, persons []string) error {
			for _, name := range persons {
				if err := a.offboard(ctx, name); err != nil {
					return err
				}
			}
			return nil
		},
	})
	return err
}

// observeLogin writes what went wrong at the company's provider to the audit log.
func (a *App) observeLogin(ctx context.Context, e login.Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, err := a.Log.Append(ctx, audit.Record{
		Phase: audit.PhaseEvent, Event: "login." + e.Kind, Outcome: "refused", Transport: "http",
		Message: a.Redactor.Text("from " + e.Address + ": " + e.Reason),
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
	mux.Handle(people.SignInPath+"/", pages)
	if a.Login != nil {
		company, err := transport.GuardHost(a.transport(), a.Login.Handler())
		if err != nil {
			return err
		}
		mux.Handle(login.Path, company)
		mux.Handle(login.Path+"/", company)
	}
	mux.Handle(people.SignOutPath, pages)
	return nil
}

// told is the message of an event: by what means, from where, and why. The address stands
// before the reason, since redaction takes what follows "password:" for one.
func told(e people.Event) string {
	var words []string
	if e.How != "" {
		words = append(words, "by "+e.How)
	}
	if e.Address != "" {
		words = append(words, "from "+e.Address)
	}
	text := strings.Join(words, " ")
	switch {
	case e.Reason == "":
		return text
	case text == "":
		return e.Reason
	}
	return text + ": " + e.Reason
}

// observePeople writes a sign-in, or a change of a person, to the audit log.
func (a *App) observePeople(ctx context.Context, e people.Event) error {
	r := audit.Record{Phase: audit.PhaseEvent, Event: "person." + e.Kind, User: e.Person, Outcome: "ok", Transport: "http"}
	if e.Address == "" {
		r = typed(r)
	}
	switch e.Kind {
	case people.SignInFailed:
		r.Outcome = "failed"
	case people.SignInDelayed:
		r.Outcome = "refused"
	}
	r.Message = a.Redactor.Text(told(e))
	// A browser that goes away must not keep its failure out of the log.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if _, err := a.Log.Append(ctx, r); err != nil {
		return err
	}
	if e.Kind == people.WasDisabled || e.Kind == people.Removed {
		return a.offboard(ctx, e.Person)
	}
	return nil
}
