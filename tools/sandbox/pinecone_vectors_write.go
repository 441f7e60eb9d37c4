package sandbox

import "net/http"

func (p *pinecone) upsertVectors(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	var in struct {
		Vectors   []pineVector `json:"vectors"`
		Namespace string       `json:"namespace"`
	}
	refused := ""
	switch {
	case !pineBody(w, r, &in):
		refused = "Invalid JSON in the request body, or larger than 2MB"
	case len(in.Vectors) == 0 || len(in.Vectors) > 1000:
		refused = "vectors must have between 1 and 1000 entries"
	}
	for _, v := range in.Vectors {
		switch {
		case v.ID == "" || len(v.ID) > 512:
			refused = "Vector ID must be 1 to 512 characters"
		case refused == "":
			refused = ix.takes(v.Values, v.Sparse)
		}
		if refused == "" {
			refused = pineMetadataWrong(v.Metadata)
		}
	}
	if refused != "" {
		pineRPC(w, http.StatusBadRequest, 3, refused)
		return
	}
	s := p.write(ix, in.Namespace)
	for _, v := range in.Vectors {
		s.records[v.ID] = pineRecord{fields: v.Metadata, vector: v.Values, sparse: v.Sparse.weights()}
	}
	s.written(w)
	pineJSON(w, http.StatusOK, map[string]any{"upsertedCount": len(in.Vectors)})
}

func pineMetadataWrong(fields map[string]any) string {
	for name, v := range fields {
		if !pineconeMetadata(v) {
			return "Metadata value must be a string, number, boolean or list of strings, got something else for field '" + name + "'"
		}
	}
	return ""
}

func (p *pinecone) updateVectors(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	var in struct {
		ID        string         `json:"id"`
		Values    []float32      `json:"values"`
		Sparse    *pineSparse    `json:"sparseValues"`
		Set       map[string]any `json:"setMetadata"`
		Namespace string         `json:"namespace"`
		Filter    map[string]any `json:"filter"`
		DryRun    bool           `json:"dryRun"`
	}
	refused := ""
	switch {
	case !pineBody(w, r, &in):
		refused = "Invalid JSON in the request body"
	case (in.ID == "") == (in.Filter == nil):
		refused = "Exactly one of id and filter is required"
	case in.ID != "" && in.DryRun:
		refused = "dryRun is supported with filter only"
	case in.Values != nil || in.Sparse != nil && ix.vectorType == "sparse":
		refused = ix.takes(in.Values, in.Sparse)
	}
	if refused == "" {
		refused = pineMetadataWrong(in.Set)
	}
	space := ix.space(in.Namespace)
	ids := []string{in.ID}
	if refused == "" && in.Filter != nil {
		var err error
		var records map[string]pineRecord
		if space != nil {
			records = space.records
		}
		if ids, err = pineFilter(records, in.Filter); err != nil {
			refused = err.Error()
		}
	}
	if refused != "" {
		pineRPC(w, http.StatusBadRequest, 3, refused)
		return
	}
	out := map[string]any{}
	if in.Filter != nil {
		out["matchedRecords"] = len(ids)
	}
	if space != nil && !in.DryRun {
		space = p.write(ix, in.Namespace)
		for _, id := range ids {
			if rec, ok := space.records[id]; ok {
				space.records[id] = rec.with(in.Set, in.Values, in.Sparse)
			}
		}
		space.written(w)
	}
	pineJSON(w, http.StatusOK, out)
}

// with is a record with some of it changed.
func (rec pineRecord) with(set map[string]any, values []float32, sparse *pineSparse) pineRecord {
	fields := map[string]any{}
	for k, v := range rec.fields {
		fields[k] = v
	}
	for k, v := range set {
		fields[k] = v
	}
	rec.fields = fields
	if values != nil {
		rec.vector = values
	}
	if sparse != nil {
		rec.sparse = sparse.weights()
	}
	return rec
}

func (p *pinecone) deleteVectors(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	var in struct {
		IDs       []string       `json:"ids"`
		All       bool           `json:"deleteAll"`
		Filter    map[string]any `json:"filter"`
		Namespace string         `json:"namespace"`
	}
	given := 0
	ok := pineBody(w, r, &in)
	for _, there := range []bool{len(in.IDs) > 0, in.All, in.Filter != nil} {
		if there {
			given++
		}
	}
	if !ok || given != 1 || len(in.IDs) > 1000 {
		pineRPC(w, http.StatusBadRequest, 3, "Exactly one of ids (1 to 1000), deleteAll and filter is required")
		return
	}
	if ix.space(in.Namespace) == nil {
		pineRPC(w, http.StatusNotFound, 5, "Namespace not found")
		return
	}
	ids := in.IDs
	if in.All {
		ids = pineKeys(ix.space(in.Namespace).records)
	}
	if in.Filter != nil {
		var err error
		if ids, err = pineFilter(ix.space(in.Namespace).records, in.Filter); err != nil {
			pineRPC(w, http.StatusBadRequest, 3, err.Error())
			return
		}
	}
	s := p.write(ix, in.Namespace)
	for _, id := range ids {
		delete(s.records, id)
	}
	s.written(w)
	pineJSON(w, http.StatusOK, map[string]any{})
}
