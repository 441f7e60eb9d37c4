package transport

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"toolvault/auth"
	"toolvault/auth/dpop"
	"toolvault/vault/store"
)

// Path prefix of the protected resource metadata (RFC 9728 section 3).
const metadataPath = "/.well-known/oauth-protected-resource"

const maxToken = 8 << 10 // bytes of a bearer token

// resource is this server as OAuth 2.0 sees it: a protected resource.
type resource struct {
	public  *url.URL // nil: the address of the connection
	scopes  func() []string
	servers []string // that issue tokens; empty: this one
}

// base is the URL under which the request's client knows the server, without
// "/mcp". It never comes from a header.
func (p resource) base(r *http.Request) *url.URL {
	if p.public != nil {
		return p.public
	}
	return &url.URL{Scheme: "http", Host: local(r).String()}
}

// id is the resource's identifier: the audience of its tokens (RFC 8707).
func (p resource) id(r *http.Request) string { return p.base(r).String() + "/mcp" }

// metadataURL is where its metadata is: the well-known part goes between host and
// path (RFC 9728 section 3.1).
func (p resource) metadataURL(r *http.Request) string {
	b := *p.base(r)
	b.Path = metadataPath + b.Path + "/mcp"
	return b.String()
}

func (p resource) scope() []string {
	if p.scopes == nil {
		return nil
	}
	return p.scopes()
}

// serveMetadata is the document of RFC 9728 section 2.
func (p resource) serveMetadata(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "The metadata is read with GET.", http.StatusMethodNotAllowed)
		return
	}
	servers := p.servers
	if len(servers) == 0 {
		servers = []string{p.base(r).String()}
	}
	body, err := json.Marshal(struct {
		Resource   string   `json:"resource"`
		Name       string   `json:"resource_name"`
		Servers    []string `json:"authorization_servers"`
		Scopes     []string `json:"scopes_supported,omitempty"`
		Methods    []string `json:"bearer_methods_supported"`
		Algorithms []string `json:"dpop_signing_alg_values_supported"`
	}{p.id(r), "toolvault", servers, p.scope(), []string{"header"}, dpop.Algorithms()})
	if err != nil {
		http.Error(w, "The metadata could not be written.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "max-age=60")
	_, _ = w.Write(body)
}

// A challenge is a WWW-Authenticate header (RFC 6750 section 3, RFC 9728 section
// 5.1). Only a call that lacks a scope is told one: to name all that there are
// would have clients ask for every right. The metadata lists them.
type challenge struct {
	scheme      string // "": Bearer
	code        string // error; empty if no token was sent
	description string
	scope       string
}

// refuse answers with a challenge.
func (p resource) refuse(w http.ResponseWriter, r *http.Request, status int, c challenge, a answer) {
	var b strings.Builder
	b.WriteString(cmp.Or(c.scheme, auth.SchemeBearer) + " ")
	if c.code != "" {
		b.WriteString(`error="` + quotable(c.code) + `", `)
		if c.description != "" {
			b.WriteString(`error_description="` + quotable(c.description) + `", `)
		}
	}
	if c.scope != "" {
		b.WriteString(`scope="` + quotable(c.scope) + `", `)
	}
	if c.scheme == auth.SchemeDPoP {
		b.WriteString(`algs="` + strings.Join(dpop.Algorithms(), " ") + `", `)
	}
	b.WriteString(`resource_metadata="` + quotable(p.metadataURL(r)) + `"`)
	w.Header().Set("WWW-Authenticate", b.String())
	a.status = status
	a.write(w)
}

// quotable is what may stand in a challenge's quotes (RFC 6750 section 3:
// %x20-21 / %x23-5B / %x5D-7E).
func quotable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, s)
}

// presented takes the token out of the Authorization header, the only place where
// one may be. A reason other than empty says why there is none.
func (p resource) presented(r *http.Request) (t auth.Presented, reason string) {
	if r.URL.RawQuery != "" && queryToken(r.URL) {
		return t, RefusedQueryToken
	}
	values := r.Header["Authorization"]
	switch {
	case len(values) == 0:
		return t, RefusedNoToken
	case len(values) > 1:
		return t, RefusedTwoTokens
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	switch {
	case strings.EqualFold(scheme, auth.SchemeBearer):
		t.Scheme = auth.SchemeBearer
	case strings.EqualFold(scheme, auth.SchemeDPoP):
		t.Scheme, t.Proofs = auth.SchemeDPoP, r.Header["Dpop"]
	default:
		return t, RefusedNoToken
	}
	t.Token = strings.TrimLeft(token, " ")
	if !wellFormed(t.Token) {
		return t, RefusedToken
	}
	if t.Scheme == auth.SchemeDPoP {
		t.Method, t.URL = r.Method, p.base(r).String()+r.URL.EscapedPath()
	}
	return t, ""
}

// queryToken reports whether the URL carries a token, also in a query that cannot
// be parsed as a whole.
func queryToken(u *url.URL) bool {
	query, _ := url.ParseQuery(u.RawQuery)
	for key := range query {
		if strings.EqualFold(key, "access_token") {
			return true
		}
	}
	return strings.Contains(strings.ToLower(u.RawQuery), "access_token")
}

// wellFormed reports whether it is a b64token (RFC 6750 section 2.1) of a size
// that we read.
func wellFormed(token string) bool {
	if token == "" || len(token) > maxToken {
		return false
	}
	body := strings.TrimRight(token, "=")
	for i := range len(body) {
		switch c := body[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '.', c == '_', c == '~', c == '+', c == '/':
		default:
			return false
		}
	}
	return body != ""
}

// authenticate tells who sent the request. If it cannot, it has answered.
func (h *handler) authenticate(w http.ResponseWriter, r *http.Request) (auth.Identity, bool) {
	token, reason := h.resource.presented(r)
	switch reason {
	case "":
	case RefusedNoToken:
		h.refused(r, reason)
		h.resource.refuse(w, r, http.StatusUnauthorized, challenge{},
			plainError("This server needs a bearer token in the Authorization header."))
		return auth.Identity{}, false
	case RefusedTwoTokens, RefusedQueryToken:
		text := "A token is sent in exactly one Authorization header."
		h.refused(r, reason)
		h.resource.refuse(w, r, http.StatusBadRequest, challenge{code: "invalid_request", description: text}, plainError(text))
		return auth.Identity{}, false
	default:
		h.unauthorized(w, r, nil)
		return auth.Identity{}, false
	}
	id, err := h.Auth.Authenticate(r.Context(), token)
	var proof *dpop.Error
	switch {
	case err == nil:
		return id, true
	case errors.As(err, &proof):
		h.unproved(w, r, proof)
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		h.Logger.Error("tokens cannot be checked", "error", err)
		w.Header().Set("Retry-After", "5")
		a := plainError("Tokens cannot be checked just now. Try again in a few seconds.")
		a.status = http.StatusServiceUnavailable
		a.write(w)
	default:
		h.Logger.Info("a token was refused", "error", err, "remote", r.RemoteAddr)
		h.unauthorized(w, r, err)
	}
	return auth.Identity{}, false
}

// unproved refuses a proof of possession (RFC 9449 section 7.1), with the nonce to
// use where that is all that it lacks (section 9).
func (h *handler) unproved(w http.ResponseWriter, r *http.Request, e *dpop.Error) {
	if e.Nonce != "" {
		w.Header().Set("DPoP-Nonce", e.Nonce)
	}
	if e.Code != dpop.UseNonce { // which is how every client begins
		h.Logger.Info("a proof of possession was refused", "error", e, "remote", r.RemoteAddr)
		h.refused(r, RefusedProof+" ("+e.Reason+")")
	}
	h.resource.refuse(w, r, http.StatusUnauthorized,
		challenge{scheme: auth.SchemeDPoP, code: e.Code, description: e.Reason},
		plainError("The proof of possession is not taken: "+e.Reason+"."))
}

// unauthorized refuses a token. Why, only the log says, unless the token's own holder
// is to know it.
func (h *handler) unauthorized(w http.ResponseWriter, r *http.Request, err error) {
	reason := RefusedToken
	text := "The token is malformed, expired, revoked or not for this server. Get a new one."
	description := "The token is malformed, expired, revoked or not for this server"
	var t *auth.TokenError
	if errors.As(err, &t) {
		reason += " (" + t.Reason + ")" // a colon would look like a secret that follows
		if t.Tell != "" {
			text, description = t.Tell, "The agent of this token is suspended"
		}
		if t.Who.Agent != "" {
			r = r.WithContext(auth.WithRefused(r.Context(), t.Who))
		}
	}
	h.refused(r, reason)
	h.resource.refuse(w, r, http.StatusUnauthorized, challenge{code: "invalid_token", description: description}, plainError(text))
}
