package tools

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/schemas"
	"toolvault/tools/fault"
	"toolvault/tools/idempotency"
	"toolvault/tools/limits"
	"toolvault/tools/requeststate"
	"toolvault/tools/upstream"
	"toolvault/vault"
	"toolvault/vault/store"
)

// passage is one call on its way. Each step fills in what the next ones need.
type passage struct {
	g      *Gateway
	id     auth.Identity
	call   Call
	callID string
	start  time.Time
	lap    time.Time
	ms     audit.Steps

	timeout  time.Duration
	bound    *bound
	args     schemas.Arguments
	account  string // of the service, by its name in the config; "": it has none there
	ofMany   bool   // the caller has several of the service
	label    string // what the service calls the account
	need     scope.Need
	rule     string
	toll     *limits.Toll // what the call counts against; nil: nothing
	paid     limits.Paid  // the write, to be given back if none was made
	decl     vault.Declaration
	cred     *vault.Credential
	client   *upstream.Client
	revealed []string      // all that the vault released in this call
	secrets  audit.Secrets // and the search for it
	intended bool          // an intent is in the log
	redacted redactedArguments
	recorded json.RawMessage     // the result, as the log may hold it
	claim    *idempotency.Claim  // of the call's idempotency key
	repeatOf string              // the call that had the key first
	state    *requeststate.State // of the question that this call answers
	askedBy  string              // the call that was answered with it
	badState bool                // the requestState is not good: a mistake in the protocol
	question *Question           // what the client can ask its user
}

func (g *Gateway) begin(id auth.Identity, call Call) *passage {
	now := g.Now()
	c := &passage{g: g, id: id, call: call, callID: newCallID(), start: now, lap: now, timeout: g.Timeout}
	c.bound = g.catalogue.Load().tools[call.Tool]
	if c.bound != nil && c.bound.service.Timeout > 0 {
		c.timeout = c.bound.service.Timeout
	}
	return c
}

// known is a context that tells whose call it is.
func (c *passage) known(ctx context.Context) context.Context {
	return audit.WithCall(ctx, audit.Call{ID: c.callID, CorrelationID: c.call.CorrelationID})
}

// tick notes what the step that ends now has taken.
func (c *passage) tick(step *float64) {
	now := c.g.Now()
	*step += millis(now.Sub(c.lap))
	c.traceStep(step, now)
	c.lap = now
}

func (c *passage) find() *fault.Error {
	if c.bound == nil || c.g.hides(c.id, c.bound) {
		c.bound = nil
		return c.unknown()
	}
	return nil
}

func (c *passage) validate() *fault.Error {
	defer c.tick(&c.ms.Schema)
	if n := len(c.call.Arguments); n > maxArguments {
		return fault.New(fault.InvalidArguments, "The arguments are %d bytes; a call takes %d at most. Send less.", n, maxArguments)
	}
	rest, wrong, failure := c.choose()
	if failure != nil {
		return failure
	}
	args, err := c.bound.schema.Validate(rest)
	var invalid *schemas.InvalidError
	if err == nil && wrong != "" {
		err = &schemas.InvalidError{Tool: c.bound.schema.Name}
	}
	switch {
	case errors.As(err, &invalid):
		if wrong != "" {
			invalid.Fields = append([]string{wrong}, invalid.Fields...)
		}
		return fault.New(fault.InvalidArguments, "%s", invalid.Error())
	case err != nil:
		return fault.From(err)
	}
	c.args = args
	return c.chosen()
}

// authorize computes the effective permission: the token's scopes, the
// credential's and the rules of the agent's policy, each of which must allow.
func (c *passage) authorize(ctx context.Context) *fault.Error {
	defer c.tick(&c.ms.Policy)
	if agent := c.g.idle(c.id); agent != "" {
		return c.g.mayNot(agent)
	}
	if c.bound.own == nil {
		if failure := c.granted(); failure != nil {
			return failure
		}
	}
	decision := c.g.rules(c.id).Decide(ctx, auth.Input{
		Agent: c.id.Agent, User: c.id.User, Task: c.id.Task,
		Tool: c.bound.schema.Name, Service: c.bound.service.Name, Args: c.args.Map, Now: c.start,
	})
	c.rule = decision.Rule
	if !decision.Allowed {
		return fault.New(fault.NotPermitted, "%s", decision.Reason)
	}
	return nil
}

// granted finds out what the call needs, and the credential that grants it.
func (c *passage) granted() *fault.Error {
	need, failure := c.bound.need(c.args.Map)
	if failure != nil {
		return failure
	}
	c.need = need
	if !c.id.Grants.Allows(need) {
		// Over stdio the token is what the credentials grant: then another would not help.
		if _, err := c.g.Vault.Find(owner(c.id), need.Service, c.account, need); errors.Is(err, vault.ErrScope) {
			f := c.vaultFault(err)
			f.Needed = []string{need.String()}
			return f
		}
		return c.beyond(need.String())
	}
	decl, err := c.g.Vault.Find(owner(c.id), need.Service, c.account, need)
	if err != nil {
		f := c.vaultFault(err)
		f.Needed = []string{need.String()}
		return f
	}
	c.decl = decl
	return nil
}

// beyond is the answer to a call that needs more than the token allows.
func (c *passage) beyond(needed string) *fault.Error {
	f := fault.New(fault.NotPermitted, "The token of agent %s does not allow %s. Ask for a token with that scope.", c.id.Agent, needed)
	f.Needed = []string{needed}
	return f
}

// resolve gets the credential before the intent is written, so that the intent
// names the credential and its version, and so that its arguments are free of
// the very secret.
func (c *passage) resolve(ctx context.Context) *fault.Error {
	if c.bound.own != nil {
		return nil
	}
	defer c.tick(&c.ms.Vault)
	cred, err := c.g.Vault.Resolve(ctx, c.decl)
	if err != nil {
		cred, err = c.await(ctx, err)
	}
	if err != nil {
		return c.vaultFault(err)
	}
	c.use(cred)
	return nil
}

func (c *passage) use(cred *vault.Credential) {
	c.cred = cred
	for _, s := range cred.Secrets() {
		c.revealed = append(c.revealed, s.Reveal())
	}
	c.secrets = c.g.Redactor.For(c.revealed...)
	c.label = c.labelled(cred.Account)
	c.redacted = redactedArguments{} // a renewed credential brings new secrets to look for
}

// intend writes the intent of a call that changes something. No audit, no call.
func (c *passage) intend(ctx context.Context) *fault.Error {
	if !c.bound.schema.Write() {
		return nil
	}
	defer c.tick(&c.ms.Audit)
	r := c.record(audit.PhaseIntent)
	deadline := c.start.Add(c.timeout + outcomeAllowance).UTC()
	r.Deadline = &deadline
	if err := c.append(ctx, r); err != nil {
		return err
	}
	c.intended = true
	return nil
}

func (c *passage) append(ctx context.Context, r audit.Record) *fault.Error {
	receipt, err := c.g.Log.Append(ctx, r)
	if err == nil && !receipt.Durable() {
		err = errors.New("the log gave no receipt")
	}
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) { // the caller has gone; nothing is wrong with the log
			return fault.New(fault.Cancelled, "The call was cancelled before anything was done.").Because(err)
		}
		c.g.Logger.Error("audit record could not be written", "call_id", c.callID, "error", err)
		return fault.New(fault.Internal, "The audit log cannot be written, and without it no call is made. Tell the operator; nothing else will help.").Because(err)
	}
	return nil
}

func (c *passage) do(ctx context.Context) (out any, failure *fault.Error) {
	defer c.tick(&c.ms.Tool)
	c.call.Trace.Open(stepTool, c.lap)
	defer func() {
		if p := recover(); p != nil {
			// The value may hold a secret or an argument; the stack does not.
			c.g.Logger.Error("a tool handler panicked", "tool", c.bound.schema.Name, "call_id", c.callID, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			out, failure = nil, fault.From(fmt.Errorf("panic in %s", c.bound.schema.Name))
		}
	}()
	if c.bound.own != nil {
		return c.doItself(ctx)
	}
	endpoint, failure := c.bound.service.At(c.decl.BaseURL, c.cred.Instance)
	if failure != nil {
		return nil, failure
	}
	c.client = c.g.Pool.Client(endpoint, (*applied)(c), c.callID)
	c.client.Conceal(func(s string) string { return c.secrets.Values(s) })
	c.client.Permit(c.allows)
	c.client.Account(c.label)
	c.client.Params(c.decl.Params)
	c.client.Report(c.call.Progress)
	c.client.Trace(c.call.Trace)
	out, err := c.bound.tool.Run(ctx, c.client, c.args.Raw)
	if err != nil {
		return nil, fault.From(err)
	}
	if c.cred.Suspect() {
		c.g.Vault.Accepted(ctx, c.cred)
	}
	return out, nil
}

// doItself has toolvault answer for itself.
func (c *passage) doItself(ctx context.Context) (any, *fault.Error) {
	out, err := c.bound.own.run(c, ctx)
	if err != nil {
		return nil, fault.From(err)
	}
	return out, nil
}

// allows reports whether the call was granted one more scope of its service.
func (c *passage) allows(name string) bool {
	d, ok := c.bound.service.Scopes.Lookup(name)
	if !ok {
		return false
	}
	need := scope.Need{Service: c.bound.service.Name, Name: d.Name, Write: d.Write}
	return c.id.Grants.Allows(need) && c.decl.Scope.Allows(need)
}

// vaultFault says why a credential could not be had, and what to do.
func (c *passage) vaultFault(err error) *fault.Error {
	title := c.call.Tool
	if c.bound != nil {
		title = c.bound.service.Title
	}
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, store.ErrUnavailable):
		f = fault.New(fault.Internal, "The store of credentials cannot be reached just now. Try again in a minute.")
		f.Retryable = true
	case errors.Is(err, vault.ErrNotDeclared):
		f = fault.New(fault.NotPermitted, "Agent %s has no %s credential. An admin has to register one in the config file.", c.id.Agent, title)
	case errors.Is(err, vault.ErrAccount):
		f = fault.New(fault.NotPermitted, "Agent %s has no %s account %s. An admin has to register one in the config file, or the token has to be for another.", c.id.Agent, title, c.account)
	case errors.Is(err, vault.ErrScope):
		of := c.id.Agent
		if c.account != "" {
			of += " for the account " + c.account
		}
		f = fault.New(fault.NotPermitted, "The %s credential of agent %s does not grant %s. An admin has to widen its scope in the config file.", title, of, c.need)
	case errors.Is(err, vault.ErrNeedsConsent):
		f = fault.New(fault.NeedsConsent, "A person has to connect %s for agent %s first (credential %s): %s. Ask for that, then call again.", title, c.id.Agent, c.decl.ID, vault.ConnectCommand(c.decl))
	case errors.Is(err, vault.ErrInvalid):
		f = fault.New(fault.CredentialInvalid, "The %s credential %s cannot be used. An admin has to mend that (toolvault check --live says what is wrong); trying again will not help.", title, c.decl.ID)
	case errors.Is(err, vault.ErrUnavailable):
		f = fault.New(fault.UpstreamUnavailable, "The %s sign-in service gives no new access token just now. Try again in a minute.", title)
	default:
		return fault.From(err)
	}
	return f.Because(err)
}

// applied is the credential of the call as the upstream client uses it.
type applied passage

func (a *applied) Authorize(r *http.Request) error { return a.cred.Authorize(r) }

func (a *applied) Key() string { return a.decl.ID }

// TLS is how to connect with a credential that is a client certificate.
func (a *applied) TLS() *tls.Config { return a.cred.TLS() }

// Renew gets a newer secret after the service refused this one.
func (a *applied) Renew(ctx context.Context) (bool, error) {
	c := (*passage)(a)
	cred, err := c.g.Vault.Renew(ctx, c.cred)
	switch {
	case errors.Is(err, vault.ErrRefused):
		return false, nil // the service's own refusal says more
	case err != nil:
		return false, c.vaultFault(err)
	}
	c.use(cred)
	return true, nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
