package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"toolvault/audit"
	"toolvault/auth/scope"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/schemas"
	"toolvault/schemas/near"
	"toolvault/tools"
	"toolvault/tools/transport"
	"toolvault/vault"
	"toolvault/vault/connect"
)

// visitors are the people who sign in, as the pages of consent need them.
type visitors struct{ app *App }

func (v visitors) Visitor(r *http.Request) (string, bool) {
	p, ok := v.app.People.Visitor(r)
	return p.Name, ok
}

func (v visitors) SignInURL(returnTo string) string { return v.app.People.SignInURL(returnTo) }

// connector asks people for consent, with pages under a URL.
func (a *App) connector(publicURL string, local bool) (*connect.Connector, error) {
	records, keyring := a.Store, a.Keyring
	if a.Sandbox != nil {
		records, keyring = a.Sandbox.store, a.Sandbox.keyring
	}
	return connect.New(connect.Options{
		Vault: a.Vault, Store: records, Sealer: keyring, People: visitors{a}, Now: time.Now, PublicURL: publicURL, Local: local, Logger: a.Logger,
		Scopes: a.leastScopes, Owners: a.owners, Title: a.title, Observe: a.observeConsent,
	})
}

// Loopback asks for consent with pages of its own under an address of this
// machine, http://127.0.0.1:PORT. The handler answers only there.
func (a *App) Loopback(publicURL string) (*connect.Connector, http.Handler, error) {
	c, err := a.connector(publicURL, true)
	if err != nil {
		return nil, nil, err
	}
	pages, err := transport.GuardHost(transport.Options{PublicURL: publicURL}, c.Handler())
	return c, pages, err
}

// consent adds the pages of consent to the HTTP surface.
func (a *App) consent(mux *http.ServeMux) error {
	pages, err := transport.GuardHost(a.transport(), a.Connect.Handler())
	if err != nil {
		return err
	}
	mux.Handle(connect.Path, pages)
	return nil
}

// setOwners puts the owners of a config in force.
func (a *App) setOwners(cfg *config.Config) {
	owners := map[string][]string{}
	for _, x := range cfg.Agents {
		owners[x.ID] = x.Owners
	}
	a.ownersOf.Store(&owners)
}

// owners are the people who may connect an agent's own credentials.
func (a *App) owners(agent string) []string {
	if all := a.ownersOf.Load(); all != nil {
		return (*all)[agent]
	}
	return nil
}

// Service finds a service by its name. The error says which one may be meant.
func (a *App) Service(name string) (tools.Service, error) {
	var names []string
	for _, s := range a.services {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	if m := near.Match(name, names); m != "" {
		return tools.Service{}, fmt.Errorf("there is no service %q; did you mean %q?", name, m)
	}
	return tools.Service{}, fmt.Errorf("there is no service %q (there are: %s)", name, strings.Join(names, ", "))
}

func (a *App) title(service string) string {
	for _, s := range a.services {
		if s.Name == service {
			return s.Title
		}
	}
	return service
}

// leastScopes are the permissions that a credential's scope stands for: those that
// it names, and for a whole service those that the tools there need.
func (a *App) leastScopes(d vault.Declaration) []string {
	i := slices.IndexFunc(a.services, func(s tools.Service) bool { return s.Name == d.Service })
	if i < 0 {
		return nil
	}
	catalog := a.services[i].Scopes
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for word := range strings.FieldsSeq(d.Scope.String()) {
		switch word {
		case scope.ReadOnly, scope.ReadWrite:
			for _, name := range neededBy(a.schemas, catalog, word == scope.ReadWrite) {
				add(name)
			}
		default:
			if def, ok := catalog.Lookup(word); ok {
				add(def.Name)
			}
		}
	}
	return names
}

// neededBy are the permissions that the tools of a service need: those that only
// read, or all.
func neededBy(all []schemas.Tool, catalog *scope.Catalog, write bool) []string {
	var names []string
	for _, t := range all {
		if t.Service != catalog.Service() || t.Write() && !write || t.Scope == "" {
			continue
		}
		for _, spelling := range spelled(t, catalog) {
			if def, ok := catalog.Lookup(spelling); ok && !slices.Contains(names, def.Name) {
				names = append(names, def.Name)
			}
		}
	}
	return names
}

// spelled are the words of the catalogue that a tool's scope may turn out to be:
// itself, or for "crm.objects.{object_type}.read" one for each value that the
// argument may have.
func spelled(t schemas.Tool, catalog *scope.Catalog) []string {
	before, rest, ok := strings.Cut(t.Scope, "{")
	if !ok {
		return []string{t.Scope}
	}
	argument, after, _ := strings.Cut(rest, "}")
	if values := choices(t, argument); values != nil {
		var all []string
		for _, v := range values {
			all = append(all, before+v+after)
		}
		return all
	}
	var all []string
	for _, s := range catalog.Spellings() {
		if len(s) > len(before)+len(after) && strings.HasPrefix(s, before) && strings.HasSuffix(s, after) {
			all = append(all, s)
		}
	}
	return all
}

// choices are the values that an argument may have, where its schema lists them.
func choices(t schemas.Tool, argument string) []string {
	var input struct {
		Properties map[string]struct {
			Enum []string `json:"enum"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(t.Input, &input); err != nil {
		return nil // values that are no texts
	}
	return input.Properties[argument].Enum
}

// observeConsent writes to the audit log that a person was asked for consent, and
// what came of it.
func (a *App) observeConsent(ctx context.Context, e connect.Event) error {
	r := audit.Record{
		Phase: audit.PhaseEvent, Event: "consent." + e.Kind, Transport: "http", CallID: e.CallID, CorrelationID: audit.CallOf(ctx).CorrelationID,
		Agent: e.Agent, User: e.User, Service: e.Service, CredentialID: e.Credential,
		Scope: strings.Join(e.Scopes, " "), Outcome: "ok",
	}
	if e.Credential != "" {
		r.CredentialType = vault.TypeOAuthToken
	}
	switch e.Kind {
	case connect.Refused:
		r.Outcome = "refused"
	case connect.Failed:
		r.Outcome = "failed"
	}
	var parts []string
	for _, p := range []struct{ what, value string }{
		{"", e.Reason}, {"account: ", e.Account}, {"not granted: ", strings.Join(e.Missing, " ")},
		{"person: ", e.Person}, {"from ", e.Address},
	} {
		if p.value != "" {
			parts = append(parts, p.what+p.value)
		}
	}
	if e.Address == "" && e.CallID == "" {
		r.Transport = "cli"
	}
	r.Message = a.Redactor.Text(strings.Join(parts, "; "))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, err := a.Log.Append(ctx, r)
	return err
}
