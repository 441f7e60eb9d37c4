package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth/client"
	"toolvault/auth/people"
)

// typeIDJAG is the typ of an identity assertion JWT authorization grant
// (draft-ietf-oauth-identity-assertion-authz-grant section 3.1).
const typeIDJAG = "oauth-id-jag+jwt"

// JWTProfile gives a token for an assertion (RFC 7523 section 2.1). What the
// assertion calls itself decides which of the two kinds that are taken it is held to
// be, and nothing else: one that lies is refused as the kind that it says.
func (p protocol) JWTProfile(ctx context.Context, r *op.Request[oidc.JWTProfileGrantRequest]) (*op.Response, error) {
	c, err := p.caller(ctx, r.Header, r.Form)
	if err != nil {
		return nil, err
	}
	if err := p.toolsOnly(append(slices.Clone(r.Form["resource"]), r.Form["audience"]...)); err != nil {
		return nil, err
	}
	key, err := p.proofKey(ctx, r.Header)
	if err != nil {
		return nil, err
	}
	assertion := r.Form.Get("assertion")
	var i issuance
	if headerType(assertion) == typeIDJAG {
		i, err = p.fromAssertion(ctx, c, assertion, r.Form, key)
	} else {
		i, err = p.fromWorkload(ctx, c, client.GrantAssertion, assertion, r.Form, key)
	}
	if err != nil {
		return nil, err
	}
	i.kind, i.grant, i.key = Issued, client.GrantAssertion, key
	return answered(p.issue(ctx, i))
}

// headerType is what a JWT calls itself, unverified; "" if it says nothing.
func headerType(token string) string {
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(clip(head, 4<<10))
	if err != nil {
		return ""
	}
	var h struct {
		Type string `json:"typ"`
	}
	if json.Unmarshal(raw, &h) != nil {
		return ""
	}
	return strings.TrimPrefix(strings.ToLower(h.Type), "application/") // RFC 7515 section 4.1.9
}

// fromAssertion is what a client gets for an ID-JAG: the company's identity provider
// says that it may act for a person (MCP, "Enterprise-Managed Authorization"). The
// issuer room has verified the assertion; what is left is that it was issued to the
// client that brings it, which has to prove who it is (section 4.4.1 of the draft),
// and that it comes once. There is no refresh token: the client asks the provider
// again, which may have changed its mind.
func (s *Server) fromAssertion(ctx context.Context, c *client.Client, assertion string, form url.Values, key string) (issuance, error) {
	switch {
	case c == nil:
		return issuance{}, invalidClient()
	case c.Public() || !c.May(client.GrantAssertion):
		return issuance{}, unauthorizedClient("This client may not bring assertions.")
	case s.Issuers == nil:
		return issuance{}, invalidGrant("No issuer is trusted here to say for whom a client acts.")
	}
	a, err := s.Issuers.Assertion(ctx, assertion)
	switch {
	case err != nil:
		return issuance{}, failed(err, invalidGrant)
	case a.Client != c.ID:
		return issuance{}, invalidGrant("The assertion was issued to another client.")
	case a.Resource != "" && canonical(a.Resource) != canonical(s.resource()):
		return issuance{}, invalidGrant("The assertion is for another resource.")
	case a.Key != "" && a.Key != key:
		return issuance{}, invalidGrant("The assertion is bound to a key: send a proof of possession of it in the header DPoP.")
	case a.User == "":
		return issuance{}, invalidGrant("No rule of its issuer says which person the assertion is about.")
	}
	person, err := s.asserted(ctx, a.User, a.Issuer)
	if err != nil {
		return issuance{}, err
	}
	i := issuance{client: *c, user: person.Name, issuer: a.Issuer, ttl: shorter(s.TTL, a.TTL)}
	if i.agent, err = s.chosenAgent(*c, person, a.Agent, form.Get("agent")); err != nil {
		return issuance{}, err
	}
	if i.task, err = oneTask(a.Task, form.Get("task")); err != nil {
		return issuance{}, err
	}
	if err := s.checkTask(i.agent, i.task); err != nil {
		return issuance{}, err
	}
	if i.grants, err = s.within(a.Match, i.agent, i.user, form.Get("scope"), false); err != nil {
		return issuance{}, err
	}
	// Last, so that what is refused for another reason can be mended and sent again.
	first, err := s.once(ctx, "id-jag\x00"+a.Issuer+"\x00"+a.ID, a.Expires.Add(2*assertionSkew))
	switch {
	case err != nil:
		return issuance{}, unavailable(err)
	case !first:
		s.tell(ctx, Event{
			Kind: Replayed, Grant: client.GrantAssertion, Client: c.ID, Agent: i.agent, User: i.user, Address: visitOf(ctx).address, Issuer: a.Issuer,
			Reason: "an assertion about the person was used before",
		})
		return issuance{}, invalidGrant("The assertion was used before.")
	}
	return i, nil
}

// asserted is the person whom an assertion is about. It may be somebody who has never
// signed in here.
func (s *Server) asserted(ctx context.Context, name, from string) (people.Person, error) {
	person, err := s.People.Get(ctx, name)
	switch {
	case errors.Is(err, people.ErrUnknown):
		return people.Person{Name: name, Issuer: from, Origin: people.FromCompany}, nil
	case err != nil:
		return person, unavailable(err)
	case person.Disabled:
		return person, invalidGrant("The person may not use this server any more.")
	}
	return person, nil
}

// chosenAgent is the agent as which a client acts for a person: the one that the
// issuer's rule names (fixed), or of those that the person may use the one that the
// parameter agent names, or the only one.
func (s *Server) chosenAgent(c client.Client, person people.Person, fixed, wanted string) (string, error) {
	may := s.agentsOf(c, person)
	if fixed != "" {
		may = []string{fixed}
		if c.Agents != nil && !contains(c.Agents, fixed) {
			may = nil
		}
	}
	if c.Agent != "" {
		may = both(may, []string{c.Agent})
	}
	switch {
	case len(may) == 0:
		return "", invalidGrant("There is no agent as which this client may act for the person.")
	case wanted != "" && !contains(may, wanted):
		return "", invalidGrant("This client may not act as that agent for the person; it may as: %s.", strings.Join(may, ", "))
	case wanted != "":
		return wanted, nil
	case len(may) > 1:
		return "", invalidRequest("Name one of the agents in the parameter agent: %s.", strings.Join(may, ", "))
	}
	return may[0], nil
}
