package pinecone

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// Limits of the vendor (docs.pinecone.io, "Upsert limits"). The schema bounds
// the number of records, 96.
const maxUpsert = 2 << 20 // bytes of a request

type upsertIn struct {
	Index     string           `json:"index"`
	Namespace string           `json:"namespace"`
	Records   []map[string]any `json:"records"`
}

// Upserted is the answer of pinecone_upsert_records.
type Upserted struct {
	Index     string `json:"index"`
	Namespace string `json:"namespace"`
	Count     int    `json:"upserted"`
	LSN       *int64 `json:"lsn,omitempty"`
}

// Text says how much was written, and when it can be found.
func (u Upserted) Text() string {
	s := fmt.Sprintf("Upserted %d into namespace %s of %s. Searches find it within seconds", u.Count, u.Namespace, u.Index)
	if u.LSN != nil {
		s += fmt.Sprintf(", for certain once their indexed_lsn is %d or more", *u.LSN)
	}
	return s + "."
}

func (s *service) upsertRecords(ctx context.Context, c *upstream.Client, in upsertIn) (Upserted, error) {
	ix, fresh, err := s.resolve(ctx, c, in.Index)
	if err != nil {
		return Upserted{}, err
	}
	body, err := ndjson(in.Index, ix.textField, in.Records)
	if err != nil {
		return Upserted{}, err
	}
	out := Upserted{Index: in.Index, Namespace: in.Namespace, Count: len(in.Records)}
	err = s.onIndex(ctx, c, in.Index, ix, fresh, upstream.Request{
		Path: "/records/namespaces/" + url.PathEscape(in.Namespace) + "/upsert",
		Body: body,
		Type: "application/x-ndjson",
		Head: func(h http.Header) { out.LSN = lsn(h, headerWritten) },
	}, nil)
	if err != nil {
		return Upserted{}, err
	}
	return out, nil
}

// ndjson writes one record a line. What the vendor would refuse after reading
// half of it, or worse take, is refused here: a record without text or an id
// that comes twice.
func ndjson(index, textField string, records []map[string]any) ([]byte, error) {
	if textField == "" {
		return nil, noModel(index)
	}
	refuse := func(i int, format string, args ...any) error {
		f := fault.New(fault.InvalidArguments, "records[%d]: %s", i, fmt.Sprintf(format, args...))
		f.NotSent = true
		return f
	}
	var b bytes.Buffer
	seen := map[string]int{}
	for i, r := range records {
		id, _ := r["_id"].(string)
		if id == "" {
			return nil, refuse(i, "_id must be a text that is not empty.")
		}
		if first, twice := seen[id]; twice {
			return nil, refuse(i, "has the same _id as records[%d]. Give each its own.", first)
		}
		seen[id] = i
		if text, _ := r[textField].(string); text == "" {
			return nil, refuse(i, "the text belongs in the field %q, which is what the index %s embeds; it is missing or empty.", textField, index)
		}
		enc := json.NewEncoder(&b) // ends each with a line feed
		enc.SetEscapeHTML(false)
		if err := enc.Encode(r); err != nil {
			return nil, err
		}
		if b.Len() > maxUpsert {
			return nil, refuse(i, "up to here the records are larger than 2 MB, the most that one call may carry. Send fewer at a time.")
		}
	}
	return b.Bytes(), nil
}
