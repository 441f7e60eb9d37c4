package salesforce

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

var (
	objectName = pattern.New(`^[A-Za-z]\w{0,79}$`)
	fieldPath  = pattern.New(`^[A-Za-z]\w{0,79}(\.[A-Za-z]\w{0,79}){0,5}$`)
	idForm     = pattern.New(`^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$`)
	stampForm  = pattern.New(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}\+0000$`)
)

var errNoRow = errors.New("a record is no object")

const (
	maxCells   = 2000 // of one row
	maxParents = 6    // from a record to its parent's parent and so on
)

// row is a record as the API sends it: its values in their order, those of a parent by
// their path, such as Account.Name.
type row struct {
	object, id string
	cells      []cell
}

type cell struct {
	name string
	raw  json.RawMessage
}

// UnmarshalJSON reads an object. What is no name of a field is passed over.
func (r *row) UnmarshalJSON(b []byte) error {
	*r = row{}
	return r.read(b, "", 0)
}

func (r *row) read(b []byte, prefix string, depth int) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t == nil {
		return err
	} else if t != json.Delim('{') {
		return errNoRow
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		switch key, _ := t.(string); {
		case key == "attributes" && depth == 0:
			var a struct {
				Type string `json:"type"`
			}
			if json.Unmarshal(raw, &a) == nil && objectName.MatchString(a.Type) {
				r.object = a.Type
			}
		case key == "attributes" || !objectName.MatchString(key) || len(r.cells) >= maxCells:
		case raw[0] == '{' && depth < maxParents && within(raw) == nil:
			if err := r.read(raw, prefix+key+".", depth+1); err != nil {
				return err
			}
		default:
			r.cells = append(r.cells, cell{prefix + key, raw})
			var id string
			if depth == 0 && key == "Id" && json.Unmarshal(raw, &id) == nil && idForm.MatchString(id) {
				r.id = id
			}
		}
	}
	_, err := dec.Token()
	return err
}

// within are the records of a query within the row, not looked into; nil where a value
// is none.
func within(raw json.RawMessage) json.RawMessage {
	if raw[0] != '{' || !bytes.Contains(raw, []byte(`"records"`)) {
		return nil
	}
	var sub struct {
		Total   *int            `json:"totalSize"`
		Records json.RawMessage `json:"records"`
	}
	if json.Unmarshal(raw, &sub) != nil || sub.Total == nil {
		return nil
	}
	return sub.Records
}

// text is a value that is a text; "" where there is none.
func (r row) text(name string) string {
	for _, c := range r.cells {
		if c.name == name {
			var s string
			_ = json.Unmarshal(c.raw, &s)
			return s
		}
	}
	return ""
}

// number is a value that is a number; 0 where there is none.
func (r row) number(name string) json.Number {
	for _, c := range r.cells {
		if n, ok := c.value(40).(json.Number); ok && c.name == name {
			return n
		}
	}
	return "0"
}

// value is a value fit for a model, nil for null: times in RFC 3339, numbers without an
// exponent, the records of a query within as a line each.
func (c cell) value(limit int) any {
	var rows []row
	if list := within(c.raw); list != nil && json.Unmarshal(list, &rows) == nil {
		var lines []string
		for _, r := range rows[:min(len(rows), 50)] {
			var parts []string
			for _, inner := range r.cells {
				if v := inner.plain(120); v != nil && v != "" {
					parts = append(parts, fmt.Sprint(v))
				}
			}
			lines = append(lines, strings.Join(parts, ", "))
		}
		return upstream.CleanLines(strings.Join(lines, "\n"), limit)
	}
	return c.plain(limit)
}

// plain is value for one that is no list of records.
func (c cell) plain(limit int) any {
	switch v := upstream.CleanJSON(c.raw, limit).(type) {
	case string:
		if t, err := time.Parse("2006-01-02T15:04:05.000-0700", v); err == nil && stampForm.MatchString(v) {
			return t.UTC().Format(time.RFC3339)
		}
		return v
	case json.Number:
		if strings.ContainsAny(string(v), "eE") { // as in 4.8E7, which is how large ones come
			x, err := v.Float64()
			if err != nil {
				return string(v)
			}
			return json.Number(strconv.FormatFloat(x, 'f', -1, 64))
		}
		return v
	default:
		return v
	}
}
