package pinecone

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

const maxIDsLength = 4 << 10 // of the ids in one URL, escaped

func (s *service) fetchTools() []tools.Tool {
	return []tools.Tool{tools.New("pinecone_fetch_records", s.fetchRecords)}
}

type fetchIn struct {
	Index     string   `json:"index"`
	Namespace string   `json:"namespace"`
	IDs       []string `json:"ids"`
	Values    bool     `json:"include_values"`
	MinLSN    int64    `json:"min_lsn"`
}

// Records is the answer of pinecone_fetch_records.
type Records struct {
	Index     string   `json:"index"`
	Namespace string   `json:"namespace"`
	Records   []Record `json:"records"`           // in the order asked for
	Missing   []string `json:"missing"`           // ids that do not exist
	Dropped   []string `json:"dropped,omitempty"` // ids that exist and did not fit
	Seen
}

// Text is one line a record.
func (r Records) Text() string {
	var b strings.Builder
	for _, rec := range r.Records {
		b.WriteString(rec.line() + "\n")
	}
	if len(r.Missing) > 0 {
		fmt.Fprintf(&b, "Not in namespace %s: %s\n", shown(r.Namespace), shownAll(r.Missing))
	}
	if len(r.Dropped) > 0 {
		fmt.Fprintf(&b, "Did not fit, fetch them apart: %s\n", shownAll(r.Dropped))
	}
	b.WriteString(r.end())
	return b.String()
}

// gathered are records as they come in, of which so many are kept as an answer
// holds: never more than that is in memory.
type gathered struct {
	budget  int
	values  bool
	kept    map[string]Record
	dropped map[string]bool
}

func (g *gathered) take(m vectorModel) {
	if _, twice := g.kept[m.ID]; twice {
		return
	}
	r := Record{ID: m.ID, Fields: fields(m.Metadata), Vector: m.vector(g.values)}
	if g.budget -= size(r.Fields) + r.cost(); g.budget < 0 && len(g.kept) > 0 {
		g.dropped[m.ID] = true
		return
	}
	g.kept[m.ID] = r
}

func (s *service) fetchRecords(ctx context.Context, c *upstream.Client, in fetchIn) (Records, error) {
	t, err := s.target(ctx, c, in.Index, in.Namespace)
	if err != nil {
		return Records{}, err
	}
	in.IDs = unique(in.IDs)
	out := Records{Index: in.Index, Namespace: in.Namespace, Records: []Record{}, Missing: []string{}}
	g := &gathered{budget: maxBudget, values: in.Values, kept: map[string]Record{}, dropped: map[string]bool{}}
	if t.kind == documents {
		err = t.fetchDocuments(ctx, in, g, &out.Seen)
	} else {
		err = t.fetchVectors(ctx, in, g, &out.Seen)
	}
	if err != nil {
		return Records{}, err
	}
	for _, id := range in.IDs {
		r, kept := g.kept[id]
		switch {
		case kept:
			r.ID = upstream.Clean(r.ID, 512)
			out.Records = append(out.Records, r)
		case g.dropped[id]:
			out.Dropped = append(out.Dropped, id)
		default:
			out.Missing = append(out.Missing, id)
		}
	}
	out.judge(in.MinLSN)
	if len(out.Records) == 0 {
		out.add(t.otherSpaces(ctx))
	}
	return out, nil
}

func (t *target) fetchVectors(ctx context.Context, in fetchIn, g *gathered, seen *Seen) error {
	for _, ids := range portions(in.IDs) {
		read := reading{list: "vectors", values: func() bool { return in.Values && g.budget > 0 }, take: g.take}
		query := url.Values{"ids": ids}
		if ns := silent(in.Namespace); ns != "" {
			query.Set("namespace", ns)
		}
		err := t.do(ctx, upstream.Request{
			Path: "/vectors/fetch", Query: query, Read: true, MaxBytes: maxVectorBytes,
			Head:   func(h http.Header) { seen.IndexedLSN = lsn(h, headerIndexed) },
			Stream: func(r io.Reader) error { return read.from(r) },
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// fetchDocuments is the same of an index of documents.
func (t *target) fetchDocuments(ctx context.Context, in fetchIn, g *gathered, seen *Seen) error {
	read := reading{
		list: "documents", keys: t.vectorFields(), values: func() bool { return in.Values && g.budget > 0 },
		document: func(id string, doc map[string]json.RawMessage) { g.take(t.asRecord(id, doc, in.Values)) },
	}
	return t.do(ctx, upstream.Request{
		Path: t.documentsPath("fetch"), JSON: map[string]any{"ids": in.IDs}, Read: true, MaxBytes: maxVectorBytes,
		Head:   func(h http.Header) { seen.IndexedLSN = lsn(h, headerIndexed) },
		Stream: func(r io.Reader) error { return read.from(r) },
	}, nil)
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

func unique(ids []string) []string {
	var out []string
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}
