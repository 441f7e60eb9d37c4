package weaviate

import (
	"cmp"
	"fmt"
	"net/http"
)

// batchObjects writes each object for itself: 200, whatever becomes of them.
func (r *request) batchObjects() {
	var batch struct {
		Objects []newObject `json:"objects"`
	}
	if !r.body(&batch) {
		return
	}
	if len(batch.Objects) == 0 {
		r.fail(http.StatusUnprocessableEntity, "invalid param 'objects': cannot be empty, need at least one object for batching")
		return
	}
	for i, n := range batch.Objects {
		if n.ID != "" && !validID(n.ID) {
			r.badID(fmt.Sprintf("body.objects.%d.id in body", i), n.ID)
			return
		}
		if !r.allow("update_data", n.Class) || !r.allow("create_data", n.Class) {
			return
		}
	}
	results := []map[string]any{}
	for _, n := range batch.Objects {
		o, _, wrong := r.c.store(n, r.providerKey())
		if wrong != "" {
			results = append(results, map[string]any{
				"class": n.Class, "id": n.ID, "properties": n.Properties, "deprecations": nil,
				"result": map[string]any{"status": "FAILED", "errors": map[string]any{"error": []map[string]string{{"message": wrong}}}},
			})
			continue
		}
		m := withVector(o)
		m["deprecations"], m["result"] = nil, map[string]any{"status": "SUCCESS"}
		results = append(results, m)
	}
	r.ok(results)
}

func (r *request) batchDelete() {
	var b struct {
		Match struct {
			Class string `json:"class"`
			Where *where `json:"where"`
		} `json:"match"`
		DryRun bool   `json:"dryRun"`
		Output string `json:"output"`
	}
	if !r.body(&b) || !r.allow("delete_data", b.Match.Class) {
		return
	}
	tenant, k := r.URL.Query().Get("tenant"), r.c.find(b.Match.Class)
	wrong := ""
	switch {
	case k == nil:
		wrong = "validate: failed to get class: " + b.Match.Class
	case b.Match.Where == nil:
		wrong = "validate: empty match.where clause"
	default:
		if wrong = b.Match.Where.check(k); wrong != "" {
			wrong = "validate: invalid where filter: " + wrong
		} else if wrong = k.place(tenant); wrong != "" {
			wrong = "batch delete objects: cannot find objects: " + wrong
		}
	}
	if wrong != "" {
		r.fail(http.StatusUnprocessableEntity, "%s", wrong)
		return
	}
	var shown []map[string]string
	matches, done := 0, 0
	for _, o := range k.of(tenant) {
		if !b.Match.Where.holds(k, o) {
			continue
		}
		status := "DRYRUN"
		if matches++; !b.DryRun {
			delete(k.objects, key(o.Tenant, o.ID))
			status = "SUCCESS"
			done++
		}
		if b.Output == "verbose" {
			shown = append(shown, map[string]string{"id": o.ID, "status": status})
		}
	}
	r.ok(map[string]any{
		"dryRun": b.DryRun, "output": cmp.Or(b.Output, "minimal"), "match": b.Match,
		"results": map[string]any{"matches": matches, "limit": maxResults, "successful": done, "failed": 0, "objects": shown},
	})
}
