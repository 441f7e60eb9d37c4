package salesforce

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

const (
	shortValue = 500    // characters of a value in a list
	longValue  = 8000   // and of one record alone
	maxRecord  = 50_000 // bytes of all values of one record
)

// Record is one record: fields without a value are left out.
type Record struct {
	ID     string         `json:"id,omitempty"` // "" for a row of a query that names no record
	Object string         `json:"object,omitempty"`
	Name   string         `json:"name,omitempty"`
	Fields map[string]any `json:"fields"` // texts, numbers and truths by API name or path
	Link   string         `json:"link,omitempty"`

	order []string
}

// record makes a result of a row.
func record(c *upstream.Client, r row, limit int) Record {
	out := Record{ID: r.id, Object: r.object, Fields: map[string]any{}}
	if out.Object == "AggregateResult" {
		out.Object = ""
	}
	room := maxRecord
	for _, cell := range r.cells {
		most := limit
		if room <= 0 {
			most = 40
		}
		v := cell.value(most)
		if s, ok := v.(string); ok {
			room -= len(s)
		}
		if _, twice := out.Fields[cell.name]; v == nil || v == "" || cell.name == "Id" && r.id != "" || twice {
			continue
		}
		out.Fields[cell.name] = v
		out.order = append(out.order, cell.name)
	}
	text := func(name string) string { s, _ := out.Fields[name].(string); return s }
	for _, names := range [][]string{{"Name"}, {"CaseNumber", "Subject"}, {"Subject"}, {"OrderNumber"}, {"ContractNumber"}, {"Title"}, {"FirstName", "LastName"}, {"DeveloperName"}} {
		var parts []string
		for _, n := range names {
			if t := text(n); t != "" {
				parts = append(parts, t)
			}
		}
		if out.Name = upstream.Clean(strings.Join(parts, " "), 150); out.Name != "" {
			break
		}
	}
	out.Link = link(c, out.Object, out.ID)
	return out
}

func records(c *upstream.Client, rows []row, limit int) []Record {
	out := make([]Record, 0, len(rows))
	for _, r := range rows {
		out = append(out, record(c, r, limit))
	}
	return out
}

// link is where a person sees the record.
func link(c *upstream.Client, object, id string) string {
	if id == "" || object == "" {
		return ""
	}
	return c.BaseURL() + "/lightning/r/" + url.PathEscape(object) + "/" + id + "/view"
}

// line is the record in one line.
func (r Record) line() string {
	var b strings.Builder
	switch {
	case r.ID != "":
		fmt.Fprintf(&b, "%s %s", r.Object, r.ID)
	default:
		b.WriteString("-")
	}
	if r.Name != "" {
		b.WriteString(" " + upstream.Quote(r.Name))
	}
	named := map[string]bool{} // ids that stand behind a name
	for _, n := range r.order {
		if id := idOf(n); id != "" && r.Fields[id] != nil {
			named[id] = true
		}
	}
	for _, n := range r.order {
		v := r.Fields[n]
		if named[n] || v == r.Name || r.Name != "" && (n == "CaseNumber" || n == "Subject") && strings.Contains(r.Name, fmt.Sprint(v)) {
			continue
		}
		if id := idOf(n); id != "" && r.Fields[id] != nil {
			fmt.Fprintf(&b, " | %s: %s (%s)", n[:strings.LastIndexByte(n, '.')], shown(v), shown(r.Fields[id]))
			continue
		}
		fmt.Fprintf(&b, " | %s: %s", n, shown(v))
	}
	if r.Link != "" {
		b.WriteString(" | " + r.Link)
	}
	return b.String()
}

// idOf is the field of the id that the name of a parent belongs to: ContactId of
// Contact.Name, Account__c of Account__r.Name; "" for any other path.
func idOf(path string) string {
	rel, last, ok := strings.Cut(path, ".")
	if !ok || last != "Name" && last != "CaseNumber" && last != "ContractNumber" && last != "OrderNumber" {
		return ""
	}
	if custom, ok := strings.CutSuffix(rel, "__r"); ok {
		return custom + "__c"
	}
	return rel + "Id"
}

var plainWord = pattern.New(`^[A-Za-z0-9][A-Za-z0-9:+._-]{0,60}$`)

// shown is a value for a text: what somebody wrote stands in «».
func shown(v any) string {
	switch v := v.(type) {
	case string:
		if plainWord.MatchString(v) {
			return v
		}
		return upstream.Quote(v)
	case json.Number:
		return string(v)
	}
	return fmt.Sprint(v)
}

// One is a single record.
type One struct {
	Record Record `json:"record"`
	Note   string `json:"note,omitempty"`
}

// Text is one line, and what there is to say.
func (o One) Text() string { return o.Record.line() + tail(o.Note) }

// Found is a page of records.
type Found struct {
	Total   int      `json:"total"`
	Records []Record `json:"records"`
	Next    string   `json:"next_cursor,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// Text is one line a record.
func (f Found) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d\n", len(f.Records), f.Total)
	for _, r := range f.Records {
		b.WriteString(r.line() + "\n")
	}
	if f.Next != "" {
		b.WriteString("next_cursor: " + f.Next)
	}
	return strings.TrimSuffix(b.String(), "\n") + tail(f.Note)
}

func tail(note string) string {
	if note == "" {
		return ""
	}
	return "\n" + note
}
