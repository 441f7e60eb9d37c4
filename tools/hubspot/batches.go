package hubspot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

type batchGetObjectsIn struct {
	ObjectType string   `json:"object_type"`
	IDs        []string `json:"ids"`
	IDProperty string   `json:"id_property"`
	Properties []string `json:"properties"`
	Cursor     string   `json:"cursor"`
}

// Read is the records that were asked for.
type Read struct {
	Results []Record `json:"results"`
	Missing []string `json:"not_found,omitempty"`
	Next    string   `json:"next_cursor,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// Text is one line a record.
func (r Read) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d records", len(r.Results))
	for _, record := range r.Results {
		b.WriteString("\n" + record.line())
	}
	if len(r.Missing) > 0 {
		b.WriteString("\nNot found: " + strings.Join(r.Missing, ", "))
	}
	return b.String() + more(r.Next, r.Note)
}

// wireRead asks for many records at once.
type wireRead struct {
	IDProperty string    `json:"idProperty,omitempty"`
	Inputs     []inputID `json:"inputs"`
	Properties []string  `json:"properties"`
}

type inputID struct {
	ID string `json:"id"`
}

// fetch reads records by their ids, a hundred a request. What is not there is left
// out.
func (s *service) fetch(ctx context.Context, c *upstream.Client, k kind, idProperty string, ids, properties []string) ([]wireRecord, error) {
	var all []wireRecord
	for from := 0; from < len(ids); from += maxBatch {
		if err := ctx.Err(); err != nil {
			return nil, fault.From(err)
		}
		req := wireRead{IDProperty: idProperty, Properties: properties}
		for _, id := range ids[from:min(from+maxBatch, len(ids))] {
			req.Inputs = append(req.Inputs, inputID{id})
		}
		var got wireBatch
		if err := c.Do(ctx, upstream.Request{Path: k.path("batch") + "/read", JSON: req, Read: true}, &got); err != nil {
			return nil, err
		}
		all = append(all, got.Results[:min(len(got.Results), len(req.Inputs))]...)
	}
	return all, nil
}

func (s *service) batchGetObjects(ctx context.Context, c *upstream.Client, in batchGetObjectsIn) (Read, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return Read{}, err
	}
	idProperty := k.idProperty(in.IDProperty, in.IDs)
	var ids []string
	for _, id := range in.IDs {
		if _, _, err := k.address(id, idProperty); err != nil {
			return Read{}, err
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	query := []any{"batch_get_objects", k.name, in.IDs, in.IDProperty, in.Properties}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Read{}, err
	}
	properties := k.properties(in.Properties)
	if idProperty != "" && !slices.Contains(properties, idProperty) {
		properties = append(slices.Clone(properties), idProperty) // to see which were found
	}
	got, err := s.fetch(ctx, c, k, idProperty, ids, properties)
	if err != nil {
		return Read{}, err
	}
	out := Read{Results: []Record{}, Note: s.missing(ctx, c, k, unknown(in.Properties, got))}
	for _, id := range ids {
		if !slices.ContainsFunc(got, func(w wireRecord) bool { return w.named(idProperty, id) }) {
			out.Missing = append(out.Missing, upstream.Clean(id, 200))
		}
	}
	page, next := tools.Page(query, at, s.records(ctx, c, k, got, shortValue), maxBatch, "")
	out.Results, out.Next = append(out.Results, page...), next
	return out, nil
}

// named reports whether the record has that id, or that value of the property.
func (w wireRecord) named(property, id string) bool {
	if property == "" {
		return w.ID == id
	}
	v := w.Properties[property]
	return v != nil && strings.EqualFold(*v, id)
}

// idProperty is what the ids are values of: contacts are known by their e-mails too.
func (k kind) idProperty(given string, ids []string) string {
	if given == "" && k.name == "contacts" && len(ids) > 0 && !slices.ContainsFunc(ids, func(id string) bool { return !strings.Contains(id, "@") }) {
		return "email"
	}
	return given
}

type newRow struct {
	Properties map[string]scalar `json:"properties"`
	Associate  []Link            `json:"associate_to"`
}

type batchCreateObjectsIn struct {
	ObjectType string   `json:"object_type"`
	Records    []newRow `json:"records"`
}

func (s *service) batchCreateObjects(ctx context.Context, c *upstream.Client, in batchCreateObjectsIn) (Written, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return Written{}, err
	}
	var rows []input
	for i, r := range in.Records {
		targets, err := s.targets(ctx, c, r.Associate)
		if err != nil {
			return Written{}, ofRow(i, err)
		}
		row := input{}
		if row.Properties, err = s.given(ctx, c, k, r.Properties); err != nil {
			return Written{}, ofRow(i, err)
		}
		for _, t := range targets {
			kindOfLink, err := s.typeOf(ctx, c, k, t.kind, t.label)
			if err != nil {
				return Written{}, ofRow(i, err)
			}
			a := wireAssociation{Types: []wireAssociationType{kindOfLink}}
			a.To.ID = t.id
			row.Associations = append(row.Associations, a)
		}
		rows = append(rows, row)
	}
	out, err := s.write(ctx, c, k, "create", rows, false)
	for i := range out.Rows {
		out.Rows[i].Created = true
	}
	return out, err
}

// ofRow says which record an error is of.
func ofRow(i int, err error) error {
	f := *fault.From(err)
	f.Message = fmt.Sprintf("records.%d: %s", i, f.Message)
	return &f
}

type changedRow struct {
	ID         string            `json:"id"`
	Properties map[string]scalar `json:"properties"`
}

type batchUpdateObjectsIn struct {
	ObjectType string       `json:"object_type"`
	IDProperty string       `json:"id_property"`
	Records    []changedRow `json:"records"`
}

func (s *service) batchUpdateObjects(ctx context.Context, c *upstream.Client, in batchUpdateObjectsIn) (Written, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return Written{}, err
	}
	rows, err := s.changed(ctx, c, k, in.IDProperty, in.Records)
	if err != nil {
		return Written{}, err
	}
	return s.write(ctx, c, k, "update", rows, true)
}

// changed are the rows of a batch that changes records, each named once.
func (s *service) changed(ctx context.Context, c *upstream.Client, k kind, idProperty string, records []changedRow) ([]input, error) {
	var ids []string
	for i, r := range records {
		if slices.Contains(ids, r.ID) {
			return nil, fault.New(fault.InvalidArguments, "records.%d: the id %q stands there twice.", i, upstream.Clean(r.ID, 60))
		}
		ids = append(ids, r.ID)
	}
	idProperty = k.idProperty(idProperty, ids)
	var rows []input
	for i, r := range records {
		if _, _, err := k.address(r.ID, idProperty); err != nil {
			return nil, ofRow(i, err)
		}
		properties, err := s.values(ctx, c, k, r.Properties)
		if err != nil {
			return nil, ofRow(i, err)
		}
		rows = append(rows, input{ID: r.ID, IDProperty: idProperty, Properties: properties})
	}
	return rows, nil
}

func (s *service) batchUpsertObjects(ctx context.Context, c *upstream.Client, in batchUpdateObjectsIn) (Written, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return Written{}, err
	}
	rows, err := s.changed(ctx, c, k, in.IDProperty, in.Records)
	if err != nil {
		return Written{}, err
	}
	return s.write(ctx, c, k, "upsert", rows, true)
}

type upsertContactIn struct {
	Email      string            `json:"email"`
	Properties map[string]scalar `json:"properties"`
}

// Upserted is a record as it is now.
type Upserted struct {
	Created bool   `json:"created"`
	Record  Record `json:"record"`
	Note    string `json:"note,omitempty"`
}

// Text is one line.
func (u Upserted) Text() string {
	done := "Updated "
	if u.Created {
		done = "Created "
	}
	return done + u.Record.line() + more("", u.Note)
}

// upsertContact creates a contact or, where one has the e-mail, changes it.
func (s *service) upsertContact(ctx context.Context, c *upstream.Client, in upsertContactIn) (Upserted, error) {
	k, _ := standard("contacts")
	properties, err := s.values(ctx, c, k, in.Properties)
	if err != nil {
		return Upserted{}, err
	}
	row := input{ID: in.Email, IDProperty: "email", Trace: "1", Properties: properties}
	var got wireBatch
	err = c.Do(ctx, upstream.Request{Path: k.path("batch") + "/upsert", JSON: map[string]any{"inputs": []input{row}}}, &got)
	if err != nil {
		return Upserted{}, s.explain(ctx, c, k, properties, err)
	}
	if len(got.Results) == 0 && len(got.Errors) > 0 {
		f := fault.New(fault.InvalidArguments, "HubSpot did not accept the contact: %s", got.Errors[0].said())
		f.Status, f.NotSent = 207, true
		return Upserted{}, s.explain(ctx, c, k, properties, f)
	}
	if len(got.Results) == 0 {
		return Upserted{}, whole(wireRecord{})
	}
	w := got.Results[0]
	if err := whole(w); err != nil {
		return Upserted{}, err
	}
	return Upserted{Created: w.New, Record: s.one(ctx, c, k, w, shortValue), Note: lags}, nil
}

func (s *service) batchTools() []tools.Tool {
	return []tools.Tool{
		tools.New("hubspot_batch_get_objects", s.batchGetObjects),
		tools.New("hubspot_batch_create_objects", s.batchCreateObjects),
		tools.New("hubspot_batch_update_objects", s.batchUpdateObjects),
		tools.New("hubspot_batch_upsert_objects", s.batchUpsertObjects),
		tools.New("hubspot_upsert_contact", s.upsertContact),
	}
}
