package tools

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

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
)

// Bounds on one call, unless Options says otherwise.
const (
	DefaultTimeout   = 60 * time.Second
	maxArguments     = 256 << 10 // bytes of JSON
	maxResult        = 75_000    // bytes of JSON, and of text: at three bytes a token, 25,000 of them
	maxRecorded      = 16 << 10  // bytes of arguments, and of a result, that one record holds
	outcomeAllowance = 10 * time.Second
)

// Vault is what the path needs of the vault.
type Vault interface {
	Find(owner vault.Owner, service, account string, need scope.Need) (vault.Declaration, error)
	Held(owner vault.Owner, service string) []vault.Declaration
	Accounts(owner vault.Owner, service string) []string
	Resolve(context.Context, vault.Declaration) (*vault.Credential, error)
	Renew(context.Context, *vault.Credential) (*vault.Credential, error)
	Release(ctx context.Context, d vault.Declaration, scopes []string) (vault.Released, error)
	Narrows(vault.Declaration) bool
	Standing(context.Context, vault.Declaration) (vault.Standing, error)
	Accepted(context.Context, *vault.Credential)
}

// Log is where records become durable.
type Log interface {
	Append(context.Context, audit.Record) (audit.Receipt, error)
}

// Options is what a gateway is made of. All of it is required but Why, Budgets, Ledger,
// Consent, States, Patience, Observe and Timeout.
type Options struct {
	Services []Service
	Schemas  []schemas.Tool
	Pool     *upstream.Pool
	Vault    Vault
	Log      Log
	Redactor *audit.Redactor
	Active   func(agent string) bool   // known, and not suspended
	Why      func(agent string) string // it is suspended, as " (REASON)"; may be nil
	Now      func() time.Time
	Logger   *slog.Logger
	Budgets  *limits.Budgets      // of agents; nil: there are no limits
	Ledger   *idempotency.Ledger  // of writes with an idempotency key; nil: keys are ignored
	Consent  Consent              // of people, for grants that are missing; nil: nobody can be asked
	States   *requeststate.States // of questions to clients; nil: none can be asked that needs one

	// Patience is how long a call waits for the grant of a person who has agreed to
	// give it, at most half of its time; 0: not at all.
	Patience time.Duration

	Timeout time.Duration  // of one call; 0 means DefaultTimeout
	Observe func(Observed) // for metrics
}

// Gateway is the path of a call. It is safe for concurrent use.
type Gateway struct {
	Options
	catalogue atomic.Pointer[catalogue]
	policies  atomic.Pointer[map[string]*auth.Policy]
	offers    atomic.Pointer[offers]
}

// NewGateway binds every tool of the services to its schema file. A tool without
// a file, or a file without a tool, is an error.
func NewGateway(o Options) (*Gateway, error) {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Observe == nil {
		o.Observe = func(Observed) {}
	}
	g := &Gateway{Options: o}
	g.SetPolicies(nil)
	g.SetOffers(Offer{}, nil)
	return g, g.SetServices(o.Services)
}

// SetPolicies puts the policies in force, by agent, for calls that begin from
// now on.
func (g *Gateway) SetPolicies(byAgent map[string]*auth.Policy) { g.policies.Store(&byAgent) }

func (g *Gateway) policy(agent string) *auth.Policy { return (*g.policies.Load())[agent] }

// Call takes one call along the whole path. Whatever happens, the result has a
// call id, and what it says has been written to the audit log before it is
// returned.
func (g *Gateway) Call(ctx context.Context, id auth.Identity, call Call) Result {
	c := g.begin(id, call)
	ctx, cancel := context.WithTimeout(c.known(ctx), c.timeout)
	defer cancel()

	out, failure := c.run(ctx)
	c.stopped(failure)
	failure = c.ask(ctx, failure) // would a person's consent mend it?
	return c.settle(ctx, c.answer(ctx, out, failure))
}

// run is the list in design.md, one step a line.
func (c *passage) run(ctx context.Context) (any, *fault.Error) {
	unknown := c.find()                  // which tool is it?
	if err := c.count(ctx); err != nil { // may it call at all?
		return nil, err
	}
	if unknown != nil {
		return nil, unknown
	}
	if err := c.validate(); err != nil { // is it well formed?
		return nil, err
	}
	if err := c.authorize(ctx); err != nil { // may it?
		return nil, err
	}
	if err := c.recognise(ctx); err != nil { // is it made again after a question?
		return nil, err
	}
	if first, err := c.once(ctx); first != nil || err != nil { // has it been done before?
		return first, err
	}
	if err := c.resume(ctx); err != nil { // what did the user say, who was asked?
		return nil, err
	}
	if err := c.resolve(ctx); err != nil { // with what?
		return nil, err
	}
	if err := c.afford(ctx); err != nil { // is there any left to write, to read?
		return nil, err
	}
	if err := c.intend(ctx); err != nil { // write the intent, if it changes something
		return nil, err
	}
	ctx, cancel := c.outlast(ctx)
	defer cancel()
	return c.do(ctx) // do it
}

// Missing reports the scope that the call needs and the identity's token does
// not grant, so that a transport can refuse before it dispatches (RFC 6750
// section 3.1, insufficient_scope). It is no permission: Call decides again.
func (g *Gateway) Missing(id auth.Identity, call Call) (string, bool) {
	b := g.catalogue.Load().tools[call.Tool]
	if b == nil || b.own != nil {
		return "", false
	}
	if id.Grants.Allows(b.template) { // the whole service, whatever the arguments name
		return "", false
	}
	need, err := b.needOfRaw(call.Arguments)
	if err != nil || id.Grants.Allows(need) {
		return "", false
	}
	// To ask for a scope is to say that there is such a tool: only where nothing
	// but the token stands between the caller and the tool.
	if g.hides(id, b) {
		return "", false
	}
	if _, ok := g.offer(id, b); ok {
		return need.String(), true
	}
	return "", false
}

// Denied records a call that a transport refused because of what Missing said,
// and returns its call id.
func (g *Gateway) Denied(ctx context.Context, id auth.Identity, call Call, needed string) string {
	c := g.begin(id, call)
	unknown := c.find()
	if c.count(ctx) != nil { // it is refused whether there is any left or not
		c.rule = ""
	}
	if unknown != nil {
		return c.answer(ctx, nil, unknown).CallID
	}
	return c.answer(ctx, nil, c.beyond(needed)).CallID
}

// newCallID returns a UUIDv7 (RFC 9562 section 5.7): unique, and in order of time.
func newCallID() string {
	u, err := uuid.NewV7()
	if err != nil { // no randomness: the process cannot go on safely
		panic("toolvault: no randomness for a call id")
	}
	return u.String()
}
