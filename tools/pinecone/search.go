package pinecone

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

type searchIn struct {
	Index     string         `json:"index"`
	Namespace string         `json:"namespace"`
	Text      string         `json:"text"`
	TopK      int            `json:"top_k"`
	Filter    map[string]any `json:"filter"`
	Fields    []string       `json:"fields"`
	Rerank    *rerankIn      `json:"rerank"`
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
	Index      string `json:"index"`
	Namespace  string `json:"namespace"`
	Hits       []Hit  `json:"hits"` // best first
	Dropped    int    `json:"dropped,omitempty"`
	ReadUnits  int    `json:"read_units"`
	IndexedLSN *int64 `json:"indexed_lsn,omitempty"`
}

// Text is one line a hit: score, id, fields.
func (h Hits) Text() string {
	if len(h.Hits) == 0 {
		return fmt.Sprintf("Nothing found in namespace %s of %s. pinecone_describe_index lists the namespaces.", h.Namespace, h.Index)
	}
	var b strings.Builder
	for _, hit := range h.Hits {
		fmt.Fprintf(&b, "%.3f  %s  %s\n", hit.Score, hit.ID, line(hit.Fields))
	}
	if h.Dropped > 0 {
		fmt.Fprintf(&b, "%d more hits did not fit; name fewer fields or lower top_k.\n", h.Dropped)
	}
	return b.String()
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
	}
	searchInputs struct {
		Text string `json:"text"`
	}
	rerankSettings struct {
		Model      string   `json:"model"`
		RankFields []string `json:"rank_fields"`
		TopN       int      `json:"top_n,omitempty"`
	}
	searchAnswer struct {
		Result struct {
			Hits []struct {
				ID     string                     `json:"_id"`
				Score  float64                    `json:"_score"`
				Fields map[string]json.RawMessage `json:"fields"`
			} `json:"hits"`
		} `json:"result"`
		Usage struct {
			ReadUnits int `json:"read_units"`
		} `json:"usage"`
	}
)

func (s *service) searchRecords(ctx context.Context, c *upstream.Client, in searchIn) (Hits, error) {
	ix, fresh, err := s.resolve(ctx, c, in.Index)
	if err != nil {
		return Hits{}, err
	}
	if ix.textField == "" {
		return Hits{}, noModel(in.Index)
	}
	body := searchRequest{
		Query:  searchQuery{TopK: in.TopK, Inputs: searchInputs{Text: in.Text}, Filter: in.Filter},
		Fields: in.Fields,
	}
	if in.Rerank != nil {
		body.Rerank = &rerankSettings{
			Model: in.Rerank.Model, TopN: in.Rerank.TopN,
			RankFields: []string{cmp.Or(in.Rerank.Field, ix.textField)},
		}
	}
	out := Hits{Index: in.Index, Namespace: in.Namespace, Hits: []Hit{}}
	var answer searchAnswer
	err = s.onIndex(ctx, c, in.Index, ix, fresh, upstream.Request{
		Path: "/records/namespaces/" + url.PathEscape(in.Namespace) + "/search",
		JSON: body,
		Read: true,
		Head: func(h http.Header) { out.IndexedLSN = lsn(h, headerIndexed) },
	}, &answer)
	if err != nil {
		return Hits{}, err
	}
	out.ReadUnits = answer.Usage.ReadUnits
	budget := maxBudget
	for i, h := range answer.Result.Hits {
		f := fields(h.Fields)
		if budget -= size(f); budget < 0 && i > 0 || i == in.TopK {
			out.Dropped = len(answer.Result.Hits) - i
			break
		}
		out.Hits = append(out.Hits, Hit{ID: upstream.Clean(h.ID, 512), Score: h.Score, Fields: f})
	}
	return out, nil
}

// noModel says that text is of no use with an index of bare vectors.
func noModel(index string) *fault.Error {
	f := fault.New(fault.InvalidArguments, "The index %s has no embedding model of its own, so it takes no text. pinecone_list_indexes shows which indexes have text search.", index)
	f.NotSent = true
	return f
}
