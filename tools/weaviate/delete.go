package weaviate

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

type deleteObjectsIn struct {
	Collection string     `json:"collection"`
	IDs        []string   `json:"ids"`
	Filters    []filterIn `json:"filters"`
	AnyOf      bool       `json:"any_of"`
	DryRun     bool       `json:"dry_run"`
	Tenant     string     `json:"tenant"`
}

// Deleted is the answer of weaviate_delete_objects.
type Deleted struct {
	Collection string   `json:"collection"`
	DryRun     bool     `json:"dry_run"`
	Matched    int      `json:"matched"`
	Deleted    int      `json:"deleted"`
	Failed     int      `json:"failed"`
	IDs        []string `json:"ids"` // the first hundred that matched
	Note       string   `json:"note,omitempty"`
}

// Text says what is gone, or would be.
func (d Deleted) Text() string {
	text := fmt.Sprintf("Deleted %d of %d objects of %s", d.Deleted, d.Matched, d.Collection)
	if d.DryRun {
		text = fmt.Sprintf("%d objects of %s would be deleted; nothing was done. dry_run false deletes them for good", d.Matched, d.Collection)
	}
	if d.Failed > 0 {
		text += fmt.Sprintf(", %d could not be deleted", d.Failed)
	}
	if len(d.IDs) > 0 {
		text += ": " + strings.Join(d.IDs, ", ")
		if more := d.Matched - len(d.IDs); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
	}
	text += ".\n"
	if d.Note != "" {
		text += d.Note + "\n"
	}
	return text
}

// batchDelete is the body of DELETE /v1/batch/objects, and what of the answer is read.
type batchDelete struct {
	Match struct {
		Class string      `json:"class"`
		Where whereFilter `json:"where"`
	} `json:"match"`
	DryRun bool   `json:"dryRun"`
	Output string `json:"output"`
}

func (s *service) deleteObjects(ctx context.Context, c *upstream.Client, in deleteObjectsIn) (Deleted, error) {
	if (len(in.IDs) == 0) == (len(in.Filters) == 0) {
		return Deleted{}, refuse(fault.InvalidArguments, "Give ids or filters: one of the two. To delete everything there is weaviate_delete_collection.")
	}
	filters := in.Filters
	for _, word := range in.IDs {
		id, err := objectID(word)
		if err != nil {
			return Deleted{}, err
		}
		filters = append(filters, filterIn{"id", "eq", id})
	}
	var where *condition
	col, err := s.checked(ctx, c, in.Collection, func(col *collection) (err error) {
		if err = col.forTenant(in.Tenant); err != nil {
			return err
		}
		where, err = col.where(filters, in.AnyOf || len(in.IDs) > 0, s.now())
		return err
	})
	if err != nil {
		return Deleted{}, err
	}
	body := batchDelete{DryRun: in.DryRun, Output: "verbose"}
	body.Match.Class, body.Match.Where = col.name, where.rest()
	var answer struct {
		Results *struct {
			Matches    int `json:"matches"`
			Limit      int `json:"limit"`
			Successful int `json:"successful"`
			Failed     int `json:"failed"`
			Objects    []struct {
				ID string `json:"id"`
			} `json:"objects"`
		} `json:"results"`
	}
	err = c.Do(ctx, upstream.Request{
		Method: http.MethodDelete, Path: "/v1/batch/objects", Query: ofTenant(in.Tenant), JSON: body, Read: in.DryRun,
	}, &answer)
	if err != nil {
		return Deleted{}, err
	}
	r := answer.Results
	if r == nil {
		return Deleted{}, broken()
	}
	out := Deleted{Collection: col.name, DryRun: in.DryRun, Matched: r.Matches, Deleted: r.Successful, Failed: r.Failed, IDs: []string{}}
	for _, o := range r.Objects[:min(len(r.Objects), 100)] {
		out.IDs = append(out.IDs, upstream.Clean(o.ID, 64))
	}
	switch {
	case r.Limit > 0 && r.Matches >= r.Limit:
		out.Note = fmt.Sprintf("Weaviate takes %d objects at a time: there may be more. Do it again until none is matched.", r.Limit)
	case r.Matches < len(in.IDs):
		out.Note = "The other ids are not there."
	}
	return out, nil
}
