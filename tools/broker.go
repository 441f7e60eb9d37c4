package tools

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/schemas"
	"toolvault/tools/fault"
	"toolvault/vault"
)

// ReleaseRequest is an agent that asks for a credential itself, to call a service
// without a tool.
type ReleaseRequest struct {
	Agent     string // whose credential
	Service   string
	Account   string // of several; "" where there is one
	Scope     string // what for, as in a credential's scope; "": all that the agent's token and the credential allow
	Client    ClientInfo
	Transport string

	CorrelationID string // trace id
}

// Release is a credential that was given out.
type Release struct {
	ID        string            `json:"id"`
	Service   string            `json:"service"`
	Type      string            `json:"type"`
	Scope     string            `json:"scope"`
	Account   string            `json:"account,omitempty"`
	ExpiresAt *time.Time        `json:"expires_at"` // null: not known, or never
	Narrowed  bool              `json:"narrowed"`   // false: the token can do more than scope says
	Note      string            `json:"note,omitempty"`
	BaseURL   string            `json:"base_url"`
	Present   map[string]string `json:"present"` // how a request carries it: {"header": "Authorization", "prefix": "Bearer "}
	Token     string            `json:"token"`
	CallID    string            `json:"call_id"`
}

// releasing is the name under which releases stand in the log and in policies.
func releasing(service string) string { return service + "_credential" }

// Release gives an agent one of its own credentials, if the config says that it
// may be given out, the agent's token and policy allow it, and the log has it on
// record. To ask for what is another agent's, or is not to be given out, is the
// same as to ask for what is not there.
func (g *Gateway) Release(ctx context.Context, id auth.Identity, ask ReleaseRequest) (Release, *fault.Error) {
	c := g.begin(id, Call{Tool: releasing(ask.Service), Client: ask.Client, Transport: ask.Transport, CorrelationID: ask.CorrelationID})
	ctx, cancel := context.WithTimeout(c.known(ctx), c.timeout)
	defer cancel()
	r, failure := c.release(ctx, ask)
	record := c.record(audit.PhaseCall)
	record.Arguments = c.secrets.JSON(asked(ask), nil)
	record.Outcome = "ok"
	if failure != nil {
		record.Outcome, record.Message = string(failure.Kind), c.secrets.Text(failure.Message)
	} else {
		record.Scope = r.Scope
		record.Result = told(r)
	}
	c.ms.Total = millis(g.Now().Sub(c.start))
	record.Millis = c.ms
	within, end := context.WithTimeout(context.WithoutCancel(ctx), outcomeAllowance)
	defer end()
	if f := c.append(within, record); f != nil {
		return Release{}, f // no audit, no credential
	}
	if failure != nil {
		return Release{CallID: c.callID}, c.presentable(failure)
	}
	r.CallID = c.callID
	return r, nil
}

// asked is the request as the log has it.
func asked(ask ReleaseRequest) json.RawMessage {
	fields := map[string]string{"agent": ask.Agent}
	for name, value := range map[string]string{"scope": ask.Scope, "account": ask.Account} {
		if value != "" {
			fields[name] = clip(value, 500)
		}
	}
	b, _ := json.Marshal(fields) // texts always marshal
	return b
}

// told is what was given out, without the secret.
func told(r Release) json.RawMessage {
	r.Token = ""
	b, _ := json.Marshal(map[string]any{"type": r.Type, "scope": r.Scope, "narrowed": r.Narrowed, "expires_at": r.ExpiresAt})
	return b
}

func (c *passage) release(ctx context.Context, ask ReleaseRequest) (Release, *fault.Error) {
	nothing := fault.New(fault.NotFound, "There is no credential for %s that agent %s may be given. An admin allows it with broker: true at the credential in the config file.", clip(ask.Service, 64), clip(ask.Agent, 64))
	if ask.Agent != c.id.Agent {
		return Release{}, nothing
	}
	service, ok := c.g.service(ask.Service)
	if !ok {
		return Release{}, nothing
	}
	c.bound = &bound{service: service, schema: schemas.Tool{Name: releasing(service.Name), Title: service.Title}}
	c.need = scope.Need{Service: service.Name}
	var held []vault.Declaration
	only := c.id.Grants.Account(service.Name) // the account that the token is for
	for _, d := range c.g.Vault.Held(owner(c.id), service.Name) {
		if d.Broker && (only == "" || d.Account == only) && (ask.Account == "" || d.Account == ask.Account) {
			held = append(held, d)
		}
	}
	if len(held) == 0 {
		return Release{}, nothing
	}
	if !c.g.Active(c.id.Agent) {
		return Release{}, c.g.mayNot(c.id.Agent)
	}
	needs, failure := c.within(ask, held)
	if failure != nil {
		return Release{}, failure
	}
	if failure := c.pick(held, needs); failure != nil {
		return Release{}, failure
	}
	within := needs
	if !c.g.Vault.Narrows(c.decl) { // what is given out can do all that the credential can
		within = c.needs(c.decl.Scope.Allows)
	}
	if failure := c.ruled(ctx, ask, within); failure != nil {
		return Release{}, failure
	}
	names := make([]string, len(needs))
	for i, n := range needs {
		names[i] = n.Name
	}
	released, err := c.g.Vault.Release(ctx, c.decl, names)
	if err != nil {
		if errors.Is(err, vault.ErrInvalid) && released.Secret.Empty() && !releasable(c.decl.Type) {
			return Release{}, fault.New(fault.NotPermitted, "%s", err.Error())
		}
		return Release{}, c.vaultFault(err)
	}
	endpoint, failure := service.At(c.decl.BaseURL, released.Instance)
	if failure != nil {
		return Release{}, failure
	}
	c.secrets = c.g.Redactor.For(released.Secret.Reveal())
	c.cred = &vault.Credential{ID: c.decl.ID, Version: released.Version, Type: c.decl.Type}
	r := Release{
		ID: c.decl.ID, Service: service.Name, Type: c.decl.Type, Scope: strings.Join(names, " "), Account: c.decl.Account,
		Narrowed: released.Narrowed, BaseURL: endpoint.BaseURL, Present: present(released.Scheme), Token: released.Secret.Reveal(),
	}
	if !released.Expires.IsZero() {
		at := released.Expires.UTC()
		r.ExpiresAt = &at
	}
	if !r.Narrowed {
		r.Note = "The service cannot narrow this credential: it may be able to do more than the scope says. Use it for that scope only."
	}
	return r, nil
}

func releasable(typ string) bool {
	return !slices.Contains([]string{vault.TypeBasic, vault.TypeMTLS, vault.TypeSignedRequest}, typ)
}

// within is every permission that was asked for: each must be within the agent's
// token. Without a scope it is all that token and credential have in common.
func (c *passage) within(ask ReleaseRequest, held []vault.Declaration) ([]scope.Need, *fault.Error) {
	catalog := c.bound.service.Scopes
	if len(ask.Scope) > 2000 {
		return nil, fault.New(fault.InvalidArguments, "The scope is longer than 2000 characters. Name what the task needs, and no more.")
	}
	want, err := catalog.Parse(ask.Scope)
	if err != nil {
		return nil, fault.New(fault.InvalidArguments, "%s. Its scopes are %s, and read-only or read-write for all of it.", err, strings.Join(catalog.Names(), ", "))
	}
	var needs []scope.Need
	for _, n := range c.needs(func(n scope.Need) bool { return ask.Scope == "" || want.Allows(n) }) {
		switch {
		case c.id.Grants.Allows(n) && slices.ContainsFunc(held, func(d vault.Declaration) bool { return d.Scope.Allows(n) }):
			needs = append(needs, n)
		case ask.Scope != "" && !c.id.Grants.Allows(n):
			return nil, c.beyond(n.String())
		case ask.Scope != "":
			f := fault.New(fault.NotPermitted, "No %s credential of agent %s that may be given out grants %s.", c.bound.service.Title, c.id.Agent, n)
			f.Needed = []string{n.String()}
			return nil, f
		}
	}
	if len(needs) == 0 {
		return nil, fault.New(fault.NotPermitted, "The token of agent %s allows nothing of %s. Ask for a token with a scope of it.", c.id.Agent, c.bound.service.Title)
	}
	return needs, nil
}

// needs is every permission of the service that passes a test.
func (c *passage) needs(allows func(scope.Need) bool) []scope.Need {
	var needs []scope.Need
	catalog := c.bound.service.Scopes
	for _, name := range catalog.Names() {
		d, _ := catalog.Lookup(name)
		if n := (scope.Need{Service: catalog.Service(), Name: name, Write: d.Write}); allows(n) {
			needs = append(needs, n)
		}
	}
	return needs
}

// pick chooses the credential: the first that grants all of it.
func (c *passage) pick(held []vault.Declaration, needs []scope.Need) *fault.Error {
	var fit []vault.Declaration
	var accounts []string
	for _, d := range held {
		if !slices.Contains(accounts, d.Account) { // also where one alone grants enough: nothing is chosen in silence
			accounts = append(accounts, d.Account)
		}
		if !slices.ContainsFunc(needs, func(n scope.Need) bool { return !d.Scope.Allows(n) }) {
			fit = append(fit, d)
		}
	}
	switch {
	case len(fit) == 0:
		return fault.New(fault.NotPermitted, "No single %s credential of agent %s that may be given out grants all of that. Ask for less at a time.", c.bound.service.Title, c.id.Agent)
	case len(accounts) > 1:
		return fault.New(fault.InvalidArguments, "Agent %s has several accounts of %s. Say which with account=: %s.", c.id.Agent, c.bound.service.Title, strings.Join(accounts, ", "))
	}
	c.decl, c.account = fit[0], fit[0].Account
	return nil
}

// ruled holds the agent's policy against the release. Whoever has the credential
// can call whatever it reaches, with any arguments: so no tool that it reaches may
// be one that a rule restricts.
func (c *passage) ruled(ctx context.Context, ask ReleaseRequest, needs []scope.Need) *fault.Error {
	policy := c.g.rules(c.id)
	in := auth.Input{
		Agent: c.id.Agent, User: c.id.User, Task: c.id.Task, Tool: releasing(c.bound.service.Name), Service: c.bound.service.Name,
		Args: map[string]any{"scope": ask.Scope, auth.Account: c.decl.Account}, Now: c.start,
	}
	tools := []string{in.Tool}
	for _, b := range c.g.catalogue.Load().order {
		if b.service.Name == in.Service && slices.ContainsFunc(needs, func(n scope.Need) bool { return reaches(b.template, n) }) {
			tools = append(tools, b.schema.Name)
		}
	}
	for _, tool := range tools {
		if policy.ReadsArguments(tool) {
			return fault.New(fault.NotPermitted, "The agent's policy looks at the arguments of %s, which a credential in the agent's own hands would get round. Call the tool; or an admin takes what it needs out of the credential's scope.", tool)
		}
		in.Tool = tool
		decision := policy.Decide(ctx, in)
		c.rule = decision.Rule
		if !decision.Allowed {
			return fault.New(fault.NotPermitted, "%s", decision.Reason)
		}
	}
	return nil
}

// reaches reports whether a permission is enough for a tool.
func reaches(template, n scope.Need) bool {
	if template.Name == "" {
		return true
	}
	before, rest, open := strings.Cut(template.Name, "{")
	if !open {
		return template.Name == n.Name
	}
	_, after, _ := strings.Cut(rest, "}")
	return strings.HasPrefix(n.Name, before) && strings.HasSuffix(n.Name, after)
}

// service finds a service by its name.
func (g *Gateway) service(name string) (Service, bool) {
	for _, b := range g.catalogue.Load().order {
		if b.service.Name == name {
			return b.service, true
		}
	}
	return Service{}, false
}

// present says how a request carries the token.
func present(s vault.Scheme) map[string]string {
	switch {
	case s.Query != "":
		return map[string]string{"query": s.Query}
	case s.Basic:
		return map[string]string{"basic": "the token is the user name, the password is empty"}
	}
	return map[string]string{"header": s.Header, "prefix": s.Prefix}
}
