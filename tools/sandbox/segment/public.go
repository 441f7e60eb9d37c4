package segment

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type source struct {
	id, slug, name, kind string
	enabled              bool
	keys                 []string
	plan                 string
}

type destination struct {
	id, name, kind, source string
	enabled                bool
	settings               map[string]any
}

type plan struct {
	id, name, description string
	updated               time.Time
	rules                 []rule
}

type rule struct {
	kind, key string
	version   int
	schema    map[string]any
}

// change is one of the audit trail.
type change struct {
	id, kind, actor, resource, resourceID, resourceType string
	at                                                  time.Time
}

// Versions of the Public API, by Accept.
const (
	v1    = "application/vnd.segment.v1+json"
	beta  = "application/vnd.segment.v1beta+json"
	alpha = "application/vnd.segment.v1alpha+json"
)

func refuse(w http.ResponseWriter, status int, kind, field, format string, args ...any) {
	e := map[string]any{"type": kind, "message": fmt.Sprintf(format, args...), "status": status}
	if field != "" {
		e["field"] = field
	}
	answer(w, status, jsonType, map[string]any{"errors": []any{e}})
}

// asked is one request of the Public API.
type asked struct {
	s       *segment
	in      *region
	w       http.ResponseWriter
	r       *http.Request
	version string
	parts   []string
}

// public is the Public API.
func (s *segment) public(in *region, w http.ResponseWriter, r *http.Request, path string) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token != in.public && !s.grants(in, token, "public_api:read_write") {
		refuse(w, http.StatusUnauthorized, "unauthorized", "", "Unauthorized")
		return
	}
	a := &asked{s: s, in: in, w: w, r: r, parts: strings.FieldsFunc(path, func(c rune) bool { return c == '/' })}
	a.version, _, _ = strings.Cut(r.Header.Get("Accept"), ",")
	if a.version == "" || a.version == jsonType || a.version == "*/*" {
		a.version = v1 // as with the vendor's TypeScript client, which names none
	}
	if !slices.Contains([]string{v1, beta, alpha}, a.version) {
		refuse(w, http.StatusNotAcceptable, "not-acceptable", "", "Accept names no version of the API.")
		return
	}
	if r.Method == http.MethodPost || r.Method == http.MethodPatch {
		if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != a.version && kind != jsonType {
			refuse(w, http.StatusUnsupportedMediaType, "unsupported-media-type", "", "Unsupported media type")
			return
		}
	}
	a.route()
}

func (a *asked) route() {
	get, post := a.r.Method == http.MethodGet, a.r.Method == http.MethodPost
	first, n := "", len(a.parts)
	if n > 0 {
		first = a.parts[0]
	}
	if first == "delivery-overview" && a.version == v1 {
		a.missing() // it is there in beta and alpha
		return
	}
	switch {
	case n == 0 && get:
		a.data(map[string]any{"workspace": map[string]any{"id": a.in.id, "slug": a.in.slug, "name": a.in.title}})
	case first == "sources" && get:
		a.sources()
	case first == "destinations" && n == 1 && get:
		listed(a, "destinations", a.in.destinations, a.in.destinationOut)
	case first == "destinations" && n == 2:
		a.destination()
	case first == "tracking-plans" && get:
		a.plans()
	case first == "events" && n == 2 && a.parts[1] == "volume" && get:
		a.volume()
	case first == "delivery-overview" && n == 2 && get:
		a.delivery(a.parts[1])
	case first == "audit-events" && n == 1 && get:
		a.changes()
	case first == "regulations" && (get && n == 1 || post):
		a.regulate(get)
	default:
		a.missing()
	}
}

func (a *asked) missing() {
	refuse(a.w, http.StatusNotFound, "not-found", "", "Resource not found")
}

func (a *asked) data(v map[string]any) {
	a.w.Header().Set("X-RateLimit-Remaining", "599")
	answer(a.w, http.StatusOK, a.version, map[string]any{"data": v})
}

// listed answers a page of a list.
func listed[T any](a *asked, key string, all []T, out func(T) map[string]any) {
	q := a.r.URL.Query()
	param := func(name string) string {
		if v := q.Get("pagination[" + name + "]"); v != "" {
			return v
		}
		return q.Get("pagination." + name)
	}
	count := 10
	if text := param("count"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			refuse(a.w, http.StatusUnprocessableEntity, "validation", "pagination.count", "pagination.count must be between 1 and 1000")
			return
		}
		count = n
	}
	mark := func(n int) string { return base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(n))) }
	from := 0
	if text := param("cursor"); text != "" {
		b, err := base64.StdEncoding.DecodeString(text)
		n, bad := strconv.Atoi(string(b))
		if err != nil || bad != nil || n < 0 || n > len(all) {
			refuse(a.w, http.StatusUnprocessableEntity, "validation", "pagination.cursor", "pagination.cursor is invalid")
			return
		}
		from = n
	}
	to := min(from+count, len(all))
	items := []any{}
	for _, x := range all[from:to] {
		items = append(items, out(x))
	}
	pages := map[string]any{"current": mark(from), "totalEntries": len(all)}
	if to < len(all) {
		pages["next"] = mark(to)
	}
	if from > 0 {
		pages["previous"] = mark(max(0, from-count))
	}
	v := map[string]any{key: items, "pagination": pages}
	switch key {
	case "result":
		v["path"], v["query"] = "/observability/event_volume/v2.json", map[string]any{
			"workspaceId": a.in.id, "granularity": q.Get("granularity"), "startTime": q.Get("startTime"), "endTime": q.Get("endTime"),
		}
	case "dataset":
		total := 0
		for _, x := range items {
			total += x.(map[string]any)["total"].(int)
		}
		v["total"] = total
	}
	a.data(v)
}

func (in *region) source(id string) *source {
	for _, x := range in.sources {
		if x.id == id {
			return x
		}
	}
	return nil
}

var logos = map[string]any{"default": "https://cdn.example.com/logo.svg"}

// sourceOut shows a source as Segment does: with its write keys.
func (in *region) sourceOut(x *source) map[string]any {
	return map[string]any{
		"id": x.id, "slug": x.slug, "name": x.name, "workspaceId": in.id, "enabled": x.enabled, "writeKeys": x.keys,
		"labels":   []any{map[string]any{"key": "environment", "value": "prod"}},
		"settings": map[string]any{"website_url": "https://www.northwind.example", "secret": x.keys[0]},
		"metadata": map[string]any{
			"id": "cat_" + x.kind, "name": x.kind, "slug": strings.ToLower(x.kind), "description": "A source of events.", "logos": logos,
			"options": []any{}, "categories": []any{"Website"}, "isCloudEventSource": false, "status": "PUBLIC",
		},
	}
}

// destinationOut shows a destination as Segment does: with its settings.
func (in *region) destinationOut(x *destination) map[string]any {
	return map[string]any{
		"id": x.id, "name": x.name, "enabled": x.enabled, "sourceId": x.source, "settings": x.settings,
		"metadata": map[string]any{
			"id": "cat_" + x.name, "name": x.kind, "slug": strings.ToLower(x.name), "description": "A destination.", "logos": logos, "options": []any{},
			"status": "PUBLIC", "previousNames": []any{}, "categories": []any{"Analytics"}, "website": "https://example.com", "components": []any{},
			"supportedFeatures": map[string]any{"replay": true}, "supportedMethods": map[string]any{"track": true}, "supportedPlatforms": map[string]any{"server": true},
			"actions": []any{}, "presets": []any{},
		},
	}
}

func (a *asked) sources() {
	if len(a.parts) == 1 {
		listed(a, "sources", a.in.sources, a.in.sourceOut)
		return
	}
	x := a.in.source(a.parts[1])
	switch {
	case x == nil:
		a.missing()
	case len(a.parts) == 2:
		v := map[string]any{"source": a.in.sourceOut(x), "trackingPlanId": nil}
		if x.plan != "" {
			v["trackingPlanId"] = x.plan
		}
		a.data(v)
	case a.parts[2] == "connected-destinations":
		var some []*destination
		for _, d := range a.in.destinations {
			if d.source == x.id {
				some = append(some, d)
			}
		}
		listed(a, "destinations", some, a.in.destinationOut)
	default:
		a.missing()
	}
}

func (a *asked) destination() {
	i := slices.IndexFunc(a.in.destinations, func(d *destination) bool { return d.id == a.parts[1] })
	if i < 0 {
		a.missing()
		return
	}
	d := a.in.destinations[i]
	if a.r.Method == http.MethodPatch {
		var body struct {
			Name     *string        `json:"name"`
			Enabled  *bool          `json:"enabled"`
			Settings map[string]any `json:"settings"`
		}
		if err := decode(a.r, &body); err != nil {
			refuse(a.w, http.StatusUnprocessableEntity, "validation", "", "The body is invalid.")
			return
		}
		if body.Enabled != nil && *body.Enabled != d.enabled {
			d.enabled = *body.Enabled
			a.in.note(a.s.now(), "Destination Modified", "token", d.name, d.id, "DESTINATION")
		}
	} else if a.r.Method != http.MethodGet {
		a.missing()
		return
	}
	a.data(map[string]any{"destination": a.in.destinationOut(d)})
}

func (in *region) note(at time.Time, kind, actor, resource, id, resourceType string) {
	in.audit = append(in.audit, change{fmt.Sprintf("aud_%s_%04d", in.name, len(in.audit)+1), kind, actor, resource, id, resourceType, at})
}

func (a *asked) plans() {
	if len(a.parts) == 1 {
		listed(a, "trackingPlans", a.in.plans, planOut)
		return
	}
	i := slices.IndexFunc(a.in.plans, func(p *plan) bool { return p.id == a.parts[1] })
	switch {
	case i < 0:
		a.missing()
	case len(a.parts) == 2:
		a.data(map[string]any{"trackingPlan": planOut(a.in.plans[i])})
	case a.parts[2] == "rules":
		listed(a, "rules", a.in.plans[i].rules, func(r rule) map[string]any {
			return map[string]any{"type": r.kind, "key": r.key, "version": r.version, "jsonSchema": r.schema}
		})
	default:
		a.missing()
	}
}

func planOut(p *plan) map[string]any {
	at := p.updated.UTC().Format(time.RFC3339)
	return map[string]any{"id": p.id, "name": p.name, "description": p.description, "type": "LIVE", "createdAt": at, "updatedAt": at}
}

func (a *asked) changes() {
	q := a.r.URL.Query()
	var some []change
	for _, c := range slices.Backward(a.in.audit) {
		start, _ := time.Parse(time.RFC3339, q.Get("startTime"))
		end, err := time.Parse(time.RFC3339, q.Get("endTime"))
		if id := q.Get("resourceId"); id != "" && id != c.resourceID || c.at.Before(start) || err == nil && c.at.After(end) {
			continue
		}
		if kind := q.Get("resourceType"); kind != "" && kind != c.resourceType {
			continue
		}
		some = append(some, c)
	}
	listed(a, "events", some, func(c change) map[string]any {
		return map[string]any{
			"id": c.id, "timestamp": c.at.UTC().Format(time.RFC3339), "type": c.kind, "actor": "usr_" + c.actor, "actorEmail": c.actor,
			"resourceId": c.resourceID, "resourceType": c.resourceType, "resourceName": c.resource,
		}
	})
}
