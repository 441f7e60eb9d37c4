package pinecone

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"toolvault/tools/upstream"
)

const (
	maxIDsLength = 4 << 10  // of the ids in one URL, escaped
	maxFetch     = 32 << 20 // an answer has all vectors: 100 of 20,000 dimensions
)

type fetchIn struct {
	Index     string   `json:"index"`
	Namespace string   `json:"namespace"`
	IDs       []string `json:"ids"`
}

// Record is a stored record without its vector.
type Record struct {
	ID     string         `json:"id"`
	Fields map[string]any `json:"fields"`
}

// Records is the answer of pinecone_fetch_records.
type Records struct {
	Index      string   `json:"index"`
	Namespace  string   `json:"namespace"`
	Records    []Record `json:"records"`           // in the order asked for
	Missing    []string `json:"missing"`           // ids that do not exist
	Dropped    []string `json:"dropped,omitempty"` // ids that exist and did not fit
	IndexedLSN *int64   `json:"indexed_lsn,omitempty"`
}

// Text is one line a record.
func (r Records) Text() string {
	var b strings.Builder
	for _, rec := range r.Records {
		fmt.Fprintf(&b, "%s  %s\n", rec.ID, line(rec.Fields))
	}
	if len(r.Missing) > 0 {
		fmt.Fprintf(&b, "Not in namespace %s: %s\n", r.Namespace, strings.Join(r.Missing, ", "))
	}
	if len(r.Dropped) > 0 {
		fmt.Fprintf(&b, "Did not fit, fetch them apart: %s\n", strings.Join(r.Dropped, ", "))
	}
	return b.String()
}

func (s *service) fetchRecords(ctx context.Context, c *upstream.Client, in fetchIn) (Records, error) {
	ix, fresh, err := s.resolve(ctx, c, in.Index)
	if err != nil {
		return Records{}, err
	}
	out := Records{Index: in.Index, Namespace: in.Namespace, Records: []Record{}, Missing: []string{}}
	found := map[string]map[string]json.RawMessage{}
	for _, ids := range portions(in.IDs) {
		var answer struct {
			Vectors map[string]struct {
				Metadata map[string]json.RawMessage `json:"metadata"`
			} `json:"vectors"`
		}
		query := url.Values{"ids": ids}
		if in.Namespace != defaultNamespace { // here the default one is named by silence
			query.Set("namespace", in.Namespace)
		}
		err := s.onIndex(ctx, c, in.Index, ix, fresh, upstream.Request{
			Path: "/vectors/fetch", Query: query, Read: true, MaxBytes: maxFetch,
			Head: func(h http.Header) { out.IndexedLSN = lsn(h, headerIndexed) },
		}, &answer)
		if err != nil {
			return Records{}, err
		}
		for id, v := range answer.Vectors {
			found[id] = v.Metadata
		}
	}
	budget := maxBudget
	for _, id := range in.IDs {
		metadata, ok := found[id]
		if !ok {
			out.Missing = append(out.Missing, id)
			continue
		}
		f := fields(metadata)
		if budget -= size(f); budget < 0 && len(out.Records) > 0 {
			out.Dropped = append(out.Dropped, id)
			continue
		}
		out.Records = append(out.Records, Record{ID: id, Fields: f})
	}
	return out, nil
}

// portions divides ids so that each portion fits into one URL.
func portions(ids []string) [][]string {
	var all [][]string
	length := maxIDsLength
	for _, id := range ids {
		n := len("&ids=") + len(url.QueryEscape(id))
		if length+n > maxIDsLength {
			all, length = append(all, nil), 0
		}
		last := len(all) - 1
		all[last] = append(all[last], id)
		length += n
	}
	return all
}
