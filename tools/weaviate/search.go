package weaviate

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) searchTools() []tools.Tool {
	return []tools.Tool{
		tools.New("weaviate_search", s.search),
		tools.New("weaviate_find_similar", s.findSimilar),
	}
}

type searchIn struct {
	Collection string     `json:"collection"`
	Query      string     `json:"query"`
	Mode       string     `json:"mode"`
	Alpha      *float64   `json:"alpha"`
	SearchIn   []string   `json:"search_in"`
	Filters    []filterIn `json:"filters"`
	AnyOf      bool       `json:"any_of"`
	Properties []string   `json:"properties"`
	Vector     string     `json:"vector"`
	Tenant     string     `json:"tenant"`
	Limit      int        `json:"limit"`
}

// Hit is an object that was found.
type Hit struct {
	Object
	Score    *float64 `json:"score,omitempty"`    // of hybrid and keyword: more is better, within one answer
	Distance *float64 `json:"distance,omitempty"` // of semantic and similar: less is closer
}

// Hits is the answer of weaviate_search and weaviate_find_similar.
type Hits struct {
	Collection string `json:"collection"`
	Mode       string `json:"mode"`
	Hits       []Hit  `json:"hits"`
	Dropped    int    `json:"dropped,omitempty"` // hits that did not fit into the answer
	Note       string `json:"note,omitempty"`
}

// Text is the hits, best first.
func (h Hits) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d found in %s (%s)\n", len(h.Hits)+h.Dropped, h.Collection, h.Mode)
	for _, hit := range h.Hits {
		head := ""
		if hit.Score != nil {
			head = " score " + strconv.FormatFloat(*hit.Score, 'g', 4, 64)
		}
		if hit.Distance != nil {
			head += " distance " + strconv.FormatFloat(*hit.Distance, 'g', 4, 64)
		}
		b.WriteString(hit.text(head))
	}
	if h.Dropped > 0 {
		fmt.Fprintf(&b, "%d more did not fit. Ask for fewer properties.\n", h.Dropped)
	}
	if h.Note != "" {
		b.WriteString(h.Note + "\n")
	}
	return b.String()
}

// Ways to search.
const (
	hybrid   = "hybrid"
	keyword  = "keyword"
	semantic = "semantic"
	similar  = "similar"
)

func (s *service) search(ctx context.Context, c *upstream.Client, in searchIn) (Hits, error) {
	var q *query
	var selected string
	mode := in.Mode
	col, err := s.checked(ctx, c, in.Collection, func(col *collection) (err error) {
		if mode = in.Mode; mode == "" {
			mode = hybrid
			if !col.semantic() {
				mode = keyword
			}
		}
		q = newQuery("Get", col)
		if err := in.near(q, mode); err != nil {
			return err
		}
		selected, err = s.narrow(q, in.Filters, in.AnyOf, in.Properties, in.Tenant)
		return err
	})
	if err != nil {
		return Hits{}, err
	}
	q.arg("limit:%d", in.Limit)
	hits, err := found(ctx, c, q, selected)
	if err != nil {
		return Hits{}, err
	}
	out := hitsOf(col, mode, hits)
	if len(hits) == 0 && len(in.Filters) > 0 {
		out.Note = "Nothing matches the filters as well. A text with op eq is compared word by word, or as a whole: weaviate_get_collection says which."
	}
	return out, nil
}

// near puts what is searched for into the query.
func (in searchIn) near(q *query, mode string) error {
	if in.Alpha != nil && mode != hybrid {
		return refuse(fault.InvalidArguments, "alpha weighs meaning against words in mode hybrid. Leave it out with mode %s.", mode)
	}
	var parts []string
	if mode != keyword {
		v, err := q.col.vectorOf(in.Vector, true)
		if err != nil {
			return err
		}
		if v != "" {
			parts = append(parts, "targetVectors:"+quoted([]string{v}))
		}
	}
	if len(in.SearchIn) > 0 {
		if mode == semantic {
			return refuse(fault.InvalidArguments, "A search by meaning is about whole objects. Leave search_in out, or use mode hybrid or keyword.")
		}
		weighted, err := q.col.weighted(in.SearchIn)
		if err != nil {
			return err
		}
		parts = append(parts, "properties:"+quoted(weighted))
	}
	if mode == semantic {
		parts = append(parts, "concepts:"+q.text("[String]!", []string{in.Query}))
		q.arg("nearText:{%s}", strings.Join(parts, ","))
		return nil
	}
	parts = append(parts, "query:"+q.text("String!", in.Query))
	if mode == keyword {
		q.arg("bm25:{%s}", strings.Join(parts, ","))
		return nil
	}
	if in.Alpha != nil {
		parts = append(parts, "alpha:"+strconv.FormatFloat(*in.Alpha, 'g', -1, 64))
	}
	q.arg("hybrid:{%s}", strings.Join(parts, ","))
	return nil
}

// weighted are the properties to look for words in, each with its weight if it has
// one: "title^2".
func (col *collection) weighted(words []string) ([]string, error) {
	var all []string
	for _, word := range words {
		name, weight, has := strings.Cut(word, "^")
		p, err := col.property(name)
		if err != nil {
			return nil, err
		}
		if !p.searchable {
			return nil, refuse(fault.InvalidArguments, "%s is not searched for words; weaviate_get_collection shows which properties are. Filters work on more.", p.name)
		}
		if has {
			n, err := strconv.ParseUint(weight, 10, 8)
			if err != nil || n == 0 {
				return nil, refuse(fault.InvalidArguments, "The weight in search_in is a whole number: %s^2.", p.name)
			}
			name += "^" + strconv.FormatUint(n, 10)
		}
		all = append(all, name)
	}
	return all, nil
}

// vectorOf is the name of the vector to search by, "" where the collection has one
// without a name. made says that the server has to make one of a text.
func (col *collection) vectorOf(word string, made bool) (string, error) {
	var fit, known []string
	for _, v := range col.vectors {
		if v.name != "" {
			known = append(known, v.name)
		}
		if !made || v.vectorizer != "none" {
			fit = append(fit, v.name)
		}
	}
	switch {
	case word != "" && len(known) == 0:
		return "", refuse(fault.InvalidArguments, "The collection %s has one vector, without a name. Leave vector out.", col.name)
	case len(fit) == 0:
		return "", refuse(fault.InvalidArguments, "The server makes no vectors of texts for the collection %s. Use mode keyword.", col.name)
	case word == "" && len(fit) == 1:
		return fit[0], nil
	case word == "":
		return "", refuse(fault.InvalidArguments, "The collection %s has several vectors. Give vector: one of %s.", col.name, list(fit, 20))
	}
	for _, name := range fit {
		if name == word {
			return name, nil
		}
	}
	return "", refuse(fault.InvalidArguments, "The collection %s has no vector %q for this. Give one of %s.", col.name, upstream.Clean(word, 60), list(fit, 20))
}

// narrow puts filters and tenant into a query, and returns what to select.
func (s *service) narrow(q *query, filters []filterIn, anyOf bool, wanted []string, tenant string) (string, error) {
	if err := q.col.forTenant(tenant); err != nil {
		return "", err
	}
	selected, err := q.col.selection(wanted)
	if err != nil {
		return "", err
	}
	where, err := q.col.where(filters, anyOf, s.now())
	if err != nil {
		return "", err
	}
	q.where(where)
	q.tenant(tenant)
	return selected, nil
}

// found are the objects that a query finds.
func found(ctx context.Context, c *upstream.Client, q *query, selected string) ([]Hit, error) {
	var rows []map[string]json.RawMessage
	if err := q.run(ctx, c, selected+" _additional{id score distance creationTimeUnix lastUpdateTimeUnix}", &rows); err != nil {
		return nil, err
	}
	hits := make([]Hit, 0, len(rows))
	for _, row := range rows {
		var more struct {
			ID       string   `json:"id"`
			Score    string   `json:"score"` // a number as a text
			Distance *float64 `json:"distance"`
			Created  string   `json:"creationTimeUnix"`
			Updated  string   `json:"lastUpdateTimeUnix"`
		}
		if json.Unmarshal(row[additional], &more) != nil || more.ID == "" {
			return nil, broken()
		}
		created, _ := strconv.ParseInt(more.Created, 10, 64)
		updated, _ := strconv.ParseInt(more.Updated, 10, 64)
		hit := Hit{Object: objectModel{ID: more.ID, Properties: row, Created: created, Updated: updated}.object(briefText), Distance: more.Distance}
		if score, err := strconv.ParseFloat(more.Score, 64); err == nil {
			hit.Score = &score
		}
		hits = append(hits, hit)
	}
	return hits, nil
}

// hitsOf is the answer, as much as a model can take.
func hitsOf(col *collection, mode string, hits []Hit) Hits {
	out := Hits{Collection: col.name, Mode: mode}
	for i := range hits {
		if mode == hybrid || mode == keyword {
			hits[i].Distance = nil
		} else {
			hits[i].Score = nil
		}
	}
	out.Hits, _ = tools.Page("", tools.Position{}, hits, len(hits), "")
	out.Dropped = len(hits) - len(out.Hits)
	return out
}

type findSimilarIn struct {
	Collection string     `json:"collection"`
	ID         string     `json:"id"`
	Filters    []filterIn `json:"filters"`
	Properties []string   `json:"properties"`
	Vector     string     `json:"vector"`
	Tenant     string     `json:"tenant"`
	Limit      int        `json:"limit"`
}

func (s *service) findSimilar(ctx context.Context, c *upstream.Client, in findSimilarIn) (Hits, error) {
	id, err := objectID(in.ID)
	if err != nil {
		return Hits{}, err
	}
	var q *query
	var selected string
	col, err := s.checked(ctx, c, in.Collection, func(col *collection) error {
		q = newQuery("Get", col)
		v, err := col.vectorOf(in.Vector, false)
		if err != nil {
			return err
		}
		near := "id:" + q.text("String!", id)
		if v != "" {
			near += ",targetVectors:" + quoted([]string{v})
		}
		q.arg("nearObject:{%s}", near)
		selected, err = s.narrow(q, in.Filters, false, in.Properties, in.Tenant)
		return err
	})
	if err != nil {
		return Hits{}, err
	}
	q.arg("limit:%d", in.Limit+1) // it finds itself
	all, err := found(ctx, c, q, selected)
	if err != nil {
		return Hits{}, err
	}
	hits := []Hit{}
	for _, hit := range all {
		if hit.ID != id && len(hits) < in.Limit {
			hits = append(hits, hit)
		}
	}
	return hitsOf(col, similar, hits), nil
}
