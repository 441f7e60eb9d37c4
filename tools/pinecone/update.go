package pinecone

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) updateTools() []tools.Tool {
	return []tools.Tool{
		tools.New("pinecone_update_record", s.updateRecord),
		tools.New("pinecone_update_by_metadata", s.updateByMetadata),
	}
}

// updateRequest is UpdateRequest of the data plane.
type updateRequest struct {
	ID        string                     `json:"id,omitempty"`
	Values    []float64                  `json:"values,omitempty"`
	Sparse    *sparseValues              `json:"sparseValues,omitempty"`
	Set       map[string]json.RawMessage `json:"setMetadata,omitempty"`
	Namespace string                     `json:"namespace,omitempty"`
	Filter    map[string]any             `json:"filter,omitempty"`
	DryRun    bool                       `json:"dryRun,omitempty"`
}

func (u updateRequest) space() string    { return u.Namespace }
func (u updateRequest) byMetadata() bool { return u.Filter != nil }

type updateRecordIn struct {
	Index     string                     `json:"index"`
	Namespace string                     `json:"namespace"`
	ID        string                     `json:"id"`
	Set       map[string]json.RawMessage `json:"set_metadata"`
	Values    numbers                    `json:"values"`
	Sparse    sparse                     `json:"sparse"`
}

// Updated is the answer of pinecone_update_record.
type Updated struct {
	Index     string   `json:"index"`
	Namespace string   `json:"namespace"`
	ID        string   `json:"id"`
	Changed   []string `json:"changed"` // names of fields; "values" and "sparse" of the vector
	LSN       *int64   `json:"lsn,omitempty"`
}

// Text says what was sent; whether the record exists nobody has said.
func (u Updated) Text() string {
	s := fmt.Sprintf("Updated %s of the record %s in namespace %s of %s, if it exists: Pinecone does not say. pinecone_fetch_records shows it", shownAll(u.Changed), shown(u.ID), shown(u.Namespace), u.Index)
	if u.LSN != nil {
		s += fmt.Sprintf(", with min_lsn %d as it is now", *u.LSN)
	}
	return s + "."
}

func (s *service) updateRecord(ctx context.Context, c *upstream.Client, in updateRecordIn) (Updated, error) {
	out := Updated{Index: in.Index, Namespace: in.Namespace, ID: upstream.Clean(in.ID, 512)}
	for name := range in.Set {
		out.Changed = append(out.Changed, upstream.Clean(name, 100))
	}
	slices.Sort(out.Changed)
	if len(in.Values) > 0 {
		out.Changed = append(out.Changed, "values")
	}
	if len(in.Sparse) > 0 {
		out.Changed = append(out.Changed, "sparse")
	}
	if len(out.Changed) == 0 {
		return Updated{}, fault.Wrong("Nothing to change: give set_metadata, values or sparse.")
	}
	t, err := s.checked(ctx, c, in.Index, in.Namespace, func(t *target) error { return t.canUpdate(in) })
	if err != nil {
		return Updated{}, err
	}
	if t.kind == documents {
		return t.updateDocument(ctx, in, out)
	}
	err = t.do(ctx, upstream.Request{
		Path: "/vectors/update", Head: headLSN(&out.LSN),
		JSON: updateRequest{ID: in.ID, Values: in.Values, Sparse: in.Sparse.wire(), Set: in.Set, Namespace: silent(in.Namespace)},
	}, nil)
	return out, err
}

// canUpdate says what is wrong with an update for the index; nil: nothing.
func (t *target) canUpdate(in updateRecordIn) error {
	if t.kind == documents {
		if len(in.Values) > 0 || len(in.Sparse) > 0 {
			return fault.Wrong("The index %s holds documents: a vector is a field there. Set it in set_metadata, by its name.", t.name)
		}
		if wrong := t.documentWrong(in.Set); wrong != "" {
			return fault.Wrong("set_metadata: %s", wrong)
		}
		return nil
	}
	if wrong := metadataWrong(in.Set, ""); wrong != "" {
		return fault.Wrong("set_metadata: %s", wrong)
	}
	if len(in.Values) > 0 || t.vector == "sparse" && len(in.Sparse) > 0 {
		if f := t.fits("values", in.Values, in.Sparse); f != nil {
			return f
		}
	}
	if _, text := in.Set[t.textField]; text && t.kind == integrated && len(in.Values) == 0 {
		return fault.Wrong("%s is the text that %s embeds, and an update would leave the old vector beside the new text. Use pinecone_upsert_records with the whole record.", upstream.Clean(t.textField, 100), t.name)
	}
	return nil
}

// updateDocument changes fields of a document, vectors among them.
func (t *target) updateDocument(ctx context.Context, in updateRecordIn, out Updated) (Updated, error) {
	doc := t.wireDocument(in.Set)
	doc["_id"], _ = compact(in.ID)
	err := t.do(ctx, upstream.Request{
		Path: t.documentsPath("update"), Head: headLSN(&out.LSN), JSON: map[string]any{"documents": []any{doc}},
	}, nil)
	return out, err
}

type updateByMetadataIn struct {
	Index     string                     `json:"index"`
	Namespace string                     `json:"namespace"`
	Filter    map[string]any             `json:"filter"`
	Set       map[string]json.RawMessage `json:"set_metadata"`
	DryRun    bool                       `json:"dry_run"`
}

// UpdatedMany is the answer of pinecone_update_by_metadata.
type UpdatedMany struct {
	Index     string `json:"index"`
	Namespace string `json:"namespace"`
	Matched   int    `json:"matched"`
	DryRun    bool   `json:"dry_run"`
	LSN       *int64 `json:"lsn,omitempty"`
	Note      string `json:"note,omitempty"` // why nothing may have matched
}

// Text says how many records match, and whether they were changed.
func (u UpdatedMany) Text() string {
	where := fmt.Sprintf("in namespace %s of %s", shown(u.Namespace), u.Index)
	if u.Matched == 0 { // without dry_run, nobody but Pinecone knows that nothing was changed
		return strings.TrimSpace(fmt.Sprintf("Pinecone counted no record that matches %s. %s", where, u.Note))
	}
	if u.DryRun {
		return fmt.Sprintf("%d records match %s; nothing was changed. With dry_run false they would be.", u.Matched, where)
	}
	return fmt.Sprintf("%d records matched %s and are being changed; it takes a while where there are many.", u.Matched, where)
}

func (s *service) updateByMetadata(ctx context.Context, c *upstream.Client, in updateByMetadataIn) (UpdatedMany, error) {
	t, err := s.target(ctx, c, in.Index, in.Namespace)
	if err != nil {
		return UpdatedMany{}, err
	}
	if err := notEverything(in.Filter); err != nil {
		return UpdatedMany{}, err
	}
	if err := checkFilter(in.Filter, false); err != nil {
		return UpdatedMany{}, err
	}
	if len(in.Set) == 0 {
		return UpdatedMany{}, fault.Wrong("set_metadata is empty: give the fields to set.")
	}
	if wrong := metadataWrong(in.Set, ""); wrong != "" {
		return UpdatedMany{}, fault.Wrong("set_metadata: %s", wrong)
	}
	if _, text := in.Set[t.textField]; text && t.kind == integrated {
		return UpdatedMany{}, fault.Wrong("%s is the text that %s embeds, and an update would leave the old vectors beside it. Use pinecone_upsert_records.", upstream.Clean(t.textField, 100), t.name)
	}
	out := UpdatedMany{Index: in.Index, Namespace: in.Namespace, DryRun: in.DryRun}
	if t.kind == documents {
		out, err = t.updateDocuments(ctx, in, out)
	} else {
		out, err = t.updateMatching(ctx, in, out)
	}
	if err == nil && out.Matched == 0 {
		out.Note = t.nothing(ctx, true)
	}
	return out, err
}

func (t *target) updateMatching(ctx context.Context, in updateByMetadataIn, out UpdatedMany) (UpdatedMany, error) {
	var answer matchedAnswer
	err := t.do(ctx, upstream.Request{
		Path: "/vectors/update", Read: in.DryRun, Head: headLSN(&out.LSN),
		JSON: updateRequest{Set: in.Set, Namespace: silent(in.Namespace), Filter: in.Filter, DryRun: in.DryRun},
	}, &answer)
	out.Matched = answer.VectorsMatched
	return out, err
}

type matchedAnswer struct {
	VectorsMatched   int  `json:"matchedRecords"`
	DocumentsMatched *int `json:"matched_records"`
}

// updateDocuments is the same for documents, whose API has no dry run: it counts
// by fetching, as far as one page goes.
func (t *target) updateDocuments(ctx context.Context, in updateByMetadataIn, out UpdatedMany) (UpdatedMany, error) {
	if in.DryRun {
		all, next, err := t.matchingDocuments(ctx, fetchByMetadataIn{Filter: in.Filter, Limit: maxBatch}, "")
		out.Matched = len(all)
		if err == nil && next != "" {
			err = fault.Wrong("More than %d documents match, and this API cannot count them without changing them. Narrow the filter, or set dry_run to false.", maxBatch)
		}
		return out, err
	}
	body := documentsUpdate{Filter: in.Filter, Set: t.wireDocument(in.Set)}
	if wrong := t.documentWrong(in.Set); wrong != "" {
		return out, fault.Wrong("set_metadata: %s", wrong)
	}
	var answer matchedAnswer
	err := t.do(ctx, upstream.Request{Path: t.documentsPath("update"), Head: headLSN(&out.LSN), JSON: body}, &answer)
	if answer.DocumentsMatched != nil {
		out.Matched = *answer.DocumentsMatched
	}
	return out, err
}

type documentsUpdate struct {
	Filter map[string]any             `json:"filter"`
	Set    map[string]json.RawMessage `json:"set_fields"`
}

func (documentsUpdate) space() string    { return "" }
func (documentsUpdate) byMetadata() bool { return true }
