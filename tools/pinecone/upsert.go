package pinecone

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// Limits of the vendor (docs.pinecone.io, "Upsert limits"): of records with text a
// request takes 96, of vectors and documents 1000. Smaller requests tell earlier
// how far it has come, and leave less undone where one fails.
const (
	maxRequest      = 2<<20 - 4<<10 // bytes of a request
	maxMetadata     = 40 << 10      // bytes of a record's metadata
	recordsAtOnce   = 96
	vectorsAtOnce   = 200
	documentsAtOnce = 200
)

func (s *service) upsertTools() []tools.Tool {
	return []tools.Tool{
		tools.New("pinecone_upsert_records", s.upsertRecords),
		tools.New("pinecone_upsert_vectors", s.upsertVectors),
		tools.New("pinecone_upsert_documents", s.upsertDocuments),
	}
}

// Upserted is the answer of the tools that upsert.
type Upserted struct {
	Index     string `json:"index"`
	Namespace string `json:"namespace"`
	Count     int    `json:"upserted"`
	Requests  int    `json:"requests,omitempty"` // where it took several
	LSN       *int64 `json:"lsn,omitempty"`

	documents bool
}

// Text says how much was written, and when it can be found.
func (u Upserted) Text() string {
	s := fmt.Sprintf("Upserted %d into namespace %s of %s. Searches find it within ", u.Count, shown(u.Namespace), u.Index)
	if u.documents {
		return s + "about a minute."
	}
	s += "seconds"
	if u.LSN != nil {
		s += fmt.Sprintf("; a read with min_lsn %d says whether it does already", *u.LSN)
	}
	return s + "."
}

// item is one thing to write, in the form in which it is sent.
type item struct {
	id  string
	raw []byte
}

// writing is how a kind of item is sent.
type writing struct {
	what   string // "records": the argument that holds them
	atOnce int
	around func(items [][]byte) upstream.Request
}

// write sends the items in as many requests as it takes, tells of its progress and
// stops when the call ends. Each request is done whole or not at all; where one
// fails, the error says how many items are in and where to go on.
func (t *target) write(ctx context.Context, w writing, items []item) (Upserted, error) {
	out := Upserted{Index: t.name, Namespace: t.space, documents: t.kind == documents}
	for out.Count < len(items) {
		batch := w.next(items[out.Count:])
		err := ctx.Err()
		if err == nil {
			raw := make([][]byte, len(batch))
			for i, one := range batch {
				raw[i] = one.raw
			}
			req := w.around(raw)
			req.Head = headLSN(&out.LSN)
			err = t.do(ctx, req, nil)
		}
		if err != nil {
			return Upserted{}, w.broken(err, items, out.Count)
		}
		out.Count += len(batch)
		out.Requests++
		t.c.Progress(float64(out.Count), float64(len(items)), w.what+" written")
	}
	if out.Requests == 1 {
		out.Requests = 0
	}
	return out, nil
}

// next is as much of the rest as one request takes.
func (w writing) next(rest []item) []item {
	size := 0
	for i, one := range rest {
		if size += len(one.raw) + 1; i == w.atOnce || i > 0 && size > maxRequest {
			return rest[:i]
		}
	}
	return rest
}

// broken says of a failure how much was written before it.
func (w writing) broken(err error, items []item, done int) error {
	if done == 0 {
		return err
	}
	f := *fault.From(err)
	f.Message = fmt.Sprintf("%d of %d %s are in, up to %s. It stopped at %s[%d] (%s): %s To go on, send that one and what follows; sending all again does no harm.",
		done, len(items), w.what, quote(upstream.Clean(items[done-1].id, 80)), w.what, done, quote(upstream.Clean(items[done].id, 80)), f.Message)
	f.NotSent = false
	return &f
}

// each checks the items of a call before any is sent: what the vendor would refuse
// after taking others, or worse take, is refused here.
func each[T any](what string, all []T, one func(T) (id string, raw []byte, wrong string)) ([]item, error) {
	refuse := func(format string, args ...any) ([]item, error) {
		f := fault.New(fault.InvalidArguments, format, args...)
		f.NotSent = true
		return nil, f
	}
	if len(all) == 0 {
		return refuse("%s is empty. Give at least one.", what)
	}
	items := make([]item, 0, len(all))
	seen := map[string]int{}
	for i, v := range all {
		id, raw, wrong := one(v)
		if wrong == "" {
			if first, twice := seen[id]; twice {
				wrong = fmt.Sprintf("it has the same id as %s[%d]. Give each its own.", what, first)
			}
		}
		if wrong == "" && len(raw) > maxRequest {
			wrong = "it is larger than 2 MB, the most that one request may carry."
		}
		if wrong != "" {
			return refuse("%s[%d]: %s Nothing was written.", what, i, wrong)
		}
		seen[id] = i
		items = append(items, item{id, raw})
	}
	return items, nil
}

// idWrong says what is wrong with an id; "" nothing.
func idWrong(name, id string) string {
	switch {
	case id == "":
		return name + " must be a text that is not empty."
	case len(id) > 512:
		return name + " is longer than 512 bytes."
	case strings.ContainsAny(id, " \t\r\n"):
		return name + " must not hold spaces, or the record cannot be fetched by it."
	}
	return ""
}

// metadataWrong says what is wrong with metadata; "" nothing. skip names a member
// that is none.
func metadataWrong(m map[string]json.RawMessage, skip string) string {
	total := 0
	for name, raw := range m {
		if name == skip {
			continue
		}
		total += len(name) + len(raw) + 4
		text := bytes.TrimSpace(raw)
		field := upstream.Clean(name, 80)
		switch {
		case strings.HasPrefix(name, "$"):
			return fmt.Sprintf("the name %q begins with $, which only operators of filters do.", field)
		case string(text) == "null":
			return fmt.Sprintf("%s is null, which cannot be kept. Leave it out.", field)
		case text[0] == '{':
			return fmt.Sprintf("%s is an object, and metadata is flat: text, number, boolean, or a list of texts. Write its parts as fields of their own.", field)
		case text[0] == '[':
			var list []string
			if json.Unmarshal(raw, &list) != nil {
				return fmt.Sprintf("%s is a list that holds something else than texts.", field)
			}
		}
	}
	if total > maxMetadata {
		return fmt.Sprintf("its fields take %d bytes, more than the 40 kB of metadata that a record may have. Split the text into several records.", total)
	}
	return ""
}

type upsertIn struct {
	Index     string                       `json:"index"`
	Namespace string                       `json:"namespace"`
	Records   []map[string]json.RawMessage `json:"records"`
}

// upsertRecords writes one record a line (NDJSON).
func (s *service) upsertRecords(ctx context.Context, c *upstream.Client, in upsertIn) (Upserted, error) {
	var items []item
	t, err := s.checked(ctx, c, in.Index, in.Namespace, func(t *target) (err error) {
		switch t.kind {
		case documents:
			return t.noModel()
		case vectors:
			return fault.Wrong("The index %s has no embedding model of its own, so it takes no text. Use pinecone_upsert_vectors, with vectors of the model that filled it (pinecone_embed makes them).", t.name)
		}
		items, err = each("records", in.Records, t.recordItem)
		return err
	})
	if err != nil {
		return Upserted{}, err
	}
	return t.write(ctx, writing{what: "records", atOnce: recordsAtOnce, around: func(lines [][]byte) upstream.Request {
		return upstream.Request{
			Path: "/records/namespaces/" + url.PathEscape(in.Namespace) + "/upsert",
			Body: append(bytes.Join(lines, []byte("\n")), '\n'), Type: "application/x-ndjson",
		}
	}}, items)
}

// recordItem is a record as it is sent, or what is wrong with it.
func (t *target) recordItem(r map[string]json.RawMessage) (id string, raw []byte, wrong string) {
	var text string
	_ = json.Unmarshal(r["_id"], &id)
	if wrong := idWrong("_id", id); wrong != "" {
		return "", nil, wrong
	}
	if json.Unmarshal(r[t.textField], &text) != nil || text == "" {
		return "", nil, fmt.Sprintf("the text belongs in the field %q, which is what the index %s embeds; it is missing or empty.", upstream.Clean(t.textField, 100), t.name)
	}
	if wrong := metadataWrong(r, "_id"); wrong != "" {
		return "", nil, wrong
	}
	return asItem(id, r)
}

// asItem is a thing as JSON.
func asItem(id string, v any) (string, []byte, string) {
	raw, err := compact(v)
	if err != nil {
		return "", nil, "it cannot be written as JSON."
	}
	return id, raw, ""
}

type upsertVectorsIn struct {
	Index     string     `json:"index"`
	Namespace string     `json:"namespace"`
	Vectors   []vectorIn `json:"vectors"`
}

type vectorIn struct {
	ID       string                     `json:"id"`
	Values   numbers                    `json:"values"`
	Sparse   sparse                     `json:"sparse"`
	Metadata map[string]json.RawMessage `json:"metadata"`
}

// upsertRequest is UpsertRequest of the data plane.
type upsertRequest struct {
	Vectors   []json.RawMessage `json:"vectors"`
	Namespace string            `json:"namespace,omitempty"`
}

func (u upsertRequest) space() string { return u.Namespace }

func (s *service) upsertVectors(ctx context.Context, c *upstream.Client, in upsertVectorsIn) (Upserted, error) {
	var items []item
	t, err := s.checked(ctx, c, in.Index, in.Namespace, func(t *target) (err error) {
		if t.kind == documents {
			return t.noVectors()
		}
		items, err = each("vectors", in.Vectors, t.vectorItem)
		return err
	})
	if err != nil {
		return Upserted{}, err
	}
	return t.write(ctx, writing{what: "vectors", atOnce: vectorsAtOnce, around: func(all [][]byte) upstream.Request {
		return upstream.Request{Path: "/vectors/upsert", JSON: upsertRequest{rawList(all), silent(in.Namespace)}}
	}}, items)
}

// vectorItem is a vector as it is sent, or what is wrong with it.
func (t *target) vectorItem(v vectorIn) (id string, raw []byte, wrong string) {
	if wrong := idWrong("id", v.ID); wrong != "" {
		return "", nil, wrong
	}
	if f := t.fits("values", v.Values, v.Sparse); f != nil {
		return "", nil, f.Message
	}
	if wrong := metadataWrong(v.Metadata, ""); wrong != "" {
		return "", nil, "metadata: " + wrong
	}
	return asItem(v.ID, struct {
		ID       string                     `json:"id"`
		Values   []float64                  `json:"values,omitempty"`
		Sparse   *sparseValues              `json:"sparseValues,omitempty"`
		Metadata map[string]json.RawMessage `json:"metadata,omitempty"`
	}{v.ID, v.Values, v.Sparse.wire(), v.Metadata})
}

type upsertDocumentsIn struct {
	Index     string                       `json:"index"`
	Namespace string                       `json:"namespace"`
	Documents []map[string]json.RawMessage `json:"documents"`
}

func (s *service) upsertDocuments(ctx context.Context, c *upstream.Client, in upsertDocumentsIn) (Upserted, error) {
	var items []item
	t, err := s.checked(ctx, c, in.Index, in.Namespace, func(t *target) (err error) {
		if t.kind != documents {
			return t.noDocuments()
		}
		items, err = each("documents", in.Documents, t.documentItem)
		return err
	})
	if err != nil {
		return Upserted{}, err
	}
	return t.write(ctx, writing{what: "documents", atOnce: documentsAtOnce, around: func(all [][]byte) upstream.Request {
		return upstream.Request{Path: t.documentsPath("upsert"), JSON: map[string]any{"documents": rawList(all)}}
	}}, items)
}

// documentItem is a document as it is sent, or what is wrong with it.
func (t *target) documentItem(d map[string]json.RawMessage) (id string, raw []byte, wrong string) {
	_ = json.Unmarshal(d["_id"], &id)
	if wrong := idWrong("_id", id); wrong != "" {
		return "", nil, wrong
	}
	if wrong := t.documentWrong(d); wrong != "" {
		return "", nil, wrong
	}
	return asItem(id, t.wireDocument(d))
}

// wireDocument is a document as it is sent: sparse vectors have Pinecone's form.
func (t *target) wireDocument(d map[string]json.RawMessage) map[string]json.RawMessage {
	out := make(map[string]json.RawMessage, len(d))
	for name, raw := range d {
		out[name] = raw
		if t.schema[name].Type == "sparse_vector" {
			var s sparse
			if json.Unmarshal(raw, &s) == nil {
				out[name], _ = compact(s.wire())
			}
		}
	}
	return out
}

func rawList(all [][]byte) []json.RawMessage {
	out := make([]json.RawMessage, len(all))
	for i, b := range all {
		out[i] = b
	}
	return out
}
