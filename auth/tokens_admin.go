package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The scopes of an administrator (Admin). They are none of an agent's: tokens for
// one purpose have another audience than those for the other.
const (
	ScopeAgents      = "admin:agents"      // list, suspend, resume and remove agents
	ScopeClients     = "admin:clients"     // list, add and remove OAuth clients
	ScopeCredentials = "admin:credentials" // list and revoke credentials; never to see one
	ScopeAudit       = "audit:read"        // read the audit log
)

// AdminScopes are all of them, in order.
func AdminScopes() []string {
	return []string{ScopeAgents, ScopeClients, ScopeCredentials, ScopeAudit}
}

// Admin is an administrator, as proved by a token.
type Admin struct {
	Name    string   // of the person, or the program's client id
	Client  string   // OAuth client id
	TokenID string   // jti
	Scopes  []string // some of AdminScopes
	Key     string   // see Identity
	Expires time.Time
}

// May reports whether the token grants a scope.
func (a Admin) May(scope string) bool { return slices.Contains(a.Scopes, scope) }

// AdminRequest asks for an administrator's token.
type AdminRequest struct {
	Name   string
	Client string
	Scopes []string
	TTL    time.Duration // 0: DefaultTTL
	Key    string        // see Identity
	Grant  string        // see Request
}

const profileAdmin = "admin" // of sub_profile

// MintAdmin makes an administrator's token. No call can be made with it.
func (t *Tokens) MintAdmin(_ context.Context, r AdminRequest) (string, Admin, error) {
	switch {
	case t.Admin == "":
		return "", Admin{}, errors.New("there are no tokens for administrators here")
	case r.Name == "" || r.Client == "":
		return "", Admin{}, errors.New("an administrator's token needs a name and a client")
	case len(r.Scopes) == 0:
		return "", Admin{}, errors.New("a token without any scope can do nothing: name at least one")
	}
	for _, s := range r.Scopes {
		if !slices.Contains(AdminScopes(), s) {
			return "", Admin{}, fmt.Errorf("an administrator has no scope %q: there are %s", clip(s, 80), strings.Join(AdminScopes(), ", "))
		}
	}
	req := Request{User: r.Name, Client: r.Client, TTL: r.TTL, Key: r.Key, Grant: r.Grant}
	if err := checkRequest(req); err != nil {
		return "", Admin{}, err
	}
	c := claims{Scope: strings.Join(r.Scopes, " "), Profile: profileAdmin}
	c.Subject = r.Name
	token, err := t.sign(&c, t.Admin, req)
	if err != nil {
		return "", Admin{}, err
	}
	return token, c.admin(), nil
}

func (c *claims) admin() Admin {
	a := Admin{Name: c.Subject, Client: c.ClientID, TokenID: c.ID, Scopes: strings.Fields(c.Scope), Expires: c.Expiry.Time().UTC()}
	if c.Confirm != nil {
		a.Key = c.Confirm.Thumbprint
	}
	return a
}

// AuthenticateAdmin tells who administers. Every error is a *TokenError. Whether
// the caller has the key that the token may be bound to, Guard checks.
func (t *Tokens) AuthenticateAdmin(ctx context.Context, bearer string) (Admin, error) {
	if len(bearer) > maxToken {
		return Admin{}, refused(reasonTooLong)
	}
	c, at, err := t.read(ctx, bearer, t.Admin)
	if err != nil {
		return Admin{}, err
	}
	a := c.admin()
	v := &verified{
		identity: Identity{TokenID: a.TokenID}, holders: bearers("", nil, a.Name, a.Client), grant: grantName(c.Grant), issued: at,
	}
	switch {
	case c.Profile != profileAdmin:
		return Admin{}, refused(reasonForeign)
	case t.Now().Add(leeway).Before(c.NotBefore.Time()):
		return Admin{}, refused(reasonEarly)
	case t.isRevoked(v):
		return Admin{}, refused(reasonRevoked)
	}
	a.Scopes = slices.DeleteFunc(a.Scopes, func(s string) bool { return !slices.Contains(AdminScopes(), s) })
	return a, nil
}
