// Package grafana is a double of Grafana 13: one instance with two organisations,
// service accounts and a person, dashboards in both schemas, data sources, alert
// rules, silences and annotations.
//
// It follows Grafana where clients go wrong: dashboards are converted when they are
// read at another version than they are stored in, and lose panels; a save without a
// folder moves to the root; numeric ids of data sources are not served; one data
// source refuses the way by its resources, and takes only GET.
package grafana

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"toolvault/tools/sandbox/double"
)

// Options change what kind of Grafana the double is.
type Options struct {
	// Legacy is a Grafana before version 12: without /apis, and without dashboards of
	// schema v2.
	Legacy bool
	// NoRenderer leaves out the service that makes images.
	NoRenderer bool
	// Prometheus and Alertmanager are base URLs of real ones, which then answer for the
	// data source "prom-main" and for silences; "": the double has small ones of its own.
	Prometheus, Alertmanager string
}

// grafana is the state.
type grafana struct {
	Options
	now func() time.Time

	mu          sync.Mutex
	accounts    map[string]*account // by what stands in Authorization
	dashboards  []*board
	folders     []folder
	sources     []source
	rules       []rule
	silences    []*silence
	annotations []*annotation
	exports     []map[string]any // the table of the database
	last        int
}

// account is who calls: a service account of one organisation, or a person, who may
// be in several.
type account struct {
	name, role string
	orgs       []int64
	person     bool
	may        map[string]bool // permissions
}

// Viewer is the token of a second service account, which may look, and lacks the
// right to list data sources and to read how alert rules are defined.
func Viewer() string { return token("viewer") }

// Admin is a person's name and password, for HTTP Basic: in both organisations.
func Admin() (name, password string) { return "marta.klein", double.Fake("grafana password", 20) }

// token has the form of those of service accounts.
func token(label string) string {
	return "glsa_" + double.Fake("grafana "+label, 32) + fmt.Sprintf("_%08x", len(label)*0x01a2b3c)
}

// New is the double of a current Grafana; its clock is now.
func New(now func() time.Time) *double.Double { return With(now, Options{}) }

// Behind is one before a real Prometheus and a real Alertmanager, by their base URLs.
func Behind(now func() time.Time, prometheus, alertmanager string) *double.Double {
	return With(now, Options{Prometheus: prometheus, Alertmanager: alertmanager})
}

// With is one with options.
func With(now func() time.Time, options Options) *double.Double {
	g := seeded(now, options)
	mux := http.NewServeMux()
	for pattern, h := range map[string]struct {
		permission string // "": every account
		handle     func(w http.ResponseWriter, r *http.Request, c caller)
	}{
		"GET /api/frontend/settings": {"", g.settings}, "GET /api/org": {"", g.getOrg}, "GET /api/user/orgs": {"", g.userOrgs},
		"GET /api/search":              {"", g.search},
		"GET /api/dashboards/uid/{id}": {"dashboards:read", g.getLegacy}, "POST /api/dashboards/db": {"dashboards:write", g.postLegacy},

		"GET /api/datasources": {"datasources:read", g.listSources}, "GET /api/datasources/uid/{id}": {"datasources:read", g.getSource},
		"GET /api/datasources/uid/{id}/resources/{path...}":  {"datasources:query", g.resource},
		"POST /api/datasources/uid/{id}/resources/{path...}": {"datasources:query", g.resource},
		"GET /api/datasources/proxy/uid/{id}/{path...}":      {"datasources:query", g.proxy},
		"POST /api/datasources/proxy/uid/{id}/{path...}":     {"datasources:query", g.proxy},
		"POST /api/ds/query":                                 {"datasources:query", g.dsQuery},

		"GET /api/prometheus/grafana/api/v1/rules":  {"alert.rules:read", g.listRules},
		"GET /api/v1/provisioning/alert-rules/{id}": {"alert.provisioning:read", g.getRule},
		"GET " + silencesPath + "s":                 {"alert.instances:read", g.listSilences},
		"POST " + silencesPath + "s":                {"alert.instances:create", g.postSilence},
		"GET " + silencesPath + "/{id}":             {"alert.instances:read", g.getSilence},
		"DELETE " + silencesPath + "/{id}":          {"alert.instances:write", g.deleteSilence},
		"GET /api/annotations":                      {"annotations:read", g.listAnnotations},
		"POST /api/annotations":                     {"annotations:create", g.postAnnotation},
		"GET /render/d/{id}":                        {"dashboards:read", g.render},
		"GET /render/d-solo/{id}":                   {"dashboards:read", g.render},
	} {
		mux.HandleFunc(pattern, g.as(h.permission, h.handle))
	}
	if !options.Legacy {
		mux.HandleFunc("GET "+groupPath, g.as("", g.versions))
		mux.HandleFunc("GET "+groupPath+"/{version}/namespaces/{ns}/dashboards/{id}", g.as("dashboards:read", g.getAt))
		mux.HandleFunc("PUT "+groupPath+"/{version}/namespaces/{ns}/dashboards/{id}", g.as("dashboards:write", g.putAt))
		mux.HandleFunc("POST "+groupPath+"/{version}/namespaces/{ns}/dashboards", g.as("dashboards:write", g.postAt))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			said(w, http.StatusNotFound, "Not found")
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><head><title>Grafana</title></head><body>Page not found</body></html>")
	})
	return &double.Double{Service: "grafana", Handler: mux, Secret: token("editor"), Snapshot: g.snapshot}
}

// caller is an account in one of its organisations.
type caller struct {
	*account
	org int64
}

// as checks who calls, in which organisation, and whether it may.
func (g *grafana) as(permission string, next func(w http.ResponseWriter, r *http.Request, c caller)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		a := g.accounts[r.Header.Get("Authorization")]
		if a == nil {
			refuse(w, "api-key.invalid", "Invalid API key")
			return
		}
		c := caller{a, a.orgs[0]}
		if header := r.Header.Get("X-Grafana-Org-Id"); header != "" {
			org, _ := strconv.ParseInt(header, 10, 64)
			c.org = 0
			for _, mine := range a.orgs {
				if mine == org {
					c.org = org
				}
			}
			if c.org == 0 {
				refuse(w, "api-key.organization-mismatch", "API key does not belong to the requested organization")
				return
			}
		}
		if permission != "" && !a.may[permission] {
			answer(w, http.StatusForbidden, map[string]any{
				"accessErrorId": "ACE0123456789", "title": "Access denied",
				"message": "You'll need additional permissions to perform this action. Permissions needed: " + permission,
			})
			return
		}
		next(w, r, c)
	}
}

func refuse(w http.ResponseWriter, id, message string) {
	answer(w, http.StatusUnauthorized, map[string]any{"message": message, "messageId": id, "statusCode": 401, "traceID": ""})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func said(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]any{"message": message})
}

// body decodes a request, its numbers as they were written; it answers itself where
// there is no JSON object.
func body(w http.ResponseWriter, r *http.Request) map[string]any {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<20))
	dec.UseNumber()
	var m map[string]any
	if dec.Decode(&m) != nil || m == nil {
		said(w, http.StatusBadRequest, "bad request data")
		return nil
	}
	return m
}

// next is a number that was not given yet.
func (g *grafana) next() int {
	g.last++
	return g.last
}

func (g *grafana) settings(w http.ResponseWriter, _ *http.Request, c caller) {
	sources := map[string]any{"-- Grafana --": map[string]any{"type": "datasource", "uid": "grafana", "name": "-- Grafana --", "id": -1}}
	for _, s := range g.sources {
		if s.org == c.org {
			sources[s.name] = s.public()
		}
	}
	version := "13.3.0"
	m := map[string]any{"rendererAvailable": !g.NoRenderer, "datasources": sources, "appSubUrl": "", "defaultDatasource": "Prometheus"}
	if g.Legacy {
		version = "11.6.0"
	} else {
		m["namespace"] = namespace(c.org)
	}
	m["buildInfo"] = map[string]any{"version": version, "edition": "Open Source"}
	answer(w, http.StatusOK, m)
}

func namespace(org int64) string {
	if org == 1 {
		return "default"
	}
	return "org-" + strconv.FormatInt(org, 10)
}

var orgNames = map[int64]string{1: "Northwind Support", 2: "Northwind Labs"}

func (g *grafana) getOrg(w http.ResponseWriter, _ *http.Request, c caller) {
	answer(w, http.StatusOK, map[string]any{"id": c.org, "name": orgNames[c.org], "address": map[string]string{"address1": "", "address2": "", "city": "", "zipCode": "", "state": "", "country": ""}})
}

func (g *grafana) userOrgs(w http.ResponseWriter, _ *http.Request, c caller) {
	if !c.person {
		said(w, http.StatusForbidden, "Endpoint only available for users")
		return
	}
	var all []map[string]any
	for _, id := range c.orgs {
		all = append(all, map[string]any{"orgId": id, "name": orgNames[id], "role": c.role})
	}
	answer(w, http.StatusOK, all)
}
