package server

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth"
	"toolvault/auth/client"
)

// The types of a token (RFC 8693 section 3) that are taken or given here.
const (
	typeAccess = string(oidc.AccessTokenType)
	typeJWT    = string(oidc.JWTTokenType)
)

// TokenExchange gives an agent a token for one that it was handed (RFC 8693): see
// exchange.
func (p protocol) TokenExchange(ctx context.Context, r *op.ClientRequest[oidc.TokenExchangeRequest]) (*op.Response, error) {
	c, err := clientOf(r.Client)
	if err != nil {
		return nil, err
	}
	return answered(p.exchange(ctx, &c, r.Header, r.Form))
}

// exchange gives a token of ours for one of two kinds (subject_token_type):
//
//   - access_token: one of our own access tokens, which an agent passes on to another
//     (passedOn), or which an agent narrows for itself;
//   - jwt: what an issuer that we trust says of a workload (fromWorkload). There c may
//     be nil: a workload need not have a client.
//
// What is wrong with either token is invalid_request (section 2.2.2).
func (s *Server) exchange(ctx context.Context, c *client.Client, h http.Header, form url.Values) (tokenAnswer, error) {
	wanted := form.Get("requested_token_type")
	switch wanted {
	case "":
		wanted = typeAccess
	case typeAccess, typeJWT:
	default:
		return tokenAnswer{}, invalidRequest("The requested_token_type is %s.", typeAccess)
	}
	if err := s.toolsOnly(append(slices.Clone(form["resource"]), form["audience"]...)); err != nil {
		return tokenAnswer{}, err
	}
	if form.Get("subject_token") == "" {
		return tokenAnswer{}, invalidRequest("The subject_token is missing.")
	}
	key, err := s.proofKey(ctx, h)
	if err != nil {
		return tokenAnswer{}, err
	}
	var i issuance
	switch form.Get("subject_token_type") {
	case typeAccess:
		i, err = s.passedOn(ctx, c, form, key)
	case typeJWT:
		if form.Has("actor_token") || form.Has("actor_token_type") {
			return tokenAnswer{}, invalidRequest("A workload acts for itself: there is no actor_token.")
		}
		i, err = s.fromWorkload(ctx, c, client.GrantExchange, form.Get("subject_token"), form, key)
		err = asRequest(err)
	default:
		return tokenAnswer{}, invalidRequest("The subject_token_type is %s for a token of this server, or %s for a workload's.", typeAccess, typeJWT)
	}
	if err != nil {
		return tokenAnswer{}, err
	}
	i.kind, i.grant, i.key = Issued, client.GrantExchange, key
	answer, err := s.issue(ctx, i)
	answer.IssuedType = wanted
	return answer, err
}

// toolsOnly refuses targets but the tools: nobody becomes an administrator by an
// exchange or an assertion. The same one may be named twice, as resource and as
// audience.
func (s *Server) toolsOnly(targets []string) error {
	for _, t := range targets {
		admin, err := s.target([]string{t})
		if err != nil {
			return err
		}
		if admin {
			return invalidTarget("Administrators' tokens are not given for other tokens.")
		}
	}
	return nil
}

// passedOn is what the client's agent gets of one of our access tokens, which never
// is more than the token itself:
//
//   - the person stays, and the consent from which it comes, so that whoever ends
//     that ends this too; and so do the token itself and those that it was exchanged
//     for, which can be auth.MaxSources;
//   - the agent that had it is added to the chain, if it is another one; the config has
//     to allow that, none may come twice, and auth.MaxChain is the longest;
//   - the scopes are those of the token that the agent has itself, for that person,
//     and asks for; a task that the same agent's token is for stays;
//   - it ends with the token;
//   - a token that is bound to a key (RFC 9449) has to be accompanied by a proof of that
//     key, and what is given is bound to it too. So a stolen one is of no more use here
//     than at the tools; and an agent with a bound token passes it on only to those who
//     share its key.
func (s *Server) passedOn(ctx context.Context, c *client.Client, form url.Values, key string) (issuance, error) {
	if c == nil {
		return issuance{}, invalidClient()
	}
	if c.Agent == "" || c.Public() || !c.May(client.GrantExchange) {
		return issuance{}, unauthorizedClient("This client is no agent that could be handed a token.")
	}
	subject, err := s.ownToken(ctx, "subject_token", form.Get("subject_token"), key)
	if err != nil {
		return issuance{}, err
	}
	if err := s.checkActor(ctx, c, form, key); err != nil {
		return issuance{}, err
	}
	i := issuance{client: *c, agent: c.Agent, user: subject.User, consent: subject.Grant, from: subject.Sources(), task: form.Get("task")}
	if len(i.from) > auth.MaxSources {
		return issuance{}, invalidRequest("The subject_token was exchanged %d times, which is the most.", auth.MaxSources)
	}
	if i.chain, err = s.longer(subject, c.Agent); err != nil {
		return issuance{}, err
	}
	if subject.Agent == c.Agent {
		if i.task, err = oneTask(subject.Task, i.task); err != nil {
			return issuance{}, err
		}
	}
	if err := s.checkTask(i.agent, i.task); err != nil {
		return issuance{}, err
	}
	have, err := s.grants(i.agent, i.user, form.Get("scope"), true)
	if err != nil {
		return issuance{}, err
	}
	if i.grants = have.Intersect(subject.Grants); i.grants.String() == "" {
		return issuance{}, invalidScope("Nothing of what was asked for is allowed by the subject_token.")
	}
	if i.ttl = subject.Expires.Sub(s.Now()); i.ttl < time.Second {
		return issuance{}, invalidRequest("The subject_token is refused: expired.")
	}
	return i, nil
}

// ownToken is who presents one of our access tokens, of agents only, with the key to
// which it may be bound.
func (s *Server) ownToken(ctx context.Context, parameter, token, key string) (auth.Identity, error) {
	id, err := s.Tokens.Authenticate(ctx, token)
	switch {
	case err != nil:
		return auth.Identity{}, failed(err, func(string, ...any) error { return invalidRequest("The %s is not taken: %v.", parameter, err) })
	case id.Key != "" && id.Key != key:
		return auth.Identity{}, invalidRequest("The %s is bound to a key: send a proof of possession of it in the header DPoP.", parameter)
	}
	return id, nil
}

// checkActor holds the actor_token, if there is one, against the client: it can say
// nothing else than who the client's agent is (RFC 8693 section 2.1).
func (s *Server) checkActor(ctx context.Context, c *client.Client, form url.Values, key string) error {
	token, kind := form.Get("actor_token"), form.Get("actor_token_type")
	switch {
	case token == "" && kind == "":
		return nil
	case token == "" || kind != typeAccess:
		return invalidRequest("An actor_token comes with the actor_token_type %s.", typeAccess)
	}
	actor, err := s.ownToken(ctx, "actor_token", token, key)
	switch {
	case err != nil:
		return err
	case actor.Agent != c.Agent || actor.User != "" || len(actor.Chain) > 0:
		return invalidRequest("The actor_token is not one that the client's agent has for itself.")
	}
	return nil
}

// longer is the chain of a token that another agent gets, or the same one.
func (s *Server) longer(subject auth.Identity, to string) ([]string, error) {
	if subject.Agent == to {
		return subject.Chain, nil
	}
	chain := append([]string{subject.Agent}, subject.Chain...)
	switch {
	case slices.Contains(chain, to):
		return nil, invalidRequest("The agent has passed this right on already: it does not come back to it.")
	case len(chain) > auth.MaxChain:
		return nil, invalidRequest("This right was passed on %d times, which is the most.", auth.MaxChain)
	case !s.Rights.Delegates(subject.Agent, to):
		return nil, invalidRequest("Agent %s does not pass its right on to agent %s: an admin can allow that in the config.", subject.Agent, to)
	}
	return chain, nil
}

// oneTask is the task of what is narrowed: one that is there stays.
func oneTask(have, asked string) (string, error) {
	if have != "" && asked != "" && asked != have {
		return "", invalidScope("The token is for another task.")
	}
	if have == "" {
		return asked, nil
	}
	return have, nil
}

// asRequest is an answer as RFC 8693 section 2.2.2 wants it: a token that is not taken
// is an invalid request.
func asRequest(err error) error {
	if e, ok := err.(*oidc.Error); ok && e.ErrorType == oidc.InvalidGrant {
		return invalidRequest("%s", e.Description)
	}
	return err
}
