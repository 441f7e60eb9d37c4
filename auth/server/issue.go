package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/auth/scope"
)

// tokenAnswer is what the token endpoint answers (RFC 6749 section 5.1; RFC 8693
// section 2.2.1 for issued_token_type).
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	IssuedType   string `json:"issued_token_type,omitempty"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"`
}

// issuance is a token that may be made: everything has been checked but what auth
// checks itself (that the agents exist and may act, that the scopes are known).
type issuance struct {
	kind   string // of the event: Issued or Refreshed
	grant  string // grant_type
	client client.Client

	agent  string
	chain  []string
	user   string
	task   string
	grants scope.Grants
	admin  []string // of an administrator's token; then the five above are empty but user

	ttl     time.Duration // 0: the server's
	key     string        // that the token is bound to
	consent string        // that it comes from: id of the family
	issuer  string        // of what was exchanged for it
	from    []auth.Source // our own tokens that were exchanged for it
}

// issue makes the token, and returns when that it was made is on record.
func (s *Server) issue(ctx context.Context, i issuance) (tokenAnswer, error) {
	ttl := i.ttl
	if ttl == 0 || ttl > s.TTL {
		ttl = s.TTL
	}
	e := Event{
		Kind: i.kind, Grant: i.grant, Client: i.client.ID, Agent: i.agent, Chain: i.chain, User: i.user, Task: i.task,
		Address: visitOf(ctx).address, Issuer: i.issuer,
	}
	answer := tokenAnswer{TokenType: auth.SchemeBearer}
	var expires time.Time
	if i.admin != nil {
		name := i.user
		if name == "" {
			name = i.client.ID
		}
		token, admin, err := s.Tokens.MintAdmin(ctx, auth.AdminRequest{Name: name, Client: i.client.ID, Scopes: i.admin, TTL: ttl, Key: i.key, Grant: i.consent})
		if err != nil {
			return tokenAnswer{}, failed(err, invalidGrant)
		}
		answer.AccessToken, answer.Scope, expires = token, strings.Join(admin.Scopes, " "), admin.Expires
		e.Admin, e.User, e.TokenID = name, "", admin.TokenID
	} else {
		token, id, err := s.Tokens.Mint(ctx, auth.Request{
			Agent: i.agent, Chain: i.chain, User: i.user, Task: i.task, Client: i.client.ID, Grants: i.grants, TTL: ttl, Key: i.key, Grant: i.consent, From: i.from,
		})
		if err != nil {
			return tokenAnswer{}, failed(err, invalidGrant)
		}
		answer.AccessToken, answer.Scope, expires = token, id.Grants.String(), id.Expires
		e.TokenID = id.TokenID
	}
	if i.key != "" {
		answer.TokenType = auth.SchemeDPoP
	}
	answer.ExpiresIn = max(int64(expires.Sub(s.Now())/time.Second), 1)
	e.Scope = answer.Scope
	if err := s.Observe(ctx, e); err != nil {
		return tokenAnswer{}, unavailable(err)
	}
	if i.client.Origin == client.OriginRegistered {
		if err := s.Clients.MarkUsed(ctx, i.client.ID); err != nil {
			s.Logger.Warn("that a client is in use could not be written", "client_id", i.client.ID, "error", err)
		}
	}
	return answer, nil
}

// grants is what of an agent's rights a request gets: what it asks for, as far as
// there is any. A word that is not ours is refused where strict (a program has to
// be told), and left out otherwise (clients ask for whatever they have read
// somewhere). Nothing asked for is everything.
func (s *Server) grants(agent, user, asked string, strict bool) (scope.Grants, error) {
	have, err := s.Rights.Grants(agent, user)
	if err != nil {
		return nil, failed(err, invalidScope)
	}
	if have.String() == "" {
		return nil, invalidScope("Agent %s has no credential that could be used here: an admin adds one.", agent)
	}
	var words []string
	for _, word := range strings.Fields(asked) {
		if word == offline || word == "openid" || word == "profile" || word == "email" {
			continue
		}
		if _, err := s.Catalogs.ParseGrants(word); err != nil {
			if strict {
				return nil, invalidScope("%v", err)
			}
			continue
		}
		words = append(words, word)
	}
	if len(words) == 0 {
		if len(strings.Fields(asked)) > 0 && !onlyOpenID(asked) {
			return nil, invalidScope("None of the scopes that were asked for is one of this server's.")
		}
		return have, nil
	}
	wanted, err := s.Catalogs.ParseGrants(strings.Join(words, " "))
	if err != nil {
		return nil, invalidScope("%v", err)
	}
	got := have.Intersect(wanted)
	if got.String() == "" {
		return nil, invalidScope("Agent %s does not have what was asked for; it has: %s", agent, have)
	}
	return got, nil
}

func onlyOpenID(asked string) bool {
	for _, word := range strings.Fields(asked) {
		if word != offline && word != "openid" && word != "profile" && word != "email" {
			return false
		}
	}
	return true
}

// adminScopes is what of an administrator's rights a request gets.
func adminScopes(have []string, asked string) ([]string, error) {
	words := strings.Fields(asked)
	var got []string
	for _, s := range have {
		if len(words) == 0 || contains(words, s) {
			got = append(got, s)
		}
	}
	if len(got) == 0 {
		return nil, invalidScope("There is nothing of what was asked for that could be administered: an admin grants it under auth.admins or auth.clients.")
	}
	return got, nil
}

func contains(words []string, s string) bool {
	for _, w := range words {
		if w == s {
			return true
		}
	}
	return false
}

// proofKey is the thumbprint of the key that a request proves to have (RFC 9449
// section 5); "" if it sends no proof, which is refused where one is required.
func (s *Server) proofKey(ctx context.Context, h http.Header) (string, error) {
	proofs := h["Dpop"]
	if len(proofs) == 0 {
		if s.RequireDPoP {
			return "", &oidc.Error{ErrorType: "invalid_dpop_proof", Description: "Tokens of this server are bound to a key: send a proof of possession in the header DPoP."}
		}
		return "", nil
	}
	key, err := s.Prover.Check(ctx, proofs, http.MethodPost, s.PublicURL+TokenPath, "")
	if err != nil {
		return "", badProof(ctx, err)
	}
	return key, nil
}

// checkTask refuses a task that an agent does not have.
func (s *Server) checkTask(agent, task string) error {
	a, ok := s.Agents.Get(agent)
	if !ok {
		return invalidGrant("Agent %s is not known here.", agent)
	}
	if _, has := a.Tasks[task]; task != "" && !has {
		return invalidScope("Agent %s has no such task.", agent)
	}
	return nil
}

// answered is an answer for the library to write.
func answered(a tokenAnswer, err error) (*op.Response, error) {
	if err != nil {
		return nil, err
	}
	return op.NewResponse(a), nil
}

var errNoClient = errors.New("the library handed on a client that is none of ours")

// clientOf is our own client behind the library's.
func clientOf(c op.Client) (client.Client, error) {
	a, ok := c.(asker)
	if !ok {
		return client.Client{}, errNoClient
	}
	return a.Client, nil
}
