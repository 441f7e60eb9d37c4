package metabase

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) fieldTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_field_values", s.fieldValues)}
}

type fieldValuesIn struct {
	Field    ref    `json:"field"`
	Database ref    `json:"database"`
	Search   string `json:"search"`
	Limit    int    `json:"limit"`
}

// FieldValues is the answer of metabase_field_values.
type FieldValues struct {
	Field  Named    `json:"field"`
	Values []any    `json:"values"`
	Labels []string `json:"labels,omitempty"` // what people see, where a value has such
	More   bool     `json:"has_more"`
	Note   string   `json:"note,omitempty"`
}

// Text is the values in a line.
func (v FieldValues) Text() string {
	return fmt.Sprintf("field %d  %s\n", v.Field.ID, upstream.Quote(v.Field.Name)) + valuesText(v.Values, v.Labels, v.More, v.Note)
}

func valuesText(values []any, labels []string, more bool, note string) string {
	var parts []string
	for i, v := range values {
		text := fmt.Sprint(v)
		if v == nil {
			text = "(empty)"
		}
		if i < len(labels) && labels[i] != "" {
			text += " (" + labels[i] + ")"
		}
		parts = append(parts, text)
	}
	text := "No values.\n"
	if len(parts) > 0 {
		text = upstream.Quote(strings.Join(parts, " | ")) + "\n"
	}
	if more {
		text += "There are more; search for a part of the value.\n"
	}
	if note != "" {
		text += note + "\n"
	}
	return text
}

func (s *service) fieldValues(ctx context.Context, c *upstream.Client, in fieldValuesIn) (FieldValues, error) {
	id, label, err := s.fieldID(ctx, c, in.Field, in.Database)
	if err != nil {
		return FieldValues{}, err
	}
	path := "/api/field/" + strconv.FormatInt(id, 10)
	out := FieldValues{Field: Named{ID: id, Name: label}}
	if in.Search != "" {
		var found []json.RawMessage
		q := url.Values{"value": {in.Search}}
		if err := c.Get(ctx, path+"/search/"+strconv.FormatInt(id, 10), q, &found); err != nil {
			return FieldValues{}, err
		}
		out.Values, out.Labels, out.More = offered(found, in.Limit)
		return out, nil
	}
	var answer valuesModel
	if err := c.Get(ctx, path+"/values", nil, &answer); err != nil {
		return FieldValues{}, err
	}
	out.Values, out.Labels, out.More = offered(answer.Values, in.Limit)
	out.More = out.More || answer.More
	if len(answer.Values) == 0 {
		out.Note = "Metabase keeps no list of this field's values. Use search, or metabase_run_query with breakout."
	}
	return out, nil
}

// valuesModel is what the API answers of values: each a list of the value and,
// where people see another, that.
type valuesModel struct {
	Values []json.RawMessage `json:"values"`
	More   bool              `json:"has_more_values"`
}

// offered are the values of such a list, at most limit; labels has as many, or is nil.
func offered(list []json.RawMessage, limit int) (values []any, labels []string, more bool) {
	values = []any{}
	room, labelled := maxRows, false
	for _, raw := range list {
		var pair []json.RawMessage
		if json.Unmarshal(raw, &pair) != nil {
			pair = []json.RawMessage{raw} // older versions answer plain values
		}
		if len(pair) == 0 {
			continue
		}
		if room -= min(len(raw), maxValue) + 8; len(values) == limit || room < 0 {
			more = true
			break
		}
		label := ""
		if len(pair) > 1 {
			if text, ok := upstream.CleanJSON(pair[1], maxValue).(string); ok {
				label, labelled = text, true
			}
		}
		values, labels = append(values, upstream.CleanJSON(pair[0], maxValue)), append(labels, label)
	}
	if !labelled {
		labels = nil
	}
	return values, labels, more
}

// fieldID is a field by its id or as table.field, and what it is called.
func (s *service) fieldID(ctx context.Context, c *upstream.Client, r, database ref) (int64, string, error) {
	if id, ok := r.number(); ok && id > 0 {
		var f fieldModel
		if err := c.Get(ctx, "/api/field/"+strconv.FormatInt(id, 10), nil, &f); err != nil {
			return 0, "", err
		}
		if err := s.inDatabase(ctx, c, f.TableID, database); err != nil {
			return 0, "", err
		}
		return id, upstream.Clean(f.Name, 254), nil
	}
	table, name := cutLast(string(r))
	if table == "" {
		return 0, "", fault.Wrong("Which field? Give its id, or table.field.")
	}
	id, err := s.table(ctx, c, ref(table), database)
	if err != nil {
		return 0, "", err
	}
	m, err := getTable(ctx, c, id)
	if err != nil {
		return 0, "", err
	}
	f, err := m.field(name)
	if err != nil {
		return 0, "", err
	}
	return f.ID, upstream.Clean(m.Name+"."+f.Name, 254), nil
}

// cutLast divides at the last dot; before is "" where there is none.
func cutLast(s string) (before, after string) {
	if i := strings.LastIndexByte(s, '.'); i > 0 {
		return s[:i], s[i+1:]
	}
	return "", s
}
