package pinecone

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) listTools() []tools.Tool {
	return []tools.Tool{
		tools.New("pinecone_fetch_by_metadata", s.fetchByMetadata),
		tools.New("pinecone_list_record_ids", s.listRecordIDs),
	}
}

type fetchByMetadataIn struct {
	Index     string         `json:"index"`
	Namespace string         `json:"namespace"`
	Filter    map[string]any `json:"filter"`
	Limit     int            `json:"limit"`
	Cursor    string         `json:"cursor"`
}

// Matching is the answer of pinecone_fetch_by_metadata.
type Matching struct {
	Index     string   `json:"index"`
	Namespace string   `json:"namespace"`
	Records   []Record `json:"records"`
	Next      string   `json:"next_cursor,omitempty"`
	Note      string   `json:"note,omitempty"`
}

// Text is one line a record.
func (m Matching) Text() string {
	var b strings.Builder
	if len(m.Records) == 0 {
		fmt.Fprintf(&b, "No record matches in namespace %s of %s.\n", shown(m.Namespace), m.Index)
	}
	for _, r := range m.Records {
		b.WriteString(r.line() + "\n")
	}
	if m.Next != "" {
		fmt.Fprintf(&b, "There are more. next_cursor: %s\n", m.Next)
	}
	if m.Note != "" {
		b.WriteString(m.Note + "\n")
	}
	return b.String()
}

// byMetadataRequest is FetchByMetadataRequest of the data plane.
type byMetadataRequest struct {
	Namespace string         `json:"namespace,omitempty"`
	Filter    map[string]any `json:"filter"`
	Limit     int            `json:"limit"`
	Token     string         `json:"paginationToken,omitempty"`
}

func (s *service) fetchByMetadata(ctx context.Context, c *upstream.Client, in fetchByMetadataIn) (Matching, error) {
	query := fetchByMetadataIn{Index: in.Index, Namespace: in.Namespace, Filter: in.Filter}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Matching{}, err
	}
	t, err := s.target(ctx, c, in.Index, in.Namespace)
	if err != nil {
		return Matching{}, err
	}
	if err := notEverything(in.Filter); err != nil {
		return Matching{}, err
	}
	if err := checkFilter(in.Filter, t.kind == documents); err != nil {
		return Matching{}, err
	}
	var all []Record
	var next string
	if t.kind == documents {
		all, next, err = t.matchingDocuments(ctx, in, at.Cursor)
	} else {
		all, next, err = t.matchingVectors(ctx, in, at.Cursor)
	}
	if err != nil {
		return Matching{}, err
	}
	slices.SortFunc(all, func(a, b Record) int { return strings.Compare(a.ID, b.ID) })
	out := Matching{Index: in.Index, Namespace: in.Namespace}
	out.Records, out.Next = tools.Page(query, at, all, in.Limit, next)
	if out.Records == nil {
		out.Records = []Record{}
	}
	if len(out.Records) == 0 {
		out.Note = t.nothing(ctx, true)
	}
	return out, nil
}

func (t *target) matchingVectors(ctx context.Context, in fetchByMetadataIn, token string) (all []Record, next string, err error) {
	read := reading{list: "vectors", take: func(m vectorModel) {
		if len(all) < maxBatch {
			all = append(all, Record{ID: upstream.Clean(m.ID, 512), Fields: fields(m.Metadata), Vector: m.vector(false)})
		}
	}}
	err = t.do(ctx, upstream.Request{
		Path: "/vectors/fetch_by_metadata", Read: true, MaxBytes: maxVectorBytes,
		JSON:   byMetadataRequest{silent(in.Namespace), in.Filter, in.Limit, token},
		Stream: func(r io.Reader) error { return read.from(r) },
	}, nil)
	return all, read.next, err
}

func (t *target) matchingDocuments(ctx context.Context, in fetchByMetadataIn, token string) (all []Record, next string, err error) {
	body := map[string]any{"filter": in.Filter, "limit": in.Limit}
	if token != "" {
		body["pagination_token"] = token
	}
	read := reading{list: "documents", keys: t.vectorFields(), document: func(id string, doc map[string]json.RawMessage) {
		if len(all) < maxBatch {
			m := t.asRecord(id, doc, false)
			all = append(all, Record{ID: upstream.Clean(id, 512), Fields: fields(m.Metadata), Vector: m.vector(false)})
		}
	}}
	err = t.do(ctx, upstream.Request{
		Path: t.documentsPath("fetch"), JSON: body, Read: true, MaxBytes: maxVectorBytes,
		Stream: func(r io.Reader) error { return read.from(r) },
	}, nil)
	return all, read.next, err
}

// maxBatch is how many records of one page are kept at most.
const maxBatch = 1000

// notEverything refuses the filter that matches every record.
func notEverything(filter map[string]any) error {
	if len(filter) > 0 {
		return nil
	}
	f := fault.New(fault.InvalidArguments, "filter is empty, which would mean every record. Say which, as in {\"status\": \"open\"}; pinecone_list_record_ids goes through all.")
	f.NotSent = true
	return f
}

type listRecordIDsIn struct {
	Index     string `json:"index"`
	Namespace string `json:"namespace"`
	Prefix    string `json:"prefix"`
	Limit     int    `json:"limit"`
	Cursor    string `json:"cursor"`
}

// RecordIDs is the answer of pinecone_list_record_ids.
type RecordIDs struct {
	Index     string   `json:"index"`
	Namespace string   `json:"namespace"`
	IDs       []string `json:"ids"`
	Next      string   `json:"next_cursor,omitempty"`
	Note      string   `json:"note,omitempty"`
}

// Text is one id a line.
func (r RecordIDs) Text() string {
	var b strings.Builder
	if len(r.IDs) == 0 {
		b.WriteString("No id.\n")
	}
	for _, id := range r.IDs {
		b.WriteString(shown(id) + "\n")
	}
	if r.Next != "" {
		fmt.Fprintf(&b, "There are more. next_cursor: %s\n", r.Next)
	}
	if r.Note != "" {
		b.WriteString(r.Note + "\n")
	}
	return b.String()
}

func (s *service) listRecordIDs(ctx context.Context, c *upstream.Client, in listRecordIDsIn) (RecordIDs, error) {
	query := listRecordIDsIn{Index: in.Index, Namespace: in.Namespace, Prefix: in.Prefix}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return RecordIDs{}, err
	}
	t, err := s.target(ctx, c, in.Index, in.Namespace)
	if err != nil {
		return RecordIDs{}, err
	}
	ids, next, err := t.ids(ctx, in, at.Cursor)
	if err != nil {
		return RecordIDs{}, err
	}
	out := RecordIDs{Index: in.Index, Namespace: in.Namespace}
	out.IDs, out.Next = tools.Page(query, at, ids, in.Limit, next)
	if len(out.IDs) == 0 {
		out.IDs, out.Note = []string{}, t.otherSpaces(ctx)
	}
	return out, nil
}

// ids is a page of ids.
func (t *target) ids(ctx context.Context, in listRecordIDsIn, token string) (all []string, next string, err error) {
	type item struct {
		ID  string `json:"id"`
		Own string `json:"_id"`
	}
	var answer struct {
		Vectors    []item `json:"vectors"`
		Documents  []item `json:"documents"`
		Pagination struct {
			Next string `json:"next"`
		} `json:"pagination"`
	}
	req := upstream.Request{Path: "/vectors/list", Read: true}
	if t.kind == documents {
		body := map[string]any{"limit": in.Limit}
		if in.Prefix != "" {
			body["prefix"] = in.Prefix
		}
		if token != "" {
			body["pagination_token"] = token
		}
		req.Path, req.JSON, req.Method = t.documentsPath("list"), body, http.MethodPost
	} else {
		req.Query = url.Values{"limit": {strconv.Itoa(in.Limit)}}
		for name, value := range map[string]string{"namespace": silent(in.Namespace), "prefix": in.Prefix, "paginationToken": token} {
			if value != "" {
				req.Query.Set(name, value)
			}
		}
	}
	err = t.do(ctx, req, &answer)
	for _, v := range answer.Vectors {
		all = append(all, upstream.Clean(v.ID, 512))
	}
	for _, d := range answer.Documents {
		all = append(all, upstream.Clean(d.Own, 512))
	}
	return all, answer.Pagination.Next, err
}
