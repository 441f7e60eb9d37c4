package weaviate

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"toolvault/tools/sandbox/double"
)

// user is who calls, with one role.
type user struct {
	name, role string
	actions    string // "*", or those that the role allows, between spaces
	class      string // "*", or the one that they are about
}

const reads = " read_collections read_data read_tenants read_users read_roles "

// who is the user of an API key or of a token of the OIDC provider.
func (c *cluster) who(r *http.Request) (user, string) {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !ok || secret == "":
		return user{}, "anonymous access not enabled. Please authenticate through one of the available methods: [API-keys, OIDC]"
	case secret == c.admin:
		return user{"admin", "root", "*", "*"}, ""
	case secret == Reader():
		return user{"reader", "viewer", reads, "*"}, ""
	case secret == Limited():
		return user{"limited", "tickets", reads, "Ticket"}, ""
	}
	if until, ok := c.tokens[secret]; ok && c.now().Before(until) {
		return user{clientID, "support", "*", "*"}, ""
	}
	return user{}, "unauthorized: invalid api key"
}

func (u user) may(action, class string) bool {
	return (u.actions == "*" || strings.Contains(u.actions, " "+action+" ")) && (u.class == "*" || u.class == class)
}

// allow refuses what the user's role does not allow.
func (r *request) allow(action, class string) bool {
	if r.user.may(action, class) {
		return true
	}
	r.fail(http.StatusForbidden, "%s", r.user.forbidden(action, class))
	return false
}

func (u user) forbidden(action, class string) string {
	on := fmt.Sprintf("[Domain: collections, Collection: %s]", class)
	switch {
	case strings.HasSuffix(action, "_data"):
		on = fmt.Sprintf("[Domain: data, Collection: %s, Tenant: *, Object: *]", class)
	case strings.HasSuffix(action, "_tenants"):
		on = fmt.Sprintf("[Domain: tenants, Collection: %s, Tenant: *]", class)
	}
	return fmt.Sprintf("rbac: authorization, forbidden action: user '%s' has insufficient permissions to %s [%s]", u.name, action, on)
}

func (r *request) ownInfo() {
	r.ok(map[string]any{
		"username": r.user.name, "groups": nil,
		"roles": []map[string]any{{"name": r.user.role, "permissions": []map[string]any{{"action": "read_collections", "collections": map[string]string{"collection": r.user.class}}}}},
	})
}

// token is the token endpoint of the cluster's OIDC provider (RFC 6749 section 4.4).
func (c *cluster) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case id != clientID || secret != c.oidc:
		reply(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
	case r.PostFormValue("grant_type") != "client_credentials":
		reply(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
	default:
		c.issued++
		token := double.Fake(fmt.Sprintf("weaviate oidc token %d %d", c.now().Unix(), c.issued), 60)
		c.tokens[token] = c.now().Add(time.Hour)
		reply(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": "openid"})
	}
}
