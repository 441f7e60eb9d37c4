package pinecone

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) searchTools() []tools.Tool {
	return []tools.Tool{tools.New("pinecone_search_records", s.searchRecords)}
}

type searchIn struct {
	Index     string         `json:"index"`
	Namespace string         `json:"namespace"`
	Text      string         `json:"text"`
	TopK      int            `json:"top_k"`
	Filter    map[string]any `json:"filter"`
	Fields    []string       `json:"fields"`
	Terms     []string       `json:"terms"`
	Rerank    *rerankIn      `json:"rerank"`
	MinLSN    int64          `json:"min_lsn"`
	Format    string         `json:"response_format"`
}

type rerankIn struct {
	Model string `json:"model"`
	Field string `json:"field"`
	TopN  int    `json:"top_n"`
}

// Hit is a record that was found.
type Hit struct {
	ID     string         `json:"id"`
	Score  float64        `json:"score"`
	Fields map[string]any `json:"fields"`
}

// Hits is the answer of pinecone_search_records.
type Hits struct {
	Index       string `json:"index"`
	Namespace   string `json:"namespace"`
	Hits        []Hit  `json:"hits"` // best first
	Dropped     int    `json:"dropped,omitempty"`
	ReadUnits   int    `json:"read_units,omitempty"` // this and the next two where details were asked for
	EmbedTokens int    `json:"embed_tokens,omitempty"`
	RerankUnits int    `json:"rerank_units,omitempty"`
	Seen
}

// Text is one line a hit: score, id, fields.
func (h Hits) Text() string {
	var b strings.Builder
	if len(h.Hits) == 0 {
		fmt.Fprintf(&b, "Nothing found in namespace %s of %s. pinecone_describe_index lists the namespaces.\n", shown(h.Namespace), h.Index)
	}
	for _, hit := range h.Hits {
		fmt.Fprintf(&b, "%.3f  %s  %s\n", hit.Score, shown(hit.ID), line(hit.Fields))
	}
	droppedLine(&b, h.Dropped)
	if h.ReadUnits > 0 {
		fmt.Fprintf(&b, "Cost: %d read units, %d tokens embedded, %d rerank units.\n", h.ReadUnits, h.EmbedTokens, h.RerankUnits)
	}
	b.WriteString(h.end())
	return b.String()
}

func droppedLine(b *strings.Builder, n int) {
	if n > 0 {
		fmt.Fprintf(b, "%d more hits did not fit; name fewer fields or lower top_k.\n", n)
	}
}

// The request and answer of POST /records/namespaces/{ns}/search.
type (
	searchRequest struct {
		Query  searchQuery     `json:"query"`
		Fields []string        `json:"fields,omitempty"`
		Rerank *rerankSettings `json:"rerank,omitempty"`
	}
	searchQuery struct {
		TopK   int            `json:"top_k"`
		Inputs searchInputs   `json:"inputs"`
		Filter map[string]any `json:"filter,omitempty"`
		Terms  *matchTerms    `json:"match_terms,omitempty"`
	}
	searchInputs struct {
		Text string `json:"text"`
	}
	matchTerms struct {
		Strategy string   `json:"strategy"`
		Terms    []string `json:"terms"`
	}
	rerankSettings struct {
		Model      string   `json:"model"`
		RankFields []string `json:"rank_fields"`
		TopN       int      `json:"top_n,omitempty"`
	}
	searchAnswer struct {
		Result struct {
			Hits []hitModel `json:"hits"`
		} `json:"result"`
		Usage struct {
			ReadUnits   int `json:"read_units"`
			EmbedTokens int `json:"embed_total_tokens"`
			RerankUnits int `json:"rerank_units"`
		} `json:"usage"`
	}
	hitModel struct {
		ID     string                     `json:"_id"`
		Score  float64                    `json:"_score"`
		Fields map[string]json.RawMessage `json:"fields"`
	}
)

func (s *service) searchRecords(ctx context.Context, c *upstream.Client, in searchIn) (Hits, error) {
	if err := checkFilter(in.Filter, false); err != nil {
		return Hits{}, err
	}
	t, err := s.checked(ctx, c, in.Index, in.Namespace, func(t *target) error {
		switch {
		case t.kind != integrated:
			return t.noModel()
		case len(in.Terms) > 0 && t.vector == "dense":
			return fault.Wrong("terms works on sparse indexes only, and %s is dense. Leave terms out; a field with exact values can be filtered.", t.name)
		}
		return nil
	})
	if err != nil {
		return Hits{}, err
	}
	answer, seen, err := t.search(ctx, in)
	if err != nil {
		return Hits{}, err
	}
	out := Hits{Index: in.Index, Namespace: in.Namespace, Seen: seen}
	out.Hits, out.Dropped = hits(answer.Result.Hits, in.TopK)
	out.judge(in.MinLSN)
	if len(out.Hits) == 0 {
		out.add(t.nothing(ctx, len(in.Filter) > 0))
	}
	if in.Format == "detailed" {
		u := answer.Usage
		out.ReadUnits, out.EmbedTokens, out.RerankUnits = u.ReadUnits, u.EmbedTokens, u.RerankUnits
	}
	return out, nil
}

// search asks an integrated index.
func (t *target) search(ctx context.Context, in searchIn) (answer searchAnswer, seen Seen, err error) {
	body := searchRequest{
		Query:  searchQuery{TopK: in.TopK, Inputs: searchInputs{Text: in.Text}, Filter: in.Filter},
		Fields: in.Fields,
	}
	if len(in.Terms) > 0 {
		body.Query.Terms = &matchTerms{"all", in.Terms}
	}
	model := ""
	if in.Rerank != nil {
		model = in.Rerank.Model
		body.Rerank = &rerankSettings{
			Model: in.Rerank.Model, TopN: min(in.Rerank.TopN, in.TopK),
			RankFields: []string{cmp.Or(in.Rerank.Field, t.textField)},
		}
	}
	err = t.do(ctx, upstream.Request{
		Path: "/records/namespaces/" + url.PathEscape(in.Namespace) + "/search",
		JSON: body,
		Read: true,
		Head: func(h http.Header) { seen.IndexedLSN = lsn(h, headerIndexed) },
	}, &answer)
	if err != nil {
		err = t.s.aboutModel(ctx, t.c, err, model)
	}
	return answer, seen, err
}

// hits are those that an answer can hold, and how many it cannot.
func hits(all []hitModel, most int) (out []Hit, dropped int) {
	out = []Hit{}
	budget := maxBudget
	for i, h := range all {
		f := fields(h.Fields)
		if budget -= size(f); budget < 0 && i > 0 || i == most {
			return out, len(all) - i
		}
		out = append(out, Hit{ID: upstream.Clean(h.ID, 512), Score: h.Score, Fields: f})
	}
	return out, 0
}
