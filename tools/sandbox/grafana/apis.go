package grafana

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const groupPath = "/apis/dashboard.grafana.app"

// served are the versions of the API, the preferred one first.
var served = []string{"v1", "v2", "v2beta1", "v2alpha1", "v1beta1", "v0alpha1"}

func (g *grafana) versions(w http.ResponseWriter, _ *http.Request, _ caller) {
	var all []map[string]string
	for _, v := range served {
		all = append(all, map[string]string{"groupVersion": "dashboard.grafana.app/" + v, "version": v})
	}
	answer(w, http.StatusOK, map[string]any{"kind": "APIGroup", "apiVersion": "v1", "name": "dashboard.grafana.app", "versions": all, "preferredVersion": all[0]})
}

// status is an error of /apis.
func status(w http.ResponseWriter, code int, reason, message string) {
	answer(w, code, map[string]any{"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure", "message": message, "reason": reason, "code": code})
}

// at reads version and namespace of a path; it answers itself where they are wrong.
func (g *grafana) at(w http.ResponseWriter, r *http.Request, c caller) (version string, ok bool) {
	version = r.PathValue("version")
	if !slices.Contains(served, version) {
		w.Header().Set("Content-Type", "text/plain")
		http.Error(w, "404 page not found", http.StatusNotFound)
		return "", false
	}
	if r.PathValue("ns") != namespace(c.org) {
		status(w, http.StatusForbidden, "Forbidden", "dashboards.dashboard.grafana.app is forbidden: the namespace is not the one of the account")
		return "", false
	}
	return version, true
}

func (g *grafana) getAt(w http.ResponseWriter, r *http.Request, c caller) {
	version, ok := g.at(w, r, c)
	if !ok {
		return
	}
	b := g.board(c.org, r.PathValue("id"))
	if b == nil {
		status(w, http.StatusNotFound, "NotFound", fmt.Sprintf("dashboards.dashboard.grafana.app %q not found", r.PathValue("id")))
		return
	}
	answer(w, http.StatusOK, g.object(b, version))
}

// object is a dashboard at a version: converted, and without what the other form
// does not have, where it is stored in another.
func (g *grafana) object(b *board, version string) map[string]any {
	marks := map[string]any{"grafana.app/updatedTimestamp": b.updated.Format(time.RFC3339), "grafana.app/updatedBy": b.by}
	if b.folder != "" {
		marks["grafana.app/folder"] = b.folder
	}
	if b.managed != "" {
		marks["grafana.app/managedBy"], marks["grafana.app/managerId"] = b.managed, "main"
	}
	o := map[string]any{
		"kind": "Dashboard", "apiVersion": "dashboard.grafana.app/" + version,
		"metadata": map[string]any{
			"name": b.uid, "namespace": namespace(b.org), "uid": "0b7c" + b.uid, "resourceVersion": resourceVersion(b), "generation": b.version,
			"creationTimestamp": "2026-10-01T08:00:00Z", "labels": map[string]any{"grafana.app/deprecatedInternalID": strconv.Itoa(b.id)}, "annotations": marks,
			"managedFields": []any{map[string]any{"manager": "grafana", "operation": "Update"}},
		},
		"spec": converted(b.spec, b.stored, version), "status": map[string]any{},
	}
	if version != b.stored {
		o["status"] = map[string]any{"conversion": map[string]any{"failed": false, "storedVersion": b.stored}}
	}
	return o
}

func resourceVersion(b *board) string { return strconv.Itoa(1795000000000000 + b.id*1000 + b.version) }

// converted is a form in place of another. Down, from schema v2, only what stands
// in a plain grid comes along; up, the grid is made anew.
func converted(spec map[string]any, from, to string) map[string]any {
	spec = clone(spec)
	if isV2(from) == isV2(to) {
		return spec
	}
	out := map[string]any{"title": spec["title"], "tags": spec["tags"]}
	if isV2(from) {
		layout, _ := spec["layout"].(map[string]any)
		inner, _ := layout["spec"].(map[string]any)
		elements, _ := spec["elements"].(map[string]any)
		panels := []any{}
		list, _ := inner["items"].([]any)
		for _, v := range list {
			place, _ := v.(map[string]any)["spec"].(map[string]any)
			ref, _ := place["element"].(map[string]any)
			e, _ := elements[fmt.Sprint(ref["name"])].(map[string]any)
			p, _ := e["spec"].(map[string]any)
			panels = append(panels, map[string]any{"id": p["id"], "title": p["title"], "type": "timeseries"})
		}
		out["panels"], out["schemaVersion"] = panels, 41
		return out
	}
	elements, places := map[string]any{}, []any{}
	list, _ := spec["panels"].([]any)
	for _, v := range list {
		p, _ := v.(map[string]any)
		name := fmt.Sprintf("panel-%v", p["id"])
		elements[name] = map[string]any{"kind": "Panel", "spec": map[string]any{
			"id": p["id"], "title": p["title"], "vizConfig": map[string]any{"kind": "VizConfig", "group": p["type"]}, "data": map[string]any{"kind": "QueryGroup", "spec": map[string]any{"queries": []any{}}},
		}}
		places = append(places, map[string]any{"kind": "GridLayoutItem", "spec": map[string]any{"x": 0, "y": 0, "width": 12, "height": 8, "element": map[string]any{"kind": "ElementReference", "name": name}}})
	}
	out["elements"], out["layout"] = elements, map[string]any{"kind": "GridLayout", "spec": map[string]any{"items": places}}
	return out
}

// sent reads an object of a request; spec is nil, and it has answered itself, where it
// may not be saved.
func (g *grafana) sent(w http.ResponseWriter, r *http.Request, c caller, version string) (meta, spec map[string]any, in, message string) {
	m := body(w, r)
	if m == nil {
		return
	}
	meta, _ = m["metadata"].(map[string]any)
	marks, _ := meta["annotations"].(map[string]any)
	in, _ = marks["grafana.app/folder"].(string)
	message, _ = marks["grafana.app/message"].(string)
	s, _ := m["spec"].(map[string]any)
	title, _ := s["title"].(string)
	_, elements := s["elements"]
	_, known := g.folderTitle(c.org, in)
	switch {
	case m["apiVersion"] != "dashboard.grafana.app/"+version || m["kind"] != "Dashboard":
		status(w, http.StatusBadRequest, "BadRequest", "the API version in the data does not match the expected API version (dashboard.grafana.app/"+version+")")
	case title == "" || elements != isV2(version):
		status(w, http.StatusUnprocessableEntity, "Invalid", "Dashboard is invalid: spec: Invalid value: the form is not that of "+version)
	case !known:
		status(w, http.StatusNotFound, "NotFound", fmt.Sprintf("folders.folder.grafana.app %q not found", in))
	default:
		spec = s
	}
	return meta, spec, in, message
}

func (g *grafana) putAt(w http.ResponseWriter, r *http.Request, c caller) {
	version, ok := g.at(w, r, c)
	if !ok {
		return
	}
	b := g.board(c.org, r.PathValue("id"))
	if b == nil {
		status(w, http.StatusNotFound, "NotFound", fmt.Sprintf("dashboards.dashboard.grafana.app %q not found", r.PathValue("id")))
		return
	}
	meta, spec, in, message := g.sent(w, r, c, version)
	if spec == nil {
		return
	}
	switch rv, _ := meta["resourceVersion"].(string); {
	case meta["name"] != b.uid:
		status(w, http.StatusBadRequest, "BadRequest", "the name of the object does not match the name on the URL")
	case b.managed != "":
		status(w, http.StatusForbidden, "Forbidden", "this resource is managed by "+b.managed+" and cannot be changed here")
	case rv != "" && rv != resourceVersion(b):
		status(w, http.StatusConflict, "Conflict", fmt.Sprintf("Operation cannot be fulfilled on dashboards.dashboard.grafana.app %q: requested RV does not match current RV", b.uid))
	default:
		g.saved(b, converted(spec, version, b.stored), in, message, c)
		answer(w, http.StatusOK, g.object(b, version))
	}
}

func (g *grafana) postAt(w http.ResponseWriter, r *http.Request, c caller) {
	version, ok := g.at(w, r, c)
	if !ok {
		return
	}
	meta, spec, in, message := g.sent(w, r, c, version)
	if spec == nil {
		return
	}
	name, _ := meta["name"].(string)
	generate, _ := meta["generateName"].(string)
	switch {
	case cmp.Or(name, generate) == "":
		status(w, http.StatusUnprocessableEntity, "Invalid", "Dashboard is invalid: metadata.name: Required value: name or generateName is required")
	case g.board(c.org, name) != nil:
		status(w, http.StatusConflict, "AlreadyExists", fmt.Sprintf("dashboards.dashboard.grafana.app %q already exists", name))
	default:
		b := g.newBoard(c.org, version)
		b.uid = cmp.Or(name, b.uid)
		g.saved(b, spec, in, message, c)
		answer(w, http.StatusCreated, g.object(b, version))
	}
}
