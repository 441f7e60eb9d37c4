package grafana

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// board is a dashboard.
type board struct {
	org     int64
	id      int
	uid     string
	stored  string         // the version of the API that its form is of: v1, v2beta1
	spec    map[string]any // in that form
	folder  string
	version int // grows with each save
	managed string
	updated time.Time
	message string // of the last save
	by      string // who saved last
}

type folder struct {
	org        int64
	id         int
	uid, title string
}

func (b *board) title() string {
	t, _ := b.spec["title"].(string)
	return t
}

func (b *board) tags() []string {
	var all []string
	list, _ := b.spec["tags"].([]any)
	for _, t := range list {
		if t, ok := t.(string); ok {
			all = append(all, t)
		}
	}
	return all
}

func (g *grafana) board(org int64, uid string) *board {
	for _, b := range g.dashboards {
		if b.org == org && b.uid == uid {
			return b
		}
	}
	return nil
}

func (g *grafana) folderTitle(org int64, uid string) (string, bool) {
	for _, f := range g.folders {
		if f.org == org && f.uid == uid {
			return f.title, true
		}
	}
	return "", uid == ""
}

func (g *grafana) search(w http.ResponseWriter, r *http.Request, c caller) {
	q := r.URL.Query()
	limit, page := 1000, 1
	if n, err := strconv.Atoi(q.Get("limit")); err == nil && n > 0 {
		limit = min(n, 5000)
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 0 {
		page = n
	}
	all := []map[string]any{}
	add := func(kind, uid, title string, id int, tags []string, in string) {
		for _, word := range strings.Fields(strings.ToLower(q.Get("query"))) {
			if !strings.Contains(strings.ToLower(title), word) {
				return
			}
		}
		for _, t := range q["tag"] {
			if !slices.Contains(tags, t) {
				return
			}
		}
		inFolder := cmp.Or(in, "general")
		if f := q["folderUIDs"]; len(f) > 0 && !slices.Contains(f, inFolder) || q.Get("type") != "" && q.Get("type") != kind ||
			len(q["dashboardUIDs"]) > 0 && !slices.Contains(q["dashboardUIDs"], uid) {
			return
		}
		h := map[string]any{"id": id, "uid": uid, "title": title, "type": kind, "uri": "db/" + uid, "url": "/d/" + uid, "tags": tags, "isStarred": false, "slug": "", "sortMeta": 0}
		if tags == nil {
			h["tags"] = []string{}
		}
		if in != "" {
			h["folderUid"] = in
			h["folderTitle"], _ = g.folderTitle(c.org, in)
		}
		all = append(all, h)
	}
	for _, f := range g.folders {
		if f.org == c.org {
			add("dash-folder", f.uid, f.title, f.id, nil, "")
		}
	}
	for _, b := range g.dashboards {
		if b.org == c.org {
			add("dash-db", b.uid, b.title(), b.id, b.tags(), b.folder)
		}
	}
	from := min((page-1)*limit, len(all))
	answer(w, http.StatusOK, all[from:min(from+limit, len(all))])
}

// getLegacy is the old API, which does not show what is stored in schema v2.
func (g *grafana) getLegacy(w http.ResponseWriter, r *http.Request, c caller) {
	b := g.board(c.org, r.PathValue("id"))
	if b == nil {
		said(w, http.StatusNotFound, "Dashboard not found")
		return
	}
	if isV2(b.stored) {
		said(w, http.StatusNotAcceptable, "dashboard api version not supported, use /apis/dashboard.grafana.app/"+b.stored+"/namespaces/default/dashboards/"+b.uid+" instead")
		return
	}
	spec := clone(b.spec)
	spec["id"], spec["uid"], spec["version"] = b.id, b.uid, b.version
	in, _ := g.folderTitle(c.org, b.folder)
	answer(w, http.StatusOK, map[string]any{"dashboard": spec, "meta": map[string]any{
		"type": "db", "canSave": c.may["dashboards:write"], "canEdit": c.may["dashboards:write"], "slug": b.uid, "url": "/d/" + b.uid,
		"version": b.version, "folderUid": b.folder, "folderTitle": cmp.Or(in, "General"), "provisioned": b.managed == "classic-file-provisioning",
		"updated": b.updated.Format(time.RFC3339), "updatedBy": b.by,
	}})
}

// postLegacy saves through the old API: by the version that is in the dashboard,
// and, as the real one does, to the root where no folder is named.
func (g *grafana) postLegacy(w http.ResponseWriter, r *http.Request, c caller) {
	m := body(w, r)
	if m == nil {
		return
	}
	spec, _ := m["dashboard"].(map[string]any)
	title, _ := spec["title"].(string)
	if strings.TrimSpace(title) == "" {
		answer(w, http.StatusBadRequest, map[string]any{"message": "Dashboard title cannot be empty", "status": "empty-name"})
		return
	}
	in, _ := m["folderUid"].(string)
	if _, ok := g.folderTitle(c.org, in); !ok {
		said(w, http.StatusBadRequest, "folder not found")
		return
	}
	overwrite, _ := m["overwrite"].(bool)
	uid, _ := spec["uid"].(string)
	b := g.board(c.org, uid)
	for _, other := range g.dashboards {
		if other != b && other.org == c.org && other.folder == in && strings.EqualFold(other.title(), title) && !overwrite {
			answer(w, http.StatusPreconditionFailed, map[string]any{"message": "A dashboard with the same name in the folder already exists", "status": "name-exists"})
			return
		}
	}
	switch version, _ := spec["version"].(json.Number); {
	case b == nil && uid != "":
		said(w, http.StatusNotFound, "Dashboard not found")
		return
	case b == nil:
		b = g.newBoard(c.org, "v1")
	case b.managed == "classic-file-provisioning":
		said(w, http.StatusBadRequest, "Cannot save provisioned dashboard")
		return
	case !overwrite && version.String() != strconv.Itoa(b.version):
		answer(w, http.StatusPreconditionFailed, map[string]any{"message": "The dashboard has been changed by someone else", "status": "version-mismatch"})
		return
	}
	delete(spec, "id")
	delete(spec, "uid")
	delete(spec, "version")
	message, _ := m["message"].(string)
	g.saved(b, spec, in, message, c)
	answer(w, http.StatusOK, map[string]any{"id": b.id, "uid": b.uid, "url": "/d/" + b.uid, "status": "success", "version": b.version, "slug": b.uid, "title": title, "folderUid": b.folder})
}

func (g *grafana) newBoard(org int64, stored string) *board {
	n := g.next()
	b := &board{org: org, id: n, uid: "d" + strconv.Itoa(1000+n) + "xyz", stored: stored}
	g.dashboards = append(g.dashboards, b)
	return b
}

func (g *grafana) saved(b *board, spec map[string]any, in, message string, c caller) {
	number(spec)
	b.spec, b.folder, b.message, b.by, b.updated = spec, in, message, c.name, g.now().UTC()
	b.version++
}

// number gives panels without an id one, as Grafana does.
func number(spec map[string]any) {
	next := 1
	list, _ := spec["panels"].([]any)
	for _, v := range list {
		if p, ok := v.(map[string]any); ok {
			next = max(next, intOf(p["id"])+1)
		}
	}
	for _, v := range list {
		if p, ok := v.(map[string]any); ok && intOf(p["id"]) == 0 {
			p["id"] = next
			next++
		}
	}
}

func isV2(version string) bool { return strings.HasPrefix(version, "v2") }

func intOf(v any) int {
	switch v := v.(type) {
	case json.Number:
		n, _ := v.Int64()
		return int(n)
	case float64:
		return int(v)
	case int:
		return v
	}
	return 0
}

// clone is a deep copy.
func clone(m map[string]any) map[string]any {
	raw, _ := json.Marshal(m)
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var c map[string]any
	_ = dec.Decode(&c)
	return c
}
