package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) writeTools() []tools.Tool {
	return []tools.Tool{
		tools.New("salesforce_create_record", s.createRecord), tools.New("salesforce_update_record", s.updateRecord),
		tools.New("salesforce_upsert_record", s.upsertRecord), tools.New("salesforce_delete_record", s.deleteRecord),
	}
}

// saved is what the API answers to a write.
type saved struct {
	ID      string      `json:"id"`
	Success bool        `json:"success"`
	Created bool        `json:"created"`
	Errors  []wireError `json:"errors"`
}

// duplicateHeader lets a record be saved in spite of a rule that warns of duplicates
// (developer.salesforce.com/docs/platform/api-rest, "Duplicate Rule Header").
const duplicateHeader = "Sforce-Duplicate-Rule-Header"

func allowing(duplicates bool) http.Header {
	if !duplicates {
		return nil
	}
	return http.Header{duplicateHeader: {"allowSave=true"}}
}

type createIn struct {
	Object     string                     `json:"object"`
	Fields     map[string]json.RawMessage `json:"fields"`
	Duplicates bool                       `json:"allow_duplicates"`
}

func (s *service) createRecord(ctx context.Context, c *upstream.Client, in createIn) (One, error) {
	o, err := s.object(ctx, c, in.Object)
	if err != nil {
		return One{}, err
	}
	values, err := s.values(ctx, c, o, "fields", in.Fields, true)
	if err != nil {
		return One{}, err
	}
	var got saved
	if err := c.Do(ctx, upstream.Request{Path: path(c, "sobjects", o.name), JSON: values, Header: allowing(in.Duplicates)}, &got); err != nil {
		return One{}, s.outdated(c, o, err)
	}
	if !idForm.MatchString(got.ID) {
		return One{}, unsure("the id of the new record")
	}
	return s.after(ctx, c, o, got.ID, in.Fields), nil
}

// unsure is the fault of a write whose answer cannot be read.
func unsure(what string) *fault.Error {
	f := lacking(what)
	f.Message += " It may have been done all the same: look before doing it again."
	return f
}

// outdated forgets what an object looked like where the API says that a field is not
// there: somebody may have changed it.
func (s *service) outdated(c *upstream.Client, o *object, err error) error {
	if f := fault.From(err); f != nil && strings.HasPrefix(f.Code, "INVALID_FIELD") {
		s.objects.Forget(key(c, o.name))
	}
	return err
}

// after is a record as it is once it was written: automation may have changed more.
// Where it cannot be read back, what is known of it.
func (s *service) after(ctx context.Context, c *upstream.Client, o *object, id string, written map[string]json.RawMessage) One {
	fields := o.usual()
	for name := range written {
		if f := o.has(name); f != nil && f.kind != "base64" && !slices.Contains(fields, name) && len(fields) < 40 {
			fields = append(fields, name)
		}
	}
	l, _ := literal(id)
	r, err := s.read(ctx, c, o, "Id = "+l, fields)
	if err != nil {
		return One{Record: record(c, row{object: o.name, id: id}, shortValue), Note: "It was done, but could not be read back."}
	}
	return One{Record: record(c, r, shortValue)}
}

type updateIn struct {
	Object string                     `json:"object"`
	ID     string                     `json:"id"`
	Fields map[string]json.RawMessage `json:"fields"`
	Since  string                     `json:"if_unmodified_since"`
}

func (s *service) updateRecord(ctx context.Context, c *upstream.Client, in updateIn) (One, error) {
	o, err := s.object(ctx, c, in.Object)
	if err != nil {
		return One{}, err
	}
	var header http.Header
	if in.Since != "" {
		t, err := time.Parse(time.RFC3339, in.Since)
		if err != nil {
			return One{}, fault.Wrong("if_unmodified_since: give the LastModifiedDate of the record as it was read, such as 2026-11-23T07:00:00Z.")
		}
		header = http.Header{"If-Unmodified-Since": {t.UTC().Format(http.TimeFormat)}}
	}
	values, err := s.values(ctx, c, o, "fields", in.Fields, false)
	if err != nil {
		return One{}, err
	}
	id, err := s.recordID(ctx, c, o, "id", in.ID)
	if err != nil {
		return One{}, err
	}
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPatch, Path: path(c, "sobjects", o.name, id), JSON: values, Header: header}, nil); err != nil {
		return One{}, s.outdated(c, o, err)
	}
	return s.after(ctx, c, o, id, in.Fields), nil
}

type upsertIn struct {
	Object   string                     `json:"object"`
	External string                     `json:"external_id_field"`
	Value    string                     `json:"value"`
	Fields   map[string]json.RawMessage `json:"fields"`
}

// Upserted is the answer of salesforce_upsert_record.
type Upserted struct {
	Created bool   `json:"created"`
	Record  Record `json:"record"`
	Note    string `json:"note,omitempty"`
}

// Text is one line.
func (u Upserted) Text() string {
	return map[bool]string{true: "created ", false: "updated "}[u.Created] + One{u.Record, u.Note}.Text()
}

// upsertRecord changes the record with a value of an external id, or makes one: the
// same call again does no harm.
func (s *service) upsertRecord(ctx context.Context, c *upstream.Client, in upsertIn) (Upserted, error) {
	o, err := s.object(ctx, c, in.Object)
	if err != nil {
		return Upserted{}, err
	}
	f, value, err := s.externalValue(o, in.External, in.Value)
	if err != nil {
		return Upserted{}, err
	}
	values, err := s.values(ctx, c, o, "fields", in.Fields, false)
	if err != nil {
		return Upserted{}, err
	}
	if _, twice := values[f.name]; twice {
		return Upserted{}, fault.Wrong("fields: leave %s out, its value is in value.", f.name)
	}
	var got saved
	err = c.Do(ctx, upstream.Request{Method: http.MethodPatch, Path: path(c, "sobjects", o.name, f.name, value), JSON: values}, &got)
	if nf := fault.From(err); nf != nil && nf.Status == http.StatusMultipleChoices {
		nf = fault.New(fault.Conflict, "Several records have that value of %s, so nothing was done. Update the right one by its id.", f.name)
		nf.NotSent, nf.Status = true, http.StatusMultipleChoices
		return Upserted{}, nf
	}
	if err != nil {
		return Upserted{}, s.outdated(c, o, err)
	}
	if !idForm.MatchString(got.ID) {
		return Upserted{}, unsure("the id of the record")
	}
	one := s.after(ctx, c, o, got.ID, in.Fields)
	return Upserted{got.Created, one.Record, one.Note}, nil
}

// externalValue is the field of an external id, and a value that can stand in a path.
func (s *service) externalValue(o *object, name, value string) (*field, string, error) {
	f, err := o.field("external_id_field", name)
	if err != nil {
		return nil, "", err
	}
	if !f.external {
		return nil, "", fault.Wrong("external_id_field: %s is no external id of %s.%s", f.name, o.name, o.externals())
	}
	if _, ok := literal(value); !ok || strings.Trim(value, ".") == "" || strings.ContainsAny(value, "\r\n\t") {
		return nil, "", fault.Wrong("value: %q cannot be a value of %s.", upstream.Clean(value, 60), f.name)
	}
	return f, value, nil
}

type deleteIn struct {
	Object string `json:"object"`
	ID     string `json:"id"`
}

// Deleted is the answer of salesforce_delete_record.
type Deleted struct {
	ID     string `json:"id"`
	Object string `json:"object"`
	Name   string `json:"name,omitempty"`
	Note   string `json:"note"`
}

// Text is one line.
func (d Deleted) Text() string {
	called := ""
	if d.Name != "" {
		called = " " + upstream.Quote(d.Name)
	}
	return fmt.Sprintf("deleted %s %s%s. %s", d.Object, d.ID, called, d.Note)
}

func (s *service) deleteRecord(ctx context.Context, c *upstream.Client, in deleteIn) (Deleted, error) {
	o, err := s.object(ctx, c, in.Object)
	if err != nil {
		return Deleted{}, err
	}
	id, err := s.recordID(ctx, c, o, "id", in.ID)
	if err != nil {
		return Deleted{}, err
	}
	l, _ := literal(id)
	r, err := s.read(ctx, c, o, "Id = "+l, []string{"Id"}) // what it is called, as long as it is there
	if err != nil {
		return Deleted{}, err
	}
	if err := c.Do(ctx, upstream.Request{Method: http.MethodDelete, Path: path(c, "sobjects", o.name, id)}, nil); err != nil {
		return Deleted{}, err
	}
	return Deleted{id, o.name, record(c, r, shortValue).Name, "A person can restore it from the recycle bin for 15 days."}, nil
}
