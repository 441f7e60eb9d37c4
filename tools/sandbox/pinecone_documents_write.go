package sandbox

import (
	"maps"
	"net/http"
	"slices"
)

func (p *pinecone) updateDocuments(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	var in struct {
		Documents []map[string]any `json:"documents"`
		Filter    map[string]any   `json:"filter"`
		Set       map[string]any   `json:"set_fields"`
		Remove    []string         `json:"remove_fields"`
	}
	refused := ""
	switch {
	case !pineBody(w, r, &in):
		refused = "Invalid JSON in the request body"
	case (len(in.Documents) > 0) == (in.Filter != nil):
		refused = "Exactly one of documents and filter is required"
	default:
		refused = ix.documentWrong(in.Set)
	}
	for _, doc := range in.Documents {
		if refused == "" {
			patch := maps.Clone(doc)
			delete(patch, "_remove_fields")
			refused = ix.documentWrong(patch)
		}
	}
	space := ix.space(r.PathValue("ns"))
	var ids []string
	if refused == "" && in.Filter != nil && space != nil {
		var err error
		if ids, err = pineFilter(space.records, in.Filter); err != nil {
			refused = err.Error()
		}
	}
	if refused != "" {
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", refused)
		return
	}
	out := map[string]any{}
	if in.Filter != nil {
		out["matched_records"] = len(ids)
	}
	if space != nil {
		space = p.write(ix, r.PathValue("ns"))
		for _, id := range ids {
			rec := space.records[id].with(in.Set, nil, nil)
			maps.DeleteFunc(rec.fields, func(name string, _ any) bool { return slices.Contains(in.Remove, name) })
			space.records[id] = rec
		}
		for _, doc := range in.Documents {
			id, _ := doc["_id"].(string)
			if rec, ok := space.records[id]; ok {
				space.records[id] = pinePatched(rec, doc)
			}
		}
		space.written(w)
	}
	pineJSON(w, http.StatusOK, out)
}

func pinePatched(rec pineRecord, doc map[string]any) pineRecord {
	remove, _ := doc["_remove_fields"].([]any)
	patch := maps.Clone(doc)
	delete(patch, "_id")
	delete(patch, "_remove_fields")
	rec = rec.with(patch, nil, nil)
	for _, name := range remove {
		text, _ := name.(string)
		delete(rec.fields, text)
	}
	return rec
}

func (p *pinecone) deleteDocuments(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	var in struct {
		IDs    []string       `json:"ids"`
		Filter map[string]any `json:"filter"`
		All    bool           `json:"delete_all"`
	}
	given := 0
	ok := pineBody(w, r, &in)
	for _, there := range []bool{len(in.IDs) > 0, in.All, in.Filter != nil} {
		if there {
			given++
		}
	}
	if !ok || given != 1 {
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", "Exactly one of ids, filter and delete_all is required")
		return
	}
	space := ix.space(r.PathValue("ns"))
	if space == nil {
		pineControl(w, http.StatusNotFound, "NOT_FOUND", "Namespace not found")
		return
	}
	out, ids := map[string]any{}, in.IDs
	if in.All {
		ids = pineKeys(space.records)
	}
	if in.Filter != nil {
		var err error
		if ids, err = pineFilter(space.records, in.Filter); err != nil {
			pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", err.Error())
			return
		}
		out["matched_records"] = len(ids)
	}
	space = p.write(ix, r.PathValue("ns"))
	for _, id := range ids {
		delete(space.records, id)
	}
	space.written(w)
	pineJSON(w, http.StatusOK, out)
}
