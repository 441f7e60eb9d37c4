// Package salesforce is a double of Salesforce: one organization with its objects, the
// REST API over them, and the token endpoint in all its ways.
//
// It refuses what Salesforce refuses, in the same words: unknown and read-only fields,
// missing and mistyped values, duplicates, SOQL that it does not know, a session that
// has ended. Vendor pages: developer.salesforce.com/docs/platform/api-rest.
package salesforce

import (
	"crypto"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"toolvault/tools/pattern"
	"toolvault/tools/sandbox/double"
)

const (
	orgID     = "00DNw0000000001MAA"
	tokenPath = "/services/oauth2/token"

	usageLimit = 100_000 // calls a day
)

// org is the organization.
type org struct {
	mu      sync.Mutex
	now     func() time.Time
	objects map[string]*object   // by name
	order   []string             // of the objects
	records map[string][]*record // by object, in order of creation
	numbers map[string]int       // of the last id, and of the last auto number, by object
	cursors map[string][]answer  // batches of a query that are still to come, by locator
	used    int                  // calls today
	issued  int                  // tokens
	tokens  map[string]grant     // access tokens in force
	refresh map[string]grant     // refresh tokens in force
	secret  string               // the first access token
	consent *double.Consents
	key     crypto.PublicKey // of the certificate of the app; nil: none
	base    string           // of the request under way
	caller  grant            // of the request under way
	inside  bool             // of a composite request
}

type answer = map[string]any

// New returns the double; its clock is now.
func New(now func() time.Time) *double.Double { return WithCertificate(now, nil) }

// WithCertificate is New, with the public key of the app's certificate, which verifies
// JWT bearer assertions.
func WithCertificate(now func() time.Time, key crypto.PublicKey) *double.Double {
	o := &org{
		now: now, objects: map[string]*object{}, records: map[string][]*record{}, numbers: map[string]int{},
		cursors: map[string][]answer{}, tokens: map[string]grant{}, refresh: map[string]grant{}, key: key, used: 1483,
		consent: double.NewConsents("Salesforce", clientID(), vendorScopes, now),
	}
	o.define()
	o.seed()
	o.secret = "00DNw0000000001!" + double.Fake("salesforce session", 60)
	first := grant{user: botID, scopes: vendorScopes}
	o.tokens[o.secret], o.refresh[firstRefresh()] = first, first
	return &double.Double{
		Service: "salesforce", Handler: o, Secret: o.secret,
		ClientID: clientID(), ClientSecret: clientSecret(), Refresh: firstRefresh(),
		Authorize: "/services/oauth2/authorize", Token: tokenPath, Revoke: "/services/oauth2/revoke",
		Credentials: []double.Credential{{
			Type: "client_credentials", Secret: clientSecret(),
			Params: map[string]string{"client_id": clientID(), "token_url": "{url}" + tokenPath, "auth": "body"},
		}},
		ExpireTokens: func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			clear(o.tokens)
		},
		Snapshot: o.snapshot,
	}
}

// fault is an error as the REST API answers it: a list of one.
type fault struct {
	status  int
	code    string
	message string
	fields  []string
	more    answer
}

func refuse(status int, code, format string, args ...any) *fault {
	return &fault{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func (f *fault) body() []answer {
	one := answer{"message": f.message, "errorCode": f.code}
	if f.fields != nil {
		one["fields"] = f.fields
	}
	for k, v := range f.more {
		one[k] = v
	}
	return []answer{one}
}

// ServeHTTP answers as the organization's host and as the place to sign in.
func (o *org) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	o.base = scheme + "://" + r.Host
	if strings.HasPrefix(r.URL.Path, "/services/oauth2/") || strings.HasPrefix(r.URL.Path, "/id/") {
		o.oauth(w, r)
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	caller, ok := o.tokens[token]
	switch {
	case !ok:
		send(w, http.StatusUnauthorized, refuse(401, "INVALID_SESSION_ID", "Session expired or invalid").body())
		return
	case !caller.has("api"):
		send(w, http.StatusUnauthorized, refuse(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API").body())
		return
	}
	o.caller = caller
	o.used++
	w.Header().Set("Sforce-Limit-Info", fmt.Sprintf("api-usage=%d/%d", o.used, usageLimit))
	var body json.RawMessage
	if r.Body != nil {
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<20))
		if err := dec.Decode(&body); err != nil && (r.Method == http.MethodPost || r.Method == http.MethodPatch) {
			send(w, http.StatusBadRequest, refuse(400, "JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no valid JSON").body())
			return
		}
	}
	status, out := o.route(request{r.Method, r.URL.EscapedPath(), r.URL.Query(), r.Header, body})
	send(w, status, out)
}

// request is one of the REST API: by itself, or a part of a composite one.
type request struct {
	method, path string // the path as it was escaped
	query        url.Values
	header       http.Header
	body         json.RawMessage
}

var apiPath = pattern.New(`^/services/data/v(\d{2})\.0(/.*)?$`)

// route finds what is asked for.
func (o *org) route(q request) (int, any) {
	m := apiPath.FindStringSubmatch(q.path)
	if m == nil {
		if strings.TrimSuffix(q.path, "/") == "/services/data" {
			return 200, []answer{{"label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0"}}
		}
		return failed(refuse(404, "NOT_FOUND", "The requested resource does not exist"))
	}
	if m[1] < "31" {
		return failed(refuse(410, "UNSUPPORTED_API_VERSION", "The requested API version %s.0 is retired", m[1]))
	}
	prefix := "/services/data/v" + m[1] + ".0"
	var parts []string
	for p := range strings.SplitSeq(strings.Trim(m[2], "/"), "/") {
		plain, err := url.PathUnescape(p)
		if err != nil {
			return failed(refuse(400, "BAD_REQUEST", "Malformed path"))
		}
		parts = append(parts, plain)
	}
	at := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	var out any
	status := 200
	var f *fault
	switch key := q.method + " " + at(0); {
	case key == "GET " && len(parts) == 1:
		return 200, answer{
			"sobjects": prefix + "/sobjects", "query": prefix + "/query", "search": prefix + "/search", "composite": prefix + "/composite",
			"limits": prefix + "/limits", "analytics": prefix + "/analytics", "parameterizedSearch": prefix + "/parameterizedSearch",
			"identity": o.base + "/id/" + orgID + "/" + o.caller.user,
		}
	case key == "GET query" && len(parts) == 1:
		out, f = o.query(q.query.Get("q"), q.header.Get("Sforce-Query-Options"), prefix)
	case key == "GET query" && len(parts) == 2:
		out, f = o.queryMore(at(1))
	case (key == "POST parameterizedSearch" || key == "GET parameterizedSearch") && len(parts) == 1:
		out, f = o.search(q)
	case key == "GET limits" && len(parts) == 1:
		return 200, answer{"DailyApiRequests": answer{"Max": usageLimit, "Remaining": usageLimit - o.used}}
	case key == "GET sobjects" && len(parts) == 1:
		return 200, o.global()
	case at(0) == "sobjects":
		status, out, f = o.rows(q, parts[1:])
	case key == "POST composite" && len(parts) == 1:
		out, f = o.composite(q.body)
	case at(0) == "composite" && at(1) == "sobjects" && len(parts) == 2:
		out, f = o.collection(q)
	case q.method == "GET" && at(0) == "analytics" && at(1) == "reports" && len(parts) == 3:
		out, f = o.report(at(2), q.query.Get("includeDetails") == "true")
	default:
		f = refuse(404, "NOT_FOUND", "The requested resource does not exist")
	}
	if f != nil {
		return failed(f)
	}
	return status, out
}

func failed(f *fault) (int, any) { return f.status, f.body() }

func send(w http.ResponseWriter, status int, body any) {
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// snapshot is the records as their users see them.
func (o *org) snapshot() map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := map[string]string{}
	for name, list := range o.records {
		for _, r := range list {
			fields := map[string]any{}
			for k, v := range r.fields {
				switch k {
				case "CreatedDate", "LastModifiedDate", "SystemModstamp", "LastModifiedById":
				default:
					fields[k] = v
				}
			}
			b, _ := json.Marshal(fields) // texts, numbers and truths: cannot fail
			all[name+" "+r.id] = string(b)
		}
	}
	return all
}
