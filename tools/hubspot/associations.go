package hubspot

import (
	"context"
	"fmt"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

type listAssociationsIn struct {
	ObjectType string   `json:"object_type"`
	ID         string   `json:"id"`
	ToType     string   `json:"to_type"`
	Properties []string `json:"properties"`
	Limit      int      `json:"limit"`
	Cursor     string   `json:"cursor"`
}

// Associations is a page of the records that are associated with one.
type Associations struct {
	Results []Associated `json:"results"`
	Next    string       `json:"next_cursor,omitempty"`
	Note    string       `json:"note,omitempty"`
}

// Associated is a record and what it is to the one asked about.
type Associated struct {
	Record
	As []string `json:"association_labels,omitempty"`
}

// Text is one line a record.
func (a Associations) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d associated", len(a.Results))
	for _, r := range a.Results {
		b.WriteString("\n" + r.line())
		if len(r.As) > 0 {
			b.WriteString(" | as " + upstream.Quote(strings.Join(r.As, ", ")))
		}
	}
	return b.String() + more(a.Next, a.Note)
}

// wireLinked is what is associated with some records.
type wireLinked struct {
	Results []struct {
		From   inputID      `json:"from"`
		To     []wireLinkTo `json:"to"`
		Paging wirePaging   `json:"paging"`
	} `json:"results"`
	Errors []wireRow `json:"errors"`
}

type wireLinkTo struct {
	ID    string `json:"toObjectId"`
	Types []struct {
		Category string `json:"category"`
		ID       int    `json:"typeId"`
		Label    string `json:"label"`
	} `json:"associationTypes"`
}

type wireLinkInput struct {
	ID    string `json:"id"`
	After string `json:"after,omitempty"`
}

// linked reads a page of what of one type is associated with a record; HubSpot
// gives 500 or more at once.
func (s *service) linked(ctx context.Context, c *upstream.Client, from kind, id string, to kind, after string) ([]wireLinkTo, string, error) {
	var got wireLinked
	req := map[string]any{"inputs": []wireLinkInput{{id, after}}}
	if err := c.Do(ctx, upstream.Request{Path: between(from, to) + "/batch/read", JSON: req, Read: true}, &got); err != nil {
		return nil, "", err
	}
	if len(got.Results) == 0 {
		for _, e := range got.Errors {
			// HubSpot says of a record without associations that it has none as if that
			// were an error (subCategory NO_ASSOCIATIONS_FOUND).
			if e.Category != "OBJECT_NOT_FOUND" {
				return nil, "", fault.New(fault.UpstreamError, "HubSpot could not read the associations: %s", e.said())
			}
		}
		return nil, "", nil
	}
	return got.Results[0].To, got.Results[0].Paging.Next.After, nil
}

func (s *service) listAssociations(ctx context.Context, c *upstream.Client, in listAssociationsIn) (Associations, error) {
	from, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return Associations{}, err
	}
	to, err := s.kind(ctx, c, in.ToType)
	if err != nil {
		return Associations{}, err
	}
	if err := readable(c, to); err != nil {
		return Associations{}, err
	}
	if err := numbers("id", in.ID); err != nil {
		return Associations{}, err
	}
	query := []any{"list_associations", from.name, in.ID, to.name, in.Properties}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Associations{}, err
	}
	got, after, err := s.linked(ctx, c, from, in.ID, to, at.Cursor)
	if err != nil {
		return Associations{}, err
	}
	// Only as many as one answer holds are read; the rest is behind the cursor.
	part := got[min(at.Skip, len(got)):]
	part = part[:min(in.Limit, len(part))]
	var ids []string
	for _, l := range part {
		if isRecordID(l.ID) {
			ids = append(ids, l.ID)
		}
	}
	properties := to.title
	if len(in.Properties) > 0 {
		properties = in.Properties
	}
	if len(properties) == 0 {
		properties = to.defaults
	}
	records, err := s.fetch(ctx, c, to, "", ids, properties)
	if err != nil {
		return Associations{}, err
	}
	byID := map[string]Record{}
	for _, r := range s.records(ctx, c, to, records, shortValue) {
		byID[r.ID] = r
	}
	all := make([]Associated, at.Skip, at.Skip+len(got)) // what was given out stays unread
	for _, l := range part {
		r, ok := byID[l.ID]
		if !ok {
			r = Record{ID: upstream.Clean(l.ID, 40), Type: to.name, Properties: map[string]string{}}
		}
		a := Associated{Record: r}
		for _, t := range l.Types {
			if t.Label != "" && len(a.As) < 10 {
				a.As = append(a.As, upstream.Clean(t.Label, 100))
			}
		}
		all = append(all, a)
	}
	for len(all) < len(got) { // what is left out counts, too
		all = append(all, Associated{})
	}
	out := Associations{Results: []Associated{}, Note: s.missing(ctx, c, to, unknown(in.Properties, records))}
	page, next := tools.Page(query, at, all, in.Limit, after)
	out.Results, out.Next = append(out.Results, page...), next
	return out, nil
}

type associateIn struct {
	FromType string   `json:"from_type"`
	FromID   string   `json:"from_id"`
	ToType   string   `json:"to_type"`
	ToIDs    []string `json:"to_ids"`
	Label    string   `json:"label"`
}

// Joined is what is, or is no longer, associated.
type Joined struct {
	From   Ref      `json:"from"`
	ToType string   `json:"to_type"`
	ToIDs  []string `json:"to_ids"`
	Label  string   `json:"label,omitempty"`
	Gone   bool     `json:"removed,omitempty"`
	Failed []NotOK  `json:"failed,omitempty"`
}

// Text is one line, and one for each that failed.
func (j Joined) Text() string {
	done := " is associated with "
	if j.Gone {
		done = " is no longer associated with "
	}
	text := j.From.Type + " " + j.From.ID + done + j.ToType + " " + strings.Join(j.ToIDs, ", ")
	if len(j.ToIDs) == 0 {
		text = "nothing was done"
	}
	if j.Label != "" {
		text += " as " + upstream.Quote(j.Label)
	}
	for _, f := range j.Failed {
		text += "\nfailed: " + f.ID + " " + upstream.Quote(f.Error)
	}
	return text
}

// both are the types of the two ends, both of which the call may change.
func (s *service) both(ctx context.Context, c *upstream.Client, in associateIn) (from, to kind, err error) {
	if from, err = s.kind(ctx, c, in.FromType); err != nil {
		return from, to, err
	}
	if to, err = s.kind(ctx, c, in.ToType); err != nil {
		return from, to, err
	}
	if err = writable(c, to); err != nil {
		return from, to, err
	}
	return from, to, numbers("from_id, to_ids", append([]string{in.FromID}, in.ToIDs...)...)
}

type wirePair struct {
	From  inputID               `json:"from"`
	To    any                   `json:"to"`
	Types []wireAssociationType `json:"types,omitempty"`
}

// associate associates one record with several.
func (s *service) associate(ctx context.Context, c *upstream.Client, in associateIn) (Joined, error) {
	from, to, err := s.both(ctx, c, in)
	if err != nil {
		return Joined{}, err
	}
	path := between(from, to) + "/batch/associate/default"
	var types []wireAssociationType
	if in.Label != "" {
		kindOfLink, err := s.typeOf(ctx, c, from, to, in.Label)
		if err != nil {
			return Joined{}, err
		}
		types, path = []wireAssociationType{kindOfLink}, between(from, to)+"/batch/create"
	}
	var pairs []wirePair
	for _, id := range in.ToIDs {
		pairs = append(pairs, wirePair{inputID{in.FromID}, inputID{id}, types})
	}
	return s.pairs(ctx, c, from, to, in, path, pairs)
}

// disassociate takes associations away: those of a label, or all between two
// records.
func (s *service) disassociate(ctx context.Context, c *upstream.Client, in associateIn) (Joined, error) {
	from, to, err := s.both(ctx, c, in)
	if err != nil {
		return Joined{}, err
	}
	var pairs []wirePair
	if in.Label == "" {
		var ids []inputID
		for _, id := range in.ToIDs {
			ids = append(ids, inputID{id})
		}
		pairs = []wirePair{{inputID{in.FromID}, ids, nil}}
		out, err := s.pairs(ctx, c, from, to, in, between(from, to)+"/batch/archive", pairs)
		out.Gone = true
		return out, err
	}
	kindOfLink, err := s.typeOf(ctx, c, from, to, in.Label)
	if err != nil {
		return Joined{}, err
	}
	for _, id := range in.ToIDs {
		pairs = append(pairs, wirePair{inputID{in.FromID}, inputID{id}, []wireAssociationType{kindOfLink}})
	}
	out, err := s.pairs(ctx, c, from, to, in, between(from, to)+"/batch/labels/archive", pairs)
	out.Gone = true
	return out, err
}

// pairs sends what is to be made or taken away, and says of which ends it was done.
func (s *service) pairs(ctx context.Context, c *upstream.Client, from, to kind, in associateIn, path string, pairs []wirePair) (Joined, error) {
	var got struct {
		Errors []wireRow `json:"errors"`
	}
	if err := c.Do(ctx, upstream.Request{Path: path, JSON: map[string]any{"inputs": pairs}}, &got); err != nil {
		return Joined{}, err
	}
	out := Joined{From: Ref{from.name, in.FromID}, ToType: to.name, ToIDs: []string{}, Label: in.Label}
	failed := map[string]bool{}
	for _, e := range got.Errors {
		ids := e.list("toObjectId", "toObjectIds", "to", "ids")
		if len(ids) == 0 {
			ids = in.ToIDs
		}
		for _, id := range ids {
			if !failed[id] {
				failed[id] = true
				out.Failed = append(out.Failed, NotOK{ID: upstream.Clean(id, 40), Error: e.said()})
			}
		}
	}
	for _, id := range in.ToIDs {
		if !failed[id] {
			out.ToIDs = append(out.ToIDs, id)
		}
	}
	if len(out.ToIDs) == 0 {
		f := fault.New(fault.NotFound, "HubSpot did none of it: %s", out.Failed[0].Error)
		f.Status, f.NotSent = 207, true
		return Joined{}, f
	}
	return out, nil
}

type listLabelsIn struct {
	FromType string `json:"from_type"`
	ToType   string `json:"to_type"`
}

// LabelList is the labels of associations between two types.
type LabelList struct {
	Labels []AssociationLabel `json:"labels"`
}

// AssociationLabel is a kind of association; one without a label is the plain one.
type AssociationLabel struct {
	Label    string `json:"label,omitempty"`
	TypeID   int    `json:"type_id"`
	Category string `json:"category"`
}

// Text is one line a label.
func (l LabelList) Text() string {
	var lines []string
	for _, a := range l.Labels {
		name := "(no label)"
		if a.Label != "" {
			name = upstream.Quote(a.Label)
		}
		lines = append(lines, fmt.Sprintf("%s %s %d", name, a.Category, a.TypeID))
	}
	if len(lines) == 0 {
		return "These two types cannot be associated."
	}
	return strings.Join(lines, "\n")
}

func (s *service) listLabels(ctx context.Context, c *upstream.Client, in listLabelsIn) (LabelList, error) {
	from, err := s.kind(ctx, c, in.FromType)
	if err != nil {
		return LabelList{}, err
	}
	to, err := s.kind(ctx, c, in.ToType)
	if err != nil {
		return LabelList{}, err
	}
	if err := readable(c, to); err != nil {
		return LabelList{}, err
	}
	got, err := s.labelsOf(ctx, c, from, to)
	if err != nil {
		return LabelList{}, err
	}
	out := LabelList{Labels: []AssociationLabel{}}
	for _, l := range got {
		out.Labels = append(out.Labels, AssociationLabel{l.name, l.id, l.category})
	}
	return out, nil
}

func (s *service) associationTools() []tools.Tool {
	return []tools.Tool{
		tools.New("hubspot_list_associations", s.listAssociations),
		tools.New("hubspot_associate", s.associate),
		tools.New("hubspot_disassociate", s.disassociate),
		tools.New("hubspot_list_association_labels", s.listLabels),
	}
}
