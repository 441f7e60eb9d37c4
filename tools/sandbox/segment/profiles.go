package segment

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/pattern"
)

// profile is what is known of a person or a company.
type profile struct {
	account                              bool
	ids                                  []externalID
	traits                               map[string]any
	classes                              map[string]string // of traits that Segment made: audience, computed_trait
	events                               []*happened
	links                                []string // names of profiles of the other collection
	created, updated                     time.Time
	firstSource, lastSource, lastMessage string
}

type externalID struct {
	kind, value, source string
	created             time.Time
}

type happened struct {
	event, messageID, source string
	at                       time.Time
	properties               map[string]any
}

// name is the profile's first id.
func (p *profile) name() string { return p.ids[0].kind + ":" + p.ids[0].value }

func (p *profile) know(kind, value, source string, now time.Time) {
	if value == "" || slices.ContainsFunc(p.ids, func(id externalID) bool { return id.kind == kind && id.value == value }) {
		return
	}
	p.ids = append(p.ids, externalID{kind, value, source, now})
}

func (p *profile) set(traits map[string]any, source string, now time.Time) {
	for name, v := range traits {
		if v == nil {
			delete(p.traits, name)
			continue
		}
		p.traits[name] = v
		if email, ok := v.(string); ok && name == "email" && !p.account {
			p.know("email", strings.ToLower(email), source, now)
		}
	}
}

func (in *region) find(account bool, kind, value string) *profile {
	all := in.users
	if account {
		all = in.accounts
	}
	for _, p := range all {
		for _, id := range p.ids {
			if value != "" && id.kind == kind && id.value == value {
				return p
			}
		}
	}
	return nil
}

func profileError(w http.ResponseWriter, status int, code, format string, args ...any) {
	answer(w, status, jsonType, map[string]any{"error": map[string]any{"code": code, "message": fmt.Sprintf(format, args...)}})
}

// plainID is an identifier in a path that Segment can read: percent-encoded but for
// what needs no encoding. To any other it answers 500.
var plainID = pattern.New(`^(?:[A-Za-z0-9._~:-]|%[0-9A-Fa-f]{2})+$`)

// profile is the Profile API.
func (s *segment) profile(in *region, w http.ResponseWriter, r *http.Request, path string) {
	user, password, _ := r.BasicAuth()
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case user != in.profiles || password != "":
		profileError(w, http.StatusUnauthorized, "authentication_error", "Failed to authenticate.")
		return
	case r.Method != http.MethodGet:
		profileError(w, http.StatusMethodNotAllowed, "invalid_request_error", "Method not allowed.")
		return
	case len(parts) != 8 || parts[0] != "v1" || parts[1] != "spaces" || parts[3] != "collections" || parts[5] != "profiles":
		profileError(w, http.StatusNotFound, "not_found", "The resource was not found.")
		return
	case parts[2] != in.space:
		profileError(w, http.StatusNotFound, "not_found", "Space was not found.")
		return
	case parts[4] != "users" && parts[4] != "accounts":
		profileError(w, http.StatusBadRequest, "validation_error", "The parameter `collection` has invalid character(s).")
		return
	case !plainID.MatchString(parts[6]):
		profileError(w, http.StatusInternalServerError, "internal_error", "Internal error.")
		return
	}
	id, err := url.PathUnescape(parts[6])
	kind, value, ok := strings.Cut(id, ":")
	if err != nil || !ok || kind != strings.ToLower(kind) {
		profileError(w, http.StatusBadRequest, "invalid_request_error", "The identifier must be of the form id_type:ext_id.")
		return
	}
	p := in.find(parts[4] == "accounts", kind, value)
	if p == nil {
		profileError(w, http.StatusNotFound, "not_found", "Profile was not found.")
		return
	}
	v := view{in: in, p: p, q: r.URL.Query(), path: path, now: s.now()}
	if v.limit, ok = v.count(); !ok {
		profileError(w, http.StatusBadRequest, "validation_error", "The parameter `limit` is out of range.")
		return
	}
	switch parts[7] {
	case "traits":
		v.traits(w)
	case "events":
		v.events(w)
	case "external_ids":
		v.ids(w)
	case "links":
		v.links(w)
	case "metadata":
		at := func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
		answer(w, http.StatusOK, jsonType, map[string]any{"metadata": map[string]any{
			"created_at": at(p.created), "updated_at": at(p.updated), "expires_at": nil,
			"first_source_id": p.firstSource, "last_source_id": p.lastSource, "last_message_id": p.lastMessage,
		}})
	default:
		profileError(w, http.StatusNotFound, "not_found", "The resource was not found.")
	}
}

// view is one look at a profile.
type view struct {
	in    *region
	p     *profile
	q     url.Values
	path  string
	now   time.Time
	limit int
}

// count is the limit: up to 200 traits, 20 links, and 100 of all else.
func (v *view) count() (n int, ok bool) {
	most, usual := 100, 25
	switch {
	case strings.HasSuffix(v.path, "/traits"):
		most, usual = 200, 20
	case strings.HasSuffix(v.path, "/links"):
		most, usual = 20, 20
	}
	text := v.q.Get("limit")
	if text == "" {
		return usual, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 1 && n <= most
}

func (v *view) included(name string) bool {
	list := v.q.Get("include")
	if list != "" && !slices.Contains(strings.Split(list, ","), name) {
		return false
	}
	return !slices.Contains(strings.Split(v.q.Get("exclude"), ","), name)
}

// page cuts a list whose elements have keys; next is the key at which the next
// page begins.
func page[T any](v *view, all []T, key func(T) string) (some []T, cursor map[string]any) {
	from := 0
	if next := v.q.Get("next"); next != "" {
		from = len(all)
		if i := slices.IndexFunc(all, func(x T) bool { return key(x) == next }); i >= 0 {
			from = i
		}
	}
	to := min(from+v.limit, len(all))
	cursor = map[string]any{"url": v.path, "has_more": to < len(all), "next": "", "limit": v.limit}
	if to < len(all) {
		cursor["next"] = key(all[to])
	}
	return all[from:to], cursor
}

func (v *view) traits(w http.ResponseWriter) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(v.p.traits)) {
		if class := v.q.Get("class"); v.included(name) && (class == "" || v.p.classes[name] == class) {
			names = append(names, name)
		}
	}
	some, cursor := page(v, names, func(n string) string { return n })
	traits := map[string]any{}
	for _, name := range some {
		traits[name] = v.p.traits[name]
	}
	answer(w, http.StatusOK, jsonType, map[string]any{"traits": traits, "cursor": cursor})
}

func (v *view) events(w http.ResponseWriter) {
	start, end := v.now.AddDate(0, 0, -14), v.now.Add(time.Minute)
	for name, to := range map[string]*time.Time{"start": &start, "end": &end} {
		text := v.q.Get(name)
		if text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			profileError(w, http.StatusBadRequest, "validation_error", "The parameter `%s` is not a valid ISO 8601 date.", name)
			return
		}
		if name == "end" || t.After(start) {
			*to = t
		}
	}
	var all []*happened
	for _, e := range v.p.events {
		if v.included(e.event) && e.at.After(start) && e.at.Before(end) {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b *happened) int { return b.at.Compare(a.at) })
	if v.q.Get("sort") == "asc" {
		slices.Reverse(all)
	}
	some, cursor := page(v, all, func(e *happened) string {
		return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%d::%s", e.at.UnixNano(), e.messageID))
	})
	data := []any{}
	for _, e := range some {
		data = append(data, map[string]any{
			"external_ids": v.external(v.p.ids[:1]), "context": map[string]any{"library": map[string]any{"name": "analytics.js"}},
			"type": "track", "message_id": e.messageID, "source_id": e.source, "timestamp": e.at.UTC().Format("2006-01-02T15:04:05.000Z"),
			"properties": e.properties, "event": e.event,
		})
	}
	answer(w, http.StatusOK, jsonType, map[string]any{"data": data, "cursor": cursor})
}

func (v *view) external(ids []externalID) []any {
	collection := "users"
	if v.p.account {
		collection = "accounts"
	}
	all := []any{}
	for _, id := range ids {
		if id.kind == "group_id" {
			collection = "accounts"
		}
		all = append(all, map[string]any{
			"source_id": id.source, "collection": collection, "id": id.value, "type": id.kind, "created_at": id.created.UTC().Format(time.RFC3339Nano), "encoding": "none",
		})
	}
	return all
}

func (v *view) ids(w http.ResponseWriter) {
	var all []externalID
	for _, id := range v.p.ids {
		if v.included(id.kind) {
			all = append(all, id)
		}
	}
	some, cursor := page(v, all, func(id externalID) string { return "map_" + id.kind + id.value })
	answer(w, http.StatusOK, jsonType, map[string]any{"data": v.external(some), "cursor": cursor})
}

func (v *view) links(w http.ResponseWriter) {
	some, cursor := page(v, v.p.links, func(n string) string { return n })
	data := []any{}
	for _, name := range some {
		kind, value, _ := strings.Cut(name, ":")
		other := v.in.find(!v.p.account, kind, value)
		if other == nil {
			continue
		}
		collection := "accounts"
		if v.p.account {
			collection = "users"
		}
		data = append(data, map[string]any{"to_collection": collection, "external_ids": (&view{p: other}).external(other.ids)})
	}
	answer(w, http.StatusOK, jsonType, map[string]any{"data": data, "cursor": cursor})
}

// decode reads a body into v; unknown members are refused.
func decode(r *http.Request, v any) error {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}
