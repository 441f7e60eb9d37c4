package salesforce

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) batchTools() []tools.Tool {
	return []tools.Tool{tools.New("salesforce_create_records", s.createRecords), tools.New("salesforce_update_records", s.updateRecords)}
}

type createAllIn struct {
	Object     string                       `json:"object"`
	Records    []map[string]json.RawMessage `json:"records"`
	AllOrNone  bool                         `json:"all_or_none"`
	Duplicates bool                         `json:"allow_duplicates"`
}

type updateAllIn struct {
	Object    string   `json:"object"`
	Records   []change `json:"records"`
	AllOrNone bool     `json:"all_or_none"`
}

const maxCalled = 50 // records of one call that go by something else than their ids

type change struct {
	ID     string                     `json:"id"`
	Fields map[string]json.RawMessage `json:"fields"`
}

// Batch is what came of many writes, in the order in which they were given.
type Batch struct {
	Object  string   `json:"object"`
	Done    int      `json:"done"`
	Failed  int      `json:"failed,omitempty"`
	Results []Result `json:"results"`
}

// Result is what came of one write.
type Result struct {
	Name  string `json:"name,omitempty"` // as far as it was written
	ID    string `json:"id,omitempty"`
	Error string `json:"error,omitempty"`
}

// Text is one line, and one a record.
func (b Batch) Text() string {
	var t strings.Builder
	fmt.Fprintf(&t, "%s: %d done", b.Object, b.Done)
	if b.Failed > 0 {
		fmt.Fprintf(&t, ", %d failed", b.Failed)
	}
	for i, r := range b.Results {
		fmt.Fprintf(&t, "\n%d", i)
		if r.ID != "" {
			t.WriteString(" " + r.ID)
		}
		if r.Name != "" {
			t.WriteString(" " + upstream.Quote(r.Name))
		}
		if r.Error != "" {
			t.WriteString(" failed: " + r.Error)
		}
	}
	return t.String()
}

func (s *service) createRecords(ctx context.Context, c *upstream.Client, in createAllIn) (Batch, error) {
	o, err := s.object(ctx, c, in.Object)
	if err != nil {
		return Batch{}, err
	}
	var sent []map[string]any
	for i, fields := range in.Records {
		values, err := s.values(ctx, c, o, fmt.Sprintf("records.%d", i), fields, true)
		if err != nil {
			return Batch{}, err
		}
		sent = append(sent, values)
	}
	return s.many(ctx, c, o, http.MethodPost, sent, in.AllOrNone, allowing(in.Duplicates))
}

func (s *service) updateRecords(ctx context.Context, c *upstream.Client, in updateAllIn) (Batch, error) {
	o, err := s.object(ctx, c, in.Object)
	if err != nil {
		return Batch{}, err
	}
	var sent []map[string]any
	if called := slices.DeleteFunc(slices.Clone(in.Records), func(r change) bool { return o.isID(r.ID) }); len(called) > maxCalled {
		return Batch{}, fault.Wrong("records: more than %d go by a name, which has to be looked up. Give ids; salesforce_find_records has them.", maxCalled)
	}
	seen := map[string]bool{}
	for i, one := range in.Records {
		argument := fmt.Sprintf("records.%d", i)
		values, err := s.values(ctx, c, o, argument, one.Fields, false)
		if err != nil {
			return Batch{}, err
		}
		id, err := s.recordID(ctx, c, o, argument, one.ID)
		if err != nil {
			return Batch{}, err
		}
		if seen[id[:15]] {
			return Batch{}, fault.Wrong("%s: the record is in the list twice.", argument)
		}
		seen[id[:15]] = true
		values["id"] = id
		sent = append(sent, values)
	}
	return s.many(ctx, c, o, http.MethodPatch, sent, in.AllOrNone, nil)
}

// many makes a write of up to 200 records. Each has an answer of its own, and the
// request succeeds even where all of them fail.
func (s *service) many(ctx context.Context, c *upstream.Client, o *object, method string, sent []map[string]any, allOrNone bool, header http.Header) (Batch, error) {
	for _, values := range sent {
		values["attributes"] = map[string]string{"type": o.name}
	}
	var got []saved
	err := c.Do(ctx, upstream.Request{
		Method: method, Path: path(c, "composite", "sobjects"), Header: header, JSON: map[string]any{"allOrNone": allOrNone, "records": sent},
	}, &got)
	if err != nil {
		return Batch{}, s.outdated(c, o, err)
	}
	if len(got) != len(sent) {
		return Batch{}, unsure("a result for each record")
	}
	out := Batch{Object: o.name}
	var why []string
	for i, one := range got {
		r := Result{Name: nameIn(o, sent[i])}
		if id, _ := sent[i]["id"].(string); idForm.MatchString(one.ID) || id != "" {
			r.ID = cmp.Or(id, one.ID)
		}
		if one.Success && r.ID != "" {
			out.Done++
		} else {
			out.Failed++
			if r.Error = saidOf(one.Errors); r.Error == "" {
				r.Error = "no reason was given"
			}
			if len(why) < 5 && !rolledBack(one.Errors) {
				why = append(why, fmt.Sprintf("records.%d: %s", i, r.Error))
			}
		}
		out.Results = append(out.Results, r)
	}
	if out.Done == 0 {
		f := fault.New(fault.InvalidArguments, "Salesforce did none of the %d writes. %s", len(sent), strings.Join(why, "; "))
		f.NotSent = true
		return Batch{}, f
	}
	s.name(ctx, c, o, out.Results)
	return out, nil
}

// name says of records what they are called, as far as that can be had.
func (s *service) name(ctx context.Context, c *upstream.Client, o *object, results []Result) {
	fields, ids := []string{"Id"}, []string{}
	for _, name := range []string{o.nameField, "Subject"} {
		if o.has(name) != nil && !slices.Contains(fields, name) {
			fields = append(fields, name)
		}
	}
	for _, r := range results {
		if l, ok := literal(r.ID); ok && idForm.MatchString(r.ID) {
			ids = append(ids, l)
		}
	}
	rows, _, _, err := run(ctx, c, selection{fields: fields, from: o.name, where: []string{"Id IN (" + strings.Join(ids, ", ") + ")"}}.String(), "")
	if err != nil || len(fields) == 1 {
		return
	}
	for _, row := range rows {
		for i := range results {
			if r := &results[i]; row.id != "" && r.ID != "" && r.ID[:15] == row.id[:15] {
				r.Name = record(c, row, shortValue).Name
			}
		}
	}
}

// rolledBack reports whether a write failed only since another did.
func rolledBack(all []wireError) bool {
	return len(all) > 0 && (all[0].Code+all[0].Status == "ALL_OR_NONE_OPERATION_ROLLED_BACK" || all[0].Code == "PROCESSING_HALTED")
}

// nameIn is what a record is called, as far as it is written.
func nameIn(o *object, values map[string]any) string {
	var parts []string
	for _, n := range []string{"FirstName", "LastName", "Name", "Subject", o.nameField} {
		if t, _ := values[n].(string); t != "" && len(parts) < 2 && !slices.Contains(parts, t) {
			parts = append(parts, t)
		}
	}
	return upstream.Clean(strings.Join(parts, " "), 150)
}
