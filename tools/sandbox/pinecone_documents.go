package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"toolvault/tools/pattern"
)

// The Documents API of 2026-07, of indexes with a schema. A document is kept whole
// in a record's fields, without its id.

func pineFloats(v any) []float32 {
	list, _ := v.([]any)
	out := make([]float32, 0, len(list))
	for _, e := range list {
		n, ok := pineNumber(e)
		if !ok {
			return nil
		}
		out = append(out, float32(n))
	}
	return out
}

func (ix *pineIndex) documentWrong(doc map[string]any) string {
	for name, v := range doc {
		f, declared := ix.schema[name]
		switch {
		case name == "_id":
		case strings.HasPrefix(name, "_") || strings.HasPrefix(name, "$"):
			return "Field name '" + name + "' is reserved"
		case declared && f.Type == "dense_vector":
			if got := pineFloats(v); len(got) != f.Dimension {
				return fmt.Sprintf("Field '%s': vector dimension %d does not match %d", name, len(got), f.Dimension)
			}
		case declared && f.Type == "string":
			if _, ok := v.(string); !ok {
				return "Field '" + name + "' must be a string"
			}
		case declared:
		case !pineconeMetadata(v):
			return "Field '" + name + "' must be a string, number, boolean or list of strings"
		}
	}
	return ""
}

func (p *pinecone) upsertDocuments(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	var in struct {
		Documents []map[string]any `json:"documents"`
	}
	refused := ""
	if !pineBody(w, r, &in) || len(in.Documents) == 0 || len(in.Documents) > 1000 {
		refused = "documents must have between 1 and 1000 entries, and 2MB in all"
	}
	for _, doc := range in.Documents {
		if id, _ := doc["_id"].(string); id == "" && refused == "" {
			refused = "A document has no _id"
		}
		if refused == "" {
			refused = ix.documentWrong(doc)
		}
	}
	if refused != "" { // all or nothing
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", refused)
		return
	}
	s := p.write(ix, r.PathValue("ns"))
	for _, doc := range in.Documents {
		id, _ := doc["_id"].(string)
		delete(doc, "_id")
		s.records[id] = pineRecord{fields: doc}
	}
	s.written(w)
	pineJSON(w, http.StatusOK, map[string]any{"upserted_count": len(in.Documents)})
}

// pineDocument is a document as it is answered.
func pineDocument(id string, rec pineRecord, include []string) map[string]any {
	doc := map[string]any{"_id": id}
	for name, v := range rec.fields {
		if slices.Contains(include, "*") || slices.Contains(include, name) {
			doc[name] = v
		}
	}
	return doc
}

type pineScoring struct {
	Type   string    `json:"type"`
	Fields []string  `json:"fields"`
	Field  string    `json:"field"`
	Query  string    `json:"query"`
	Values []float32 `json:"values"`
}

func (p *pinecone) searchDocuments(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	var q struct {
		ScoreBy []pineScoring  `json:"score_by"`
		TopK    int            `json:"top_k"`
		Include []string       `json:"include_fields"`
		Filter  map[string]any `json:"filter"`
	}
	refused := ""
	switch {
	case !pineBody(w, r, &q):
		refused = "Invalid JSON in the request body"
	case q.TopK < 1 || q.TopK > 10000:
		refused = "top_k must be between 1 and 10000"
	case len(q.ScoreBy) == 0:
		refused = "score_by is required"
	}
	for i := range q.ScoreBy {
		if refused == "" {
			refused = ix.scoringWrong(&q.ScoreBy[i], len(q.ScoreBy))
		}
	}
	var all []pineHit
	for id, rec := range ix.space(r.PathValue("ns")).read(w) {
		ok, err := pineMatches(q.Filter, rec.fields)
		if err != nil && refused == "" {
			refused = err.Error()
		}
		score := 0.0
		for _, by := range q.ScoreBy {
			score += by.score(rec)
		}
		if ok && score > 0 {
			all = append(all, pineHit{id, score, rec})
		}
	}
	if refused != "" {
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", refused)
		return
	}
	matches := []any{}
	for _, h := range pineBest(all, q.TopK) {
		doc := pineDocument(h.id, h.rec, q.Include)
		doc["_score"] = float32(h.score)
		matches = append(matches, doc)
	}
	pineJSON(w, http.StatusOK, map[string]any{"matches": matches, "namespace": r.PathValue("ns"), "usage": map[string]any{"read_units": 1}})
}

func (ix *pineIndex) scoringWrong(by *pineScoring, of int) string {
	if by.Field != "" {
		by.Fields = append(by.Fields, by.Field)
	}
	switch by.Type {
	case "text":
		if strings.TrimSpace(by.Query) == "" || len(by.Fields) == 0 {
			return "A text clause needs query and fields"
		}
		for _, name := range by.Fields {
			if ix.schema[name].FullText == nil {
				return "Field '" + name + "' is not a full-text search field"
			}
		}
	case "query_string":
		if strings.TrimSpace(by.Query) == "" || len(by.Fields) > 0 {
			return "A query_string clause needs query and takes no fields"
		}
	case "dense_vector":
		if of > 1 || len(by.Fields) != 1 {
			return "A dense_vector clause stands alone, with one field"
		}
		if f := ix.schema[by.Fields[0]]; f.Type != "dense_vector" || f.Dimension != len(by.Values) {
			return fmt.Sprintf("Field '%s' does not take a dense vector of dimension %d", by.Fields[0], len(by.Values))
		}
	default:
		return "Unknown score_by type '" + by.Type + "'"
	}
	return ""
}

var pineClause = pattern.New(`(?:(\w+):)?(?:"([^"]*)"|(\S+))`)

// score counts the words that a document has of a query, rare or not; a phrase
// counts whole. Vectors are compared by their angle.
func (by pineScoring) score(rec pineRecord) float64 {
	switch by.Type {
	case "dense_vector":
		return pineCosine(by.Values, pineFloats(rec.fields[by.Fields[0]]))
	case "text":
		sum := 0.0
		for _, name := range by.Fields {
			sum += pineOverlap(by.Query, rec.fields[name])
		}
		return sum
	}
	sum := 0.0
	for _, m := range pineClause.FindAllStringSubmatch(by.Query, -1) {
		if m[3] == "AND" || m[3] == "OR" {
			continue
		}
		for name, v := range rec.fields {
			text, isText := v.(string)
			if !isText || m[1] != "" && m[1] != name {
				continue
			}
			if m[2] != "" && strings.Contains(strings.ToLower(text), strings.ToLower(m[2])) {
				sum += float64(len(pineconeWords(m[2])))
			}
			sum += pineOverlap(m[3], v)
		}
	}
	return sum
}

func pineOverlap(query string, v any) float64 {
	text, _ := v.(string)
	has, n := pineconeWords(text), 0.0
	for _, word := range pineconeWords(query) {
		if !pineStopWords[word] && slices.Contains(has, word) {
			n++
		}
	}
	return n
}

func (p *pinecone) fetchDocuments(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	var in struct {
		IDs     []string       `json:"ids"`
		Filter  map[string]any `json:"filter"`
		Include []string       `json:"include_fields"`
		Token   string         `json:"pagination_token"`
		Limit   int            `json:"limit"`
	}
	if !pineBody(w, r, &in) || (len(in.IDs) > 0) == (in.Filter != nil) || in.Token != "" && in.Filter == nil {
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", "Exactly one of ids and filter is required")
		return
	}
	if len(in.Include) == 0 {
		in.Include = []string{"*"}
	}
	if in.Limit == 0 {
		in.Limit = 100
	}
	records := ix.space(r.PathValue("ns")).read(w)
	page, next := in.IDs, ""
	if in.Filter != nil {
		ids, err := pineFilter(records, in.Filter)
		if err != nil {
			pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", err.Error())
			return
		}
		page, next = pinePage(ids, in.Token, in.Limit)
	}
	found := map[string]any{}
	for _, id := range page {
		if rec, ok := records[id]; ok {
			found[id] = pineDocument(id, rec, in.Include)
		}
	}
	out := map[string]any{"documents": found, "namespace": r.PathValue("ns"), "usage": map[string]any{"read_units": 1}}
	if next != "" {
		out["pagination"] = map[string]any{"next": next}
	}
	pineJSON(w, http.StatusOK, out)
}

func (p *pinecone) listDocuments(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	var in struct {
		Prefix string `json:"prefix"`
		Limit  int    `json:"limit"`
		Token  string `json:"pagination_token"`
	}
	if !pineBody(w, r, &in) {
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", "Invalid JSON in the request body")
		return
	}
	if in.Limit == 0 {
		in.Limit = 100
	}
	var ids []string
	for _, id := range pineKeys(ix.space(r.PathValue("ns")).read(w)) {
		if strings.HasPrefix(id, in.Prefix) {
			ids = append(ids, id)
		}
	}
	page, next := pinePage(ids, in.Token, in.Limit)
	list := []any{}
	for _, id := range page {
		list = append(list, map[string]any{"_id": id})
	}
	out := map[string]any{"documents": list, "namespace": r.PathValue("ns"), "usage": map[string]any{"read_units": 1}}
	if next != "" {
		out["pagination"] = map[string]any{"next": next}
	}
	pineJSON(w, http.StatusOK, out)
}

// pineAny turns a list of numbers into the form that JSON decodes to.
func pineAny(values []float32) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = json.Number(fmt.Sprint(v))
	}
	return out
}
