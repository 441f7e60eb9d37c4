// Package weaviate is a double of a Weaviate 1.39 cluster: collections and tenants,
// objects, batches, GraphQL (Get and Aggregate), role-based access, OIDC. Its answers
// and refusals are those of a real server (1.39.1), which the suite of
// tools/weaviate is run against too.
//
// Vectors are counts of pairs of letters, as those of the server's text2vec-bigram:
// alike texts are near, and the same everywhere.
package weaviate

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"toolvault/tools/sandbox/double"
	"toolvault/vault"
)

// Reader is the API key of a user who may read everything.
func Reader() string { return double.Fake("weaviate reader", 40) }

// Limited is the API key of a user who may see and read the collection Ticket alone.
func Limited() string { return double.Fake("weaviate limited", 40) }

// CohereKey is the key of the provider that collections with text2vec-cohere need.
func CohereKey() string { return double.Fake("weaviate cohere", 40) }

const clientID = "toolvault-support"

// cluster is the state.
type cluster struct {
	now   func() time.Time
	admin string // its API key
	oidc  string // the secret of the OIDC client

	mu      sync.Mutex
	classes map[string]*class
	aliases map[string]string
	tokens  map[string]time.Time // of OIDC: until when
	issued  int
}

// New returns the double; its clock is now.
func New(now func() time.Time) *double.Double {
	c := &cluster{
		now: now, admin: double.Fake("weaviate admin", 40), oidc: double.Fake("weaviate oidc client", 40),
		classes: map[string]*class{}, aliases: map[string]string{"HelpArticle": "SupportArticle"}, tokens: map[string]time.Time{},
	}
	c.seed()
	return &double.Double{
		Service: "weaviate", Handler: c, Secret: c.admin, ClientID: clientID, ClientSecret: c.oidc,
		Credentials: []double.Credential{{
			Type: vault.TypeClientCredentials, Secret: c.oidc,
			Params: map[string]string{"client_id": clientID, "token_url": "{url}/oidc/token", "token_scope": "openid"},
		}},
		Snapshot: c.snapshot,
		ExpireTokens: func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			clear(c.tokens)
		},
	}
}

// request is one call, of a user.
type request struct {
	*http.Request
	w    http.ResponseWriter
	c    *cluster
	user user
}

// ServeHTTP finds out who calls, and answers.
func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.URL.Path {
	case "/oidc/token":
		c.token(w, r)
		return
	case "/v1/.well-known/openid-configuration":
		reply(w, http.StatusOK, map[string]any{"clientId": clientID, "href": "http://" + r.Host + "/oidc/.well-known/openid-configuration", "scopes": []string{"openid"}})
		return
	case "/v1/.well-known/live", "/v1/.well-known/ready":
		w.WriteHeader(http.StatusOK)
		return
	}
	who, refusal := c.who(r)
	if refusal != "" {
		reply(w, http.StatusUnauthorized, map[string]any{"code": 401, "message": refusal})
		return
	}
	q := &request{Request: r, w: w, c: c, user: who}
	q.serve()
}

func (r *request) serve() {
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(){
		"GET /v1/meta":                       r.meta,
		"GET /v1/users/own-info":             r.ownInfo,
		"GET /v1/schema":                     r.listClasses,
		"POST /v1/schema":                    r.createClass,
		"GET /v1/schema/{class}":             r.getClass,
		"DELETE /v1/schema/{class}":          r.deleteClass,
		"POST /v1/schema/{class}/properties": r.addProperty,
		"GET /v1/schema/{class}/tenants":     r.listTenants,
		"POST /v1/schema/{class}/tenants":    r.addTenants,
		"PUT /v1/schema/{class}/tenants":     r.updateTenants,
		"DELETE /v1/schema/{class}/tenants":  r.deleteTenants,
		"GET /v1/aliases":                    r.listAliases,
		"GET /v1/objects":                    r.listObjects,
		"POST /v1/objects":                   r.createObject,
		"GET /v1/objects/{class}/{id}":       r.getObject,
		"PATCH /v1/objects/{class}/{id}":     r.patchObject,
		"DELETE /v1/objects/{class}/{id}":    r.deleteObject,
		"POST /v1/batch/objects":             r.batchObjects,
		"DELETE /v1/batch/objects":           r.batchDelete,
		"POST /v1/graphql":                   r.graphQL,
		"POST /v1/search/{class}/{kind}":     r.restSearch,
		"POST /v1/aggregate/{class}":         r.restSearch,
	} {
		mux.HandleFunc(pattern, func(_ http.ResponseWriter, hr *http.Request) {
			r.Request = hr
			handle()
		})
	}
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {
		reply(r.w, http.StatusNotFound, map[string]any{"code": 404, "message": fmt.Sprintf("path %s was not found", r.URL.Path)})
	})
	mux.ServeHTTP(r.w, r.Request)
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (r *request) ok(v any) { reply(r.w, http.StatusOK, v) }

// fail answers in the shape of the server's own errors.
func (r *request) fail(status int, format string, args ...any) {
	reply(r.w, status, map[string]any{"error": []map[string]string{{"message": fmt.Sprintf(format, args...)}}})
}

// body reads JSON into v. What cannot be read is refused, as by what stands in front
// of the server.
func (r *request) body(v any) bool {
	b, err := io.ReadAll(io.LimitReader(r.Body, 32<<20))
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		reply(r.w, http.StatusBadRequest, map[string]any{"code": 400, "message": fmt.Sprintf("parsing body body from \"\" failed, because %v", err)})
		return false
	}
	return true
}

func (r *request) meta() {
	r.ok(map[string]any{
		"grpcMaxMessageSize": 104858000, "hostname": "http://" + r.Host, "version": "1.39.1",
		"modules": map[string]any{"text2vec-bigram": nil, "text2vec-cohere": map[string]string{"name": "Cohere Module"}, "text2vec-weaviate": map[string]string{"name": "Weaviate Embedding Module"}},
	})
}

func (r *request) restSearch() {
	r.fail(http.StatusUnprocessableEntity, "rest search api is experimental and not enabled; set EXPERIMENTAL_REST_SEARCH_ENABLED=true to enable")
}

func (r *request) listAliases() {
	all := []map[string]string{}
	for alias, class := range r.c.aliases {
		if r.user.may("read_collections", class) {
			all = append(all, map[string]string{"alias": alias, "class": class})
		}
	}
	r.ok(map[string]any{"aliases": all})
}
