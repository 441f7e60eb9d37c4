package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/vault/store"
)

// tokenState is the answer about a token (RFC 7662 section 2.2; RFC 8693 section 4.1
// for act, RFC 9449 section 6.2 for cnf).
type tokenState struct {
	Active   bool            `json:"active"`
	Scope    string          `json:"scope,omitempty"`
	ClientID string          `json:"client_id,omitempty"`
	Username string          `json:"username,omitempty"` // the person for whom it acts
	Subject  string          `json:"sub,omitempty"`
	Audience json.RawMessage `json:"aud,omitempty"`
	Issuer   string          `json:"iss,omitempty"`
	Expires  int64           `json:"exp,omitempty"` // seconds since 1970, as the two below
	Issued   int64           `json:"iat,omitempty"`
	Starts   int64           `json:"nbf,omitempty"`
	ID       string          `json:"jti,omitempty"`
	Type     string          `json:"token_type,omitempty"`
	Act      json.RawMessage `json:"act,omitempty"`
	Confirm  json.RawMessage `json:"cnf,omitempty"`
	Task     string          `json:"task,omitempty"`
}

// Introspect tells a client that can prove who it is what a token is worth now (RFC
// 7662):
//
//   - an access token for the tools: any such client, since it has the token;
//   - an access token for administrators: only a client that may administer itself;
//   - a refresh token: only the client that it was given to.
//
// Of anything else, and for any reason, it learns the same: that it is not active.
func (p protocol) Introspect(ctx context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	c, err := p.authenticate(ctx, r.Data.ClientCredentials)
	if err != nil {
		return nil, err
	}
	if c.Public() {
		return nil, invalidClient()
	}
	visitOf(ctx).proved = c.ID
	state, err := p.stateOf(ctx, c, r.Data.Token)
	if err != nil {
		return nil, err
	}
	return op.NewResponse(state), nil
}

func (s *Server) stateOf(ctx context.Context, c client.Client, token string) (tokenState, error) {
	if strings.HasPrefix(token, refreshPrefix) {
		return s.refreshState(ctx, c, token)
	}
	if id, err := s.Tokens.Authenticate(ctx, token); err == nil {
		return accessState(token, id.User, id.Key), nil
	}
	if len(c.Admin) > 0 {
		if a, err := s.Tokens.AuthenticateAdmin(ctx, token); err == nil {
			return accessState(token, a.Name, a.Key), nil
		}
	}
	return tokenState{}, nil
}

// accessState is what an access token says, which was verified before: so it is one
// that we made, and can be read plainly.
func accessState(token, username, key string) tokenState {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return tokenState{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var state tokenState
	if err != nil || json.Unmarshal(payload, &state) != nil {
		return tokenState{}
	}
	state.Active, state.Username, state.Type = true, username, auth.SchemeBearer
	if key != "" {
		state.Type = auth.SchemeDPoP
	}
	return state
}

// refreshState is what a refresh token is worth: it is the last one of a consent that
// is in force, and could be used now.
func (s *Server) refreshState(ctx context.Context, c client.Client, token string) (tokenState, error) {
	id, ok := s.familyOf(token)
	if !ok {
		return tokenState{}, nil
	}
	var f family
	_, err := s.get(ctx, familyPrefix+id, &f)
	ends := f.Used.Add(s.RefreshTTL)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return tokenState{}, nil
	case err != nil:
		return tokenState{}, unavailable(err)
	case f.Client != c.ID || !f.Ended.IsZero() || !hashIs(f.Current, token) || !s.Now().Before(ends):
		return tokenState{}, nil
	}
	if _, err := s.issuanceOf(ctx, c, f); err != nil {
		if isUnavailable(err) {
			return tokenState{}, err
		}
		return tokenState{}, nil
	}
	state := tokenState{
		Active: true, ClientID: f.Client, Username: f.Person, Subject: f.Person, Issuer: s.PublicURL, Task: f.Task, Scope: f.Scope,
		Expires: ends.Unix(), Issued: f.Used.Unix(),
	}
	if f.Admin != nil {
		state.Scope = strings.Join(f.Admin, " ")
	}
	if f.Key != "" {
		state.Confirm, _ = json.Marshal(map[string]string{"jkt": f.Key}) // strings always can be
	}
	return state, nil
}
