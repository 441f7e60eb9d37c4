package sandbox

import (
	"encoding/base64"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// pineSpace is a namespace. Reads see the state of a while ago where the double has
// a lag.
type pineSpace struct {
	records map[string]pineRecord
	lsn     int64

	seen    map[string]pineRecord // what reads see while behind is not 0
	seenLSN int64
	behind  int
}

type pineRecord struct {
	fields map[string]any // metadata, with the text; all of a document but its id
	vector []float32
	sparse map[uint32]float32
}

// space finds a namespace, whose default one has two spellings.
func (ix *pineIndex) space(name string) *pineSpace {
	if name == "" {
		name = pineconeDefaultNS
	}
	return ix.spaces[name]
}

// write begins a write to a namespace, which it makes where there is none.
func (p *pinecone) write(ix *pineIndex, name string) *pineSpace {
	if name == "" {
		name = pineconeDefaultNS
	}
	s := ix.spaces[name]
	if s == nil {
		s = &pineSpace{records: map[string]pineRecord{}}
		ix.spaces[name] = s
	}
	if p.lag > 0 {
		if s.behind == 0 {
			s.seen, s.seenLSN = maps.Clone(s.records), s.lsn
		}
		s.behind = p.lag
	}
	s.lsn++
	return s
}

// read is what a read sees of a namespace, and sets the header that says how far
// that is.
func (s *pineSpace) read(w http.ResponseWriter) map[string]pineRecord {
	if s == nil {
		return nil
	}
	records, lsn := s.records, s.lsn
	if s.behind > 0 {
		s.behind--
		records, lsn = s.seen, s.seenLSN
	}
	w.Header().Set("X-Pinecone-Max-Indexed-Lsn", strconv.FormatInt(lsn, 10))
	return records
}

func (s *pineSpace) written(w http.ResponseWriter) {
	w.Header().Set("X-Pinecone-Request-Lsn", strconv.FormatInt(s.lsn, 10))
}

// pinePage cuts a sorted list of ids behind the one that a token names.
func pinePage(ids []string, token string, limit int) (page []string, next string) {
	after, _ := base64.StdEncoding.DecodeString(token)
	for _, id := range ids {
		if token != "" && id <= string(after) {
			continue
		}
		if len(page) == limit {
			return page, base64.StdEncoding.EncodeToString([]byte(page[limit-1]))
		}
		page = append(page, id)
	}
	return page, ""
}

func pineLimit(text string, standard int) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return standard
}

func (p *pinecone) stats(w http.ResponseWriter, _ *http.Request, ix *pineIndex) {
	spaces, total := map[string]any{}, 0
	for name, s := range ix.spaces {
		spaces[name] = map[string]any{"vectorCount": len(s.records)}
		total += len(s.records)
	}
	out := map[string]any{
		"namespaces": spaces, "totalVectorCount": total, "metric": ix.metric, "vectorType": ix.vectorType, "indexFullness": 0,
	}
	if ix.dimension > 0 {
		out["dimension"] = ix.dimension
	}
	pineJSON(w, http.StatusOK, out)
}

func (ix *pineIndex) showSpace(name string) map[string]any {
	return map[string]any{"name": name, "record_count": len(ix.spaces[name].records)}
}

func (p *pinecone) listNamespaces(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	q := r.URL.Query()
	var names []string
	for _, name := range pineKeys(ix.spaces) {
		if strings.HasPrefix(name, q.Get("prefix")) {
			names = append(names, name)
		}
	}
	page, next := pinePage(names, q.Get("paginationToken"), pineLimit(q.Get("limit"), 100))
	list := []any{}
	for _, name := range page {
		list = append(list, ix.showSpace(name))
	}
	out := map[string]any{"namespaces": list, "total_count": len(names)}
	if next != "" {
		out["pagination"] = map[string]any{"next": next}
	}
	pineJSON(w, http.StatusOK, out)
}

func (p *pinecone) createNamespace(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	var in struct {
		Name string `json:"name"`
	}
	switch {
	case !pineBody(w, r, &in) || in.Name == "" || len(in.Name) > 512:
		pineRPC(w, http.StatusBadRequest, 3, "A namespace needs a name of 1 to 512 characters.")
	case ix.spaces[in.Name] != nil:
		pineRPC(w, http.StatusConflict, 6, "Namespace already exists")
	default:
		ix.spaces[in.Name] = &pineSpace{records: map[string]pineRecord{}}
		pineJSON(w, http.StatusOK, ix.showSpace(in.Name))
	}
}

func (p *pinecone) describeNamespace(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	name := r.PathValue("ns")
	if ix.spaces[name] == nil {
		pineRPC(w, http.StatusNotFound, 5, "Namespace not found")
		return
	}
	pineJSON(w, http.StatusOK, ix.showSpace(name))
}

func (p *pinecone) deleteNamespace(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	name := r.PathValue("ns")
	if ix.spaces[name] == nil {
		pineRPC(w, http.StatusNotFound, 5, "Namespace not found")
		return
	}
	delete(ix.spaces, name)
	pineJSON(w, http.StatusOK, map[string]any{})
}
