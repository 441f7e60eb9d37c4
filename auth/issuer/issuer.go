// Package issuer is trust in other people's token issuers: a company's own
// authorization server, a CI system, a Kubernetes cluster, a SPIFFE trust domain.
//
// An admin names each issuer, what its tokens are taken for, and rules that map a
// token to an agent. A token is taken for one use only: an access token is never
// taken as a workload's identity, an assertion or an identity token never as an
// access token.
//
// What it defends against (RFC 8725, RFC 9700, RFC 9068 section 5):
//   - a token that says itself how it is to be checked: the algorithms are a list,
//     never "none" or a secret-key one; each key is used for its own kind of
//     algorithm only; keys come from the issuer that iss names, so two issuers may
//     use the same kid; of jku, x5u and x5c nothing is read, jwk and crit are
//     refused;
//   - a token meant for somebody else: aud must be ours;
//   - an issuer that is away: keys that were good go on for a day, and nothing is
//     ever accepted because something could not be asked;
//   - an issuer that has turned bad: its documents are bounded in size, number and
//     time, no redirect is followed, and where its description points to another
//     host, that must be a public one.
//
// A refusal is an *auth.TokenError, whose Reason is short and public. An error for
// which errors.Is(err, store.ErrUnavailable) holds says that keys or an answer
// could not be had: the caller may try again.
package issuer

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/vault"
)

// Use is what an issuer's tokens are taken for.
type Use string

// The uses.
const (
	AccessTokens Use = "access_tokens"       // presented with a call, as if we had issued them
	Workloads    Use = "workloads"           // exchanged for a token of ours: who a program is (RFC 7523 section 2.1, RFC 8693)
	Assertions   Use = "identity_assertions" // exchanged likewise: for whom a client acts (ID-JAG)
)

// Issuer is one issuer that an admin trusts. Check says what is wrong with one.
type Issuer struct {
	// URL is iss, compared byte by byte. Of a SPIFFE trust domain it is written
	// spiffe://example.org.
	URL  string
	Uses []Use
	// Audience is what aud must have among its values. Empty: Options.Audience for
	// access tokens, Options.Issuer for workloads. That of an assertion is always
	// Options.Issuer, and nothing else.
	Audience string

	// KeysURL or KeysFile is where its keys are (a JWKS, RFC 7517 section 5). Both
	// empty: its own description says so (RFC 8414, OpenID Connect Discovery 1.0).
	KeysURL  string
	KeysFile string
	// SPIFFE: its tokens are JWT-SVIDs, its keys a SPIFFE bundle, which has to be
	// named by KeysURL or KeysFile. Only for Workloads.
	SPIFFE bool
	// PlainJWT takes access tokens whose header does not say that they are some
	// (typ: at+jwt, RFC 9068). They have to say so in their claims: see
	// plainAccessToken.
	PlainJWT bool
	// Introspect asks the issuer about each access token (RFC 7662). nil: never.
	Introspect *Introspection
	// Algorithms are those of which a signature may be; nil: Algorithms().
	Algorithms []string
	Rules      []Rule
}

// Introspection is where an issuer is asked about an access token, and as whom.
// Tokens that are no JWT are asked about too, and at most one issuer of a Set can
// have such: to ask several would give the token of one to another.
type Introspection struct {
	URL          string
	ClientID     string
	ClientSecret vault.Secret
	JWTOnly      bool          // what is no JWT is not asked about here
	CacheFor     time.Duration // how long an answer holds; 0 and more than 30 s: 30 s
}

// Rule says who a token stands for. The first that fits decides.
type Rule struct {
	// Subject is a Pattern for sub; empty: any.
	Subject string
	// Claims are patterns by the Path of a claim: each has to fit. Of a list one
	// element has to.
	Claims map[string]string

	// Agent is an agent's id, or one with a claim in it: "{client_id}",
	// "ci-{repository_owner}". The agent must be known. It may be empty in a rule for
	// assertions: then the caller decides.
	Agent string
	// User is the person for whom the agent acts, likewise: "{email}", "{sub}";
	// empty: none. An email that the issuer says is unverified is refused.
	User string

	Task  string // narrows to a task of the agent; empty: no
	Scope string // narrows to these, in our words ("slack:chat:write …"); empty: no
	// ScopeClaim narrows to those words of the token's own scope (or scp) that are
	// ours. That of an assertion narrows always, if it has one.
	ScopeClaim bool
	TTL        time.Duration // of the token for which it is exchanged; 0: the caller's
}

// Match is who a token stands for.
type Match struct {
	Issuer  string // Issuer.URL
	Subject string // sub
	Agent   string // known; may be empty only of an assertion
	User    string
	Task    string
	Client  string // client_id, or azp
	Scope   string // in our words; empty: not narrowed
	Expires time.Time
	Issued  time.Time     // zero if the token does not say
	TTL     time.Duration // 0: the caller's
	ID      string        // jti; may be empty
	Key     string        // cnf.jkt: the key to which it is bound (RFC 9449 section 6.1)
}

// Options is what a Set is made of.
type Options struct {
	Now    func() time.Time
	Logger *slog.Logger // nil: none
	// HTTP gets what an admin's config names. Redirects are never followed. nil: one
	// of its own.
	HTTP *http.Client
	// Guarded gets what an issuer's description names on another host. nil: one that
	// reaches public addresses only, on port 443.
	Guarded  *http.Client
	Catalogs scope.Catalogs
	Agents   interface {
		Get(id string) (auth.Agent, bool)
	}
	// Grants is the most that an agent may have when it acts for a user ("": nobody).
	// nil: everything, and credentials and policy alone decide. What it says holds for
	// up to a minute.
	Grants   func(agent, user string) (scope.Grants, error)
	Audience string // our resource: the default aud of access tokens
	Issuer   string // our own issuer: that of workloads and assertions
}

// Set is the issuers that are trusted. It is safe for concurrent use.
type Set struct {
	Options
	state    atomic.Pointer[state]
	verified *cache       // tokens that are good
	denied   *cache       // those of which their issuer said that they are not: they push out no good ones
	all      scope.Grants // everything
	guarded  *http.Client
}

// New trusts nobody until Configure is called. Now and Agents have to be set;
// without Audience or Issuer every token that would have to be meant for it is
// refused.
func New(o Options) *Set {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Set{Options: o, verified: newCache(cachedTokens), denied: newCache(cachedTokens), all: everything(o.Catalogs)}
	s.HTTP, s.guarded = own(o.HTTP), o.Guarded
	if s.guarded == nil {
		s.guarded = guardedClient()
	}
	s.guarded = own(s.guarded)
	s.state.Store(&state{})
	return s
}

// Takes reports whether access tokens of an issuer are taken; "": those that are
// no JWT, which have to be introspected.
func (s *Set) Takes(issuer string) bool {
	st := s.state.Load()
	if issuer == "" {
		return st.opaque != nil
	}
	return st.by[AccessTokens][issuer] != nil
}

var _ interface {
	Takes(issuer string) bool
	Authenticate(ctx context.Context, token string) (auth.Identity, time.Time, error)
} = (*Set)(nil)
