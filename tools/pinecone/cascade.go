package pinecone

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) cascadeTools() []tools.Tool {
	return []tools.Tool{tools.New("pinecone_cascading_search", s.cascadingSearch)}
}

type cascadeIn struct {
	Indexes []cascadePlace `json:"indexes"`
	Text    string         `json:"text"`
	TopK    int            `json:"top_k"`
	TopN    int            `json:"top_n"`
	Filter  map[string]any `json:"filter"`
	Model   string         `json:"model"`
}

type cascadePlace struct {
	Index     string `json:"index"`
	Namespace string `json:"namespace"`
}

// FoundIn is a hit with the place where it was found.
type FoundIn struct {
	Index     string `json:"index"`
	Namespace string `json:"namespace"`
	Hit
}

// FailedIn is a place that could not be searched.
type FailedIn struct {
	Index     string `json:"index"`
	Namespace string `json:"namespace"`
	Error     string `json:"error"`
}

// Cascade is the answer of pinecone_cascading_search.
type Cascade struct {
	Hits     []FoundIn  `json:"hits"`     // best first, by the reranker's score
	Searched int        `json:"searched"` // different records that were compared
	Dropped  int        `json:"dropped,omitempty"`
	Failed   []FailedIn `json:"failed,omitempty"`
	Note     string     `json:"note,omitempty"`
}

// Text is one line a hit: score, place, id, fields.
func (c Cascade) Text() string {
	var b strings.Builder
	if len(c.Hits) == 0 {
		b.WriteString("Nothing found.\n")
	}
	for _, h := range c.Hits {
		fmt.Fprintf(&b, "%.3f  %s/%s  %s  %s\n", h.Score, shown(h.Index), shown(h.Namespace), shown(h.ID), line(h.Fields))
	}
	droppedLine(&b, c.Dropped)
	for _, f := range c.Failed {
		fmt.Fprintf(&b, "Not searched: %s/%s: %s\n", shown(f.Index), shown(f.Namespace), f.Error)
	}
	if c.Note != "" {
		b.WriteString(c.Note + "\n")
	}
	return b.String()
}

const maxReranked = 100 // documents of one request: what the hosted models take

// candidate is a record that is to be reranked.
type candidate struct {
	place cascadePlace
	hit   hitModel
	text  string
}

// cascadingSearch searches one place after another, so that a place that fails
// does not keep the others from being heard, and reranks what they found. Scores
// of different indexes cannot be compared: the reranker's can.
func (s *service) cascadingSearch(ctx context.Context, c *upstream.Client, in cascadeIn) (Cascade, error) {
	if !c.Allows("inference.run") {
		f := fault.New(fault.NotPermitted, "Reranking needs the scope pinecone:inference.run, which this call was not granted. Search the indexes one by one with pinecone_search_records, or ask an admin for the scope.")
		f.Needed = []string{"pinecone:inference.run"}
		f.NotSent = true
		return Cascade{}, f
	}
	if len(in.Indexes) == 0 {
		f := fault.New(fault.InvalidArguments, "indexes is empty. Name at least one, as in [{\"index\": \"support-tickets\"}].")
		f.NotSent = true
		return Cascade{}, f
	}
	if err := checkFilter(in.Filter, false); err != nil {
		return Cascade{}, err
	}
	out := Cascade{Hits: []FoundIn{}}
	var lists [][]candidate
	var last error
	for i, place := range in.Indexes {
		if place.Namespace == "" {
			place.Namespace = defaultNamespace
		}
		found, err := s.candidates(ctx, c, place, in)
		if ctx.Err() != nil {
			return Cascade{}, fault.From(ctx.Err())
		}
		if err != nil {
			last = err
			out.Failed = append(out.Failed, FailedIn{upstream.Clean(place.Index, 100), upstream.Clean(place.Namespace, 200), fault.From(err).Message})
		}
		lists = append(lists, found)
		c.Progress(float64(i+1), float64(len(in.Indexes)+1), "indexes searched")
	}
	if len(out.Failed) == len(in.Indexes) {
		return Cascade{}, last
	}
	all := interleave(lists)
	out.Searched = min(len(all), maxReranked)
	if len(all) > maxReranked {
		out.Note = fmt.Sprintf("%d records were found; the best %d of the indexes were compared. A lower top_k compares them evenly.", len(all), maxReranked)
		all = all[:maxReranked]
	}
	if len(all) == 0 {
		return out, nil
	}
	docs := make([]map[string]any, len(all))
	for i, one := range all {
		docs[i] = map[string]any{"text": one.text}
	}
	ranked, err := s.rank(ctx, c, rerankRequest{Model: in.Model, Query: in.Text, Documents: docs, TopN: min(in.TopN, len(docs)), RankFields: []string{"text"}})
	if err != nil {
		return Cascade{}, err
	}
	budget := maxBudget
	for i, r := range ranked {
		one := all[r.Index]
		f := fields(one.hit.Fields)
		if budget -= size(f); budget < 0 && i > 0 {
			out.Dropped = len(ranked) - i
			break
		}
		out.Hits = append(out.Hits, FoundIn{one.place.Index, one.place.Namespace, Hit{upstream.Clean(one.hit.ID, 512), r.Score, f}})
	}
	return out, nil
}

func (s *service) candidates(ctx context.Context, c *upstream.Client, place cascadePlace, in cascadeIn) ([]candidate, error) {
	t, err := s.checked(ctx, c, place.Index, place.Namespace, func(t *target) error {
		if t.kind != integrated {
			return t.noModel()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer, _, err := t.search(ctx, searchIn{Namespace: place.Namespace, Text: in.Text, TopK: in.TopK, Filter: in.Filter})
	if err != nil {
		return nil, err
	}
	var all []candidate
	for _, h := range answer.Result.Hits {
		text := ""
		if json.Unmarshal(h.Fields[t.textField], &text) == nil && text != "" {
			all = append(all, candidate{place, h, text})
		}
	}
	return all, nil
}

// interleave takes the best of each list in turn, and each text once.
func interleave(lists [][]candidate) []candidate {
	var all []candidate
	seen := map[string]bool{}
	for rank, more := 0, true; more; rank++ {
		more = false
		for _, list := range lists {
			if rank >= len(list) {
				continue
			}
			more = true
			if key := list[rank].hit.ID + "\x00" + list[rank].text; !seen[key] {
				seen[key] = true
				all = append(all, list[rank])
			}
		}
	}
	return all
}
