// Package notion is a double of Notion: the workspace "Northwind Support" with its
// runbooks, a table of customers and a log of issues. It speaks the API in the version
// 2026-03-11 as developers.notion.com describes it, and refuses what that refuses:
// other versions, members of a body that it does not know, more than 1,000 blocks or
// 500 KB at once, what the token's capabilities or the sharing of a page do not allow.
package notion

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"toolvault/tools/pattern"
	"toolvault/tools/sandbox/double"
	"toolvault/vault"
)

const (
	version   = "2026-03-11"
	prefix    = "/v1"
	clientID  = "3c1fd872-594c-81a7-9b2e-0037cd0f4a11"
	authorize = prefix + "/oauth/authorize"

	maxBody   = 500 << 10
	maxBlocks = 1000  // of one request
	maxShown  = 20000 // blocks of a page in one Markdown
)

// Capabilities of a connection (developers.notion.com/reference/capabilities).
const (
	ReadContent    = "read_content"
	InsertContent  = "insert_content"
	UpdateContent  = "update_content"
	ReadComments   = "read_comments"
	InsertComments = "insert_comments"
	ReadUsers      = "read_user_with_email"
)

// All are all capabilities.
func All() []string {
	return []string{ReadContent, InsertContent, UpdateContent, ReadComments, InsertComments, ReadUsers}
}

type answer = map[string]any

// workspace is what there is.
type workspace struct {
	now func() time.Time

	mu        sync.Mutex
	tokens    map[string]*token
	refresh   map[string]bool // those that are still good
	consents  *double.Consents
	users     []*user
	pages     []*page
	databases []*database
	sources   []*source
	comments  []*comment
	made      int           // things so far, for their ids
	lag       time.Duration // how long a new page is not found
	shown     int           // blocks of a page in one Markdown
}

type token struct {
	can    []string
	oauth  bool
	closed bool // it has ended
}

// New returns the double; its clock is now. Secret is the token of an internal
// connection that may do everything and never ends.
func New(now func() time.Time) *double.Double {
	w := &workspace{now: now, tokens: map[string]*token{}, refresh: map[string]bool{}, shown: maxShown}
	w.consents = double.NewConsents("Notion", clientID, nil, now)
	w.seed()
	secret := "ntn_" + double.Fake("notion internal token", 46)
	w.tokens[secret] = &token{can: All()}
	access, refresh := w.issue()
	return &double.Double{
		Service: "notion", Base: prefix, Handler: w,
		Secret: secret, Refresh: refresh, ClientID: clientID, ClientSecret: clientSecret(),
		Credentials: []double.Credential{{Type: vault.TypeOAuthToken, Secret: access, Refresh: refresh}},
		Authorize:   authorize, ExpireTokens: w.expire, Snapshot: w.snapshot,
	}
}

// Token makes another token of an internal connection, with only these capabilities.
func Token(d *double.Double, capabilities ...string) string {
	w := d.Handler.(*workspace)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.made++
	t := "ntn_" + double.Fake(fmt.Sprint("notion token ", w.made), 46)
	w.tokens[t] = &token{can: capabilities}
	return t
}

// SearchLag has new pages found only after a time, as at Notion.
func SearchLag(d *double.Double, lag time.Duration) {
	w := d.Handler.(*workspace)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lag = lag
}

// Shown bounds how many blocks of a page one Markdown has; the others are unknown.
func Shown(d *double.Double, blocks int) {
	w := d.Handler.(*workspace)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shown = blocks
}

// refusal is an error as the API answers it.
type refusal struct {
	status  int
	code    string
	message string
}

func invalid(format string, args ...any) *refusal {
	return &refusal{http.StatusBadRequest, "validation_error", fmt.Sprintf(format, args...)}
}

func notFound(what, id string) *refusal {
	return &refusal{http.StatusNotFound, "object_not_found", fmt.Sprintf("Could not find %s with ID: %s. Make sure the relevant pages and databases are shared with your integration.", what, id)}
}

// call is one request on its way.
type call struct {
	id    string // in the path
	query url.Values
	body  answer
	can   []string
}

func (c *call) text(key string) string {
	t, _ := c.body[key].(string)
	return t
}

// only refuses members of the body that the endpoint does not know.
func (c *call) only(known ...string) *refusal {
	for key := range c.body {
		if !slices.Contains(known, key) {
			return invalid("body failed validation: body.%s should be not present.", key)
		}
	}
	return nil
}

type handler func(*call) (answer, *refusal)

// route finds what serves a request, and the capability that it needs.
func (w *workspace) route(method, path string) (h handler, id, needs string, ok bool) {
	parts := strings.Split(strings.TrimPrefix(path, prefix+"/"), "/")
	if len(parts) > 1 {
		id = parts[1]
		parts[1] = "{id}"
	}
	found, ok := map[string]struct {
		h     handler
		needs string
	}{
		"GET users":                    {w.listUsers, ReadUsers},
		"GET users/{id}":               {w.getUser, ""},
		"POST search":                  {w.search, ReadContent},
		"POST pages":                   {w.createPage, InsertContent},
		"GET pages/{id}":               {w.getPage, ReadContent},
		"PATCH pages/{id}":             {w.updatePage, UpdateContent},
		"POST pages/{id}/move":         {w.movePage, UpdateContent},
		"GET pages/{id}/markdown":      {w.getMarkdown, ReadContent},
		"PATCH pages/{id}/markdown":    {w.updateMarkdown, UpdateContent},
		"GET blocks/{id}/children":     {w.listChildren, ReadContent},
		"GET databases/{id}":           {w.getDatabase, ReadContent},
		"GET data_sources/{id}":        {w.getSource, ReadContent},
		"POST data_sources/{id}/query": {w.query, ReadContent},
		"GET comments":                 {w.listComments, ReadComments},
		"POST comments":                {w.createComment, InsertComments},
	}[method+" "+strings.Join(parts, "/")]
	return found.h, id, found.needs, ok
}

var idForm = pattern.New(`^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$`)

func (w *workspace) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.HasPrefix(r.URL.Path, prefix+"/oauth/") {
		w.serveOAuth(rw, r)
		return
	}
	a, refused := w.answer(r)
	if refused != nil {
		w.send(rw, refused.status, answer{"object": "error", "status": refused.status, "code": refused.code, "message": refused.message})
		return
	}
	w.send(rw, http.StatusOK, a)
}

func (w *workspace) answer(r *http.Request) (answer, *refusal) {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	t := w.tokens[secret]
	if !ok || t == nil || t.closed {
		return nil, &refusal{http.StatusUnauthorized, "unauthorized", "API token is invalid."}
	}
	switch v := r.Header.Get("Notion-Version"); v {
	case version:
	case "":
		return nil, &refusal{http.StatusBadRequest, "missing_version", "Notion-Version header should be defined."}
	default:
		return nil, invalid("Notion-Version header should be %q here, instead was %q.", version, v)
	}
	h, id, needs, ok := w.route(r.Method, r.URL.Path)
	if !ok {
		return nil, &refusal{http.StatusBadRequest, "invalid_request_url", "Invalid request URL."}
	}
	if needs != "" && !slices.Contains(t.can, needs) {
		return nil, &refusal{http.StatusForbidden, "restricted_resource", "Insufficient permissions for this endpoint."}
	}
	c := &call{id: id, query: r.URL.Query(), body: answer{}, can: t.can}
	if id != "" && id != "me" {
		if !idForm.MatchString(id) {
			return nil, invalid("path failed validation: path.id should be a valid uuid, instead was %q.", id)
		}
		c.id = dashed(id)
	}
	if r.Method == http.MethodGet {
		return h(c)
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(b) > maxBody {
		return nil, invalid("body failed validation: body should be at most %d bytes.", maxBody)
	}
	if json.Unmarshal(b, &c.body) != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return nil, &refusal{http.StatusBadRequest, "invalid_json", "Error parsing JSON body."}
	}
	return h(c)
}

func (w *workspace) send(rw http.ResponseWriter, status int, a answer) {
	w.made++
	a["request_id"] = uid(fmt.Sprint("request ", w.made))
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(a)
}

// paged cuts a list as start_cursor and page_size say, which stand in the query or
// the body. id is what names an item in a cursor.
func paged[T any](c *call, kind string, all []T, id func(T) string, show func(T) answer) (answer, *refusal) {
	size, from := 100, 0
	for _, given := range []any{c.query.Get("page_size"), c.body["page_size"]} {
		var n int
		switch v := given.(type) {
		case float64:
			n = int(v)
		case string:
			if v == "" {
				continue
			}
			_, _ = fmt.Sscan(v, &n)
		default:
			continue
		}
		if n < 1 || n > 100 {
			return nil, invalid("page_size should be between 1 and 100.")
		}
		size = n
	}
	cursor := c.query.Get("start_cursor") + c.text("start_cursor")
	if cursor != "" {
		if from = slices.IndexFunc(all, func(t T) bool { return id(t) == cursor }); from < 0 {
			return nil, invalid("The start_cursor provided is invalid: %s", cursor)
		}
	}
	results := []answer{}
	to := min(from+size, len(all))
	for _, t := range all[from:to] {
		results = append(results, show(t))
	}
	a := answer{"object": "list", "results": results, "has_more": to < len(all), "next_cursor": nil, "type": kind, kind: answer{}}
	if to < len(all) {
		a["next_cursor"] = id(all[to])
	}
	return a, nil
}
