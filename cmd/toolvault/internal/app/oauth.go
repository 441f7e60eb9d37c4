package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/auth/dpop"
	"toolvault/auth/issuer"
	"toolvault/auth/server"
	"toolvault/tools/transport"
)

// openClients makes the registry of OAuth clients and the foreign issuers.
func (a *App) openClients(ctx context.Context) (err error) {
	cfg := a.Cfg.Auth
	a.Clients, err = client.New(client.Options{
		Store: a.Store, Sealer: a.Keyring, Now: time.Now, Logger: a.Logger, Fetch: client.GuardedClient(),
		Allowed: hostPolicy(cfg.ClientMetadata), Registration: cfg.Registration, Observe: a.observeClients,
	})
	if err != nil {
		return err
	}
	a.Issuers = issuer.New(issuer.Options{
		Now: time.Now, Logger: a.Logger, Catalogs: Catalogs(), Agents: a.Agents, Grants: a.Grants,
		Audience: a.PublicURL() + server.ResourcePath, Issuer: a.PublicURL(),
	})
	return a.Clients.Load(ctx)
}

// hostPolicy is which hosts' client metadata documents are taken; nil: all.
func hostPolicy(hosts []string) func(string) bool {
	if hosts == nil {
		return nil
	}
	return func(host string) bool {
		host = strings.ToLower(host)
		for _, h := range hosts {
			if below, ok := strings.CutPrefix(h, "*"); ok && strings.HasSuffix(host, below) || h == host {
				return true
			}
		}
		return false
	}
}

// OAuth is the authorization server. It is made when it is first needed: a process
// that serves nobody over HTTP needs none.
func (a *App) OAuth(ctx context.Context) (*server.Server, error) {
	a.oauth.mu.Lock()
	defer a.oauth.mu.Unlock()
	if a.oauth.server != nil {
		return a.oauth.server, nil
	}
	cfg := a.Cfg.Auth
	prover, err := dpop.New(ctx, dpop.Options{Store: a.Store, Sealer: a.Keyring, Now: time.Now, Logger: a.Logger, RequireNonce: cfg.RequireDPoP})
	if err != nil {
		return nil, err
	}
	o := server.Options{
		Store: a.Store, Sealer: a.Keyring, Tokens: a.Tokens, Agents: a.Agents, Catalogs: Catalogs(), Clients: a.Clients, People: a.People,
		Prover: prover, Issuers: a.Issuers, Rights: rights{a}, Metadata: cfg.ClientMetadata == nil || len(cfg.ClientMetadata) > 0,
		PublicURL: a.PublicURL(), TTL: cfg.TokenTTL, RefreshTTL: cfg.RefreshTTL, RequireDPoP: cfg.RequireDPoP,
		Title: a.title, Now: time.Now, Logger: a.Logger, Observe: a.observeOAuth,
	}
	if cfg.Registration {
		o.Register = a.Clients.RegisterHandler()
	}
	s, err := server.New(ctx, o)
	if err != nil {
		return nil, err
	}
	a.oauth.server, a.oauth.prover = s, prover
	return s, nil
}

// issuing makes the authorization server and puts in force what it needs, secrets and
// all.
func (a *App) issuing(ctx context.Context) (*server.Server, error) {
	s, err := a.OAuth(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.openLogin(); err != nil {
		return nil, err
	}
	return s, a.identities(a.config())
}

// authorize adds the authorization server to the HTTP surface: its pages are guarded
// like the other pages, and what programs ask of it like calls.
func (a *App) authorize(mux *http.ServeMux, s *server.Server) error {
	pages, err := transport.GuardHost(a.transport(), s.Handler())
	if err != nil {
		return err
	}
	programs, err := transport.GuardOrigin(a.transport(), s.Handler())
	if err != nil {
		return err
	}
	for _, path := range s.Paths() {
		mux.Handle(path, programs)
	}
	for _, path := range []string{server.AuthorizePath, server.ConsentPath, server.DevicePath} {
		mux.Handle(path, pages)
	}
	return nil
}

// guard tells who calls.
func (a *App) guard() *auth.Guard {
	g := &auth.Guard{Tokens: a.Tokens, Foreign: a.Issuers}
	if a.oauth.prover != nil {
		g.Prover = a.oauth.prover
	}
	return g
}

// authorizationServers are where clients are sent for tokens: those whose tokens
// are taken as they are, then this server.
func (a *App) authorizationServers() []string {
	var all []string
	for _, i := range a.Cfg.Auth.Issuers {
		for _, use := range i.Uses {
			if use == issuer.AccessTokens {
				all = append(all, i.URL)
			}
		}
	}
	return append(all, a.PublicURL())
}

// observeOAuth writes what the authorization server did to the audit log.
func (a *App) observeOAuth(ctx context.Context, e server.Event) error {
	a.Metrics.token(e)
	r := audit.Record{
		Phase: audit.PhaseEvent, Event: "token." + e.Kind, Outcome: "ok", Transport: "http",
		Agent: e.Agent, Chain: e.Chain, User: a.Redactor.Text(e.User), Admin: a.Redactor.Text(e.Admin), Task: e.Task, TokenID: e.TokenID,
		ClientID: a.Redactor.Text(e.Client), Issuer: e.Issuer, Scope: e.Scope,
	}
	switch e.Kind {
	case server.Consented, server.Denied:
		r.Event = "authorization." + e.Kind
	}
	switch e.Kind {
	case server.Refused, server.Replayed, server.Denied:
		r.Outcome = "refused"
	}
	var parts []string
	for _, part := range []struct{ word, text string }{{"from ", e.Address}, {"by ", e.Grant}, {"", e.Reason}} {
		if part.text != "" {
			parts = append(parts, part.word+part.text)
		}
	}
	r.Message = a.Redactor.Text(strings.Join(parts, ": "))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, err := a.Log.Append(ctx, r)
	return err
}

// observeClients writes a change of a client to the audit log. What a client that
// was removed had is void everywhere.
func (a *App) observeClients(ctx context.Context, e client.Event) error {
	r := audit.Record{
		Phase: audit.PhaseEvent, Event: "client." + e.Kind, Outcome: "ok", Transport: "http", ClientID: a.Redactor.Text(e.Client), Message: e.Name,
	}
	if e.Address != "" {
		r.Message = fmt.Sprintf("%s from %s", e.Name, e.Address)
	} else {
		r = typed(r)
	}
	if e.Reason != "" {
		r.Message = strings.TrimSpace(r.Message + ": " + e.Reason)
	}
	if e.Kind == client.Refused {
		r.Outcome = "refused"
	}
	r.Message = a.Redactor.Text(r.Message)
	if _, err := a.Log.Append(context.WithoutCancel(ctx), r); err != nil {
		return err
	}
	if e.Kind != client.Removed {
		return nil
	}
	s, err := a.OAuth(ctx)
	if err != nil {
		return err
	}
	if err := a.Tokens.RevokeClient(ctx, e.Client); err != nil {
		return err
	}
	return s.EndClient(ctx, e.Client)
}

// offboard voids all that clients can do for a person.
func (a *App) offboard(ctx context.Context, name string) error {
	if err := a.Tokens.RevokeUser(ctx, name); err != nil {
		return err
	}
	s, err := a.OAuth(ctx)
	if err != nil {
		return err
	}
	return s.EndPerson(ctx, name)
}
