package pinecone

import (
	"context"
	"fmt"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) deleteTools() []tools.Tool {
	return []tools.Tool{tools.New("pinecone_delete_records", s.deleteRecords)}
}

type deleteRecordsIn struct {
	Index     string         `json:"index"`
	Namespace string         `json:"namespace"`
	IDs       []string       `json:"ids"`
	Filter    map[string]any `json:"filter"`
}

// DeletedRecords is the answer of pinecone_delete_records.
type DeletedRecords struct {
	Index     string `json:"index"`
	Namespace string `json:"namespace"`
	IDs       int    `json:"ids,omitempty"`     // that were named
	Matched   *int   `json:"matched,omitempty"` // by the filter, where the service says so
	LSN       *int64 `json:"lsn,omitempty"`
	Note      string `json:"note,omitempty"`
}

// Text says what is gone.
func (d DeletedRecords) Text() string {
	s := "Deleted the records that match the filter"
	switch {
	case d.IDs > 0:
		s = fmt.Sprintf("Deleted %d ids (those that did not exist are passed over)", d.IDs)
	case d.Matched != nil:
		s = fmt.Sprintf("Deleted the %d records that match the filter", *d.Matched)
	}
	return strings.TrimSpace(fmt.Sprintf("%s in namespace %s of %s. %s", s, shown(d.Namespace), d.Index, d.Note))
}

// deleteRequest is DeleteRequest of the data plane.
type deleteRequest struct {
	IDs       []string       `json:"ids,omitempty"`
	Filter    map[string]any `json:"filter,omitempty"`
	Namespace string         `json:"namespace,omitempty"`
}

func (d deleteRequest) space() string { return d.Namespace }

func (s *service) deleteRecords(ctx context.Context, c *upstream.Client, in deleteRecordsIn) (DeletedRecords, error) {
	switch {
	case len(in.IDs) == 0 && len(in.Filter) == 0:
		return DeletedRecords{}, fault.Wrong("Give ids, or a filter that is not empty. To delete everything in a namespace use pinecone_delete_namespace. Nothing was deleted.")
	case len(in.IDs) > 0 && len(in.Filter) > 0:
		return DeletedRecords{}, fault.Wrong("Give ids or filter, not both. Nothing was deleted.")
	}
	t, err := s.target(ctx, c, in.Index, in.Namespace)
	if err != nil {
		return DeletedRecords{}, err
	}
	if err := checkFilter(in.Filter, false); err != nil {
		return DeletedRecords{}, err
	}
	in.IDs = unique(in.IDs)
	out := DeletedRecords{Index: in.Index, Namespace: in.Namespace, IDs: len(in.IDs)}
	req := upstream.Request{
		Path: "/vectors/delete", Head: headLSN(&out.LSN),
		JSON: deleteRequest{in.IDs, in.Filter, silent(in.Namespace)},
	}
	if t.kind == documents {
		req.Path, req.JSON = t.documentsPath("delete"), deleteRequest{IDs: in.IDs, Filter: in.Filter}
	}
	var answer matchedAnswer
	if err := t.do(ctx, req, &answer); err != nil {
		return DeletedRecords{}, err
	}
	out.Matched = answer.DocumentsMatched
	return out, nil
}
