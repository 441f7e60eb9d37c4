package weaviate

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) aggregateTools() []tools.Tool {
	return []tools.Tool{tools.New("weaviate_aggregate", s.aggregate)}
}

type aggregateIn struct {
	Collection string     `json:"collection"`
	Filters    []filterIn `json:"filters"`
	AnyOf      bool       `json:"any_of"`
	GroupBy    string     `json:"group_by"`
	Figures    []string   `json:"figures"`
	Tenant     string     `json:"tenant"`
	Limit      int        `json:"limit"`
}

// Figures are what is known of a property over all objects of a group.
type Figures struct {
	Property string   `json:"property"`
	Count    int      `json:"count"` // objects that have a value
	Min      any      `json:"min,omitempty"`
	Max      any      `json:"max,omitempty"`
	Mean     *float64 `json:"mean,omitempty"`
	Median   *float64 `json:"median,omitempty"`
	Sum      *float64 `json:"sum,omitempty"`
	True     *int     `json:"true,omitempty"`
	Top      []Value  `json:"top,omitempty"`
}

// Value is a text, and how often it stands there.
type Value struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Group is all objects, or those with one value.
type Group struct {
	Value   string    `json:"value,omitempty"`
	Count   int       `json:"count"`
	Figures []Figures `json:"figures,omitempty"`
}

// Aggregate is the answer of weaviate_aggregate.
type Aggregate struct {
	Collection string  `json:"collection"`
	GroupBy    string  `json:"group_by,omitempty"`
	Groups     []Group `json:"groups"` // one without group_by
	More       bool    `json:"more"`   // there are more groups
}

// Text is a line a group, and one for each property below it.
func (a Aggregate) Text() string {
	var b strings.Builder
	if a.GroupBy != "" {
		fmt.Fprintf(&b, "%s by %s\n", a.Collection, a.GroupBy)
	}
	for _, g := range a.Groups {
		if a.GroupBy != "" {
			fmt.Fprintf(&b, "%s: %d\n", upstream.Quote(g.Value), g.Count)
		} else {
			fmt.Fprintf(&b, "%d objects in %s\n", g.Count, a.Collection)
		}
		for _, f := range g.Figures {
			b.WriteString("  " + f.text() + "\n")
		}
	}
	if len(a.Groups) == 0 {
		b.WriteString("No objects.\n")
	}
	if a.More {
		b.WriteString("There are more groups: raise limit, or narrow the filters.\n")
	}
	return b.String()
}

func (f Figures) text() string {
	text := fmt.Sprintf("%s: %d values", f.Property, f.Count)
	if f.Min != nil {
		text += fmt.Sprintf(", min %v, max %v", f.Min, f.Max)
	}
	for _, n := range []struct {
		name  string
		value *float64
	}{{"mean", f.Mean}, {"median", f.Median}, {"sum", f.Sum}} {
		if n.value != nil {
			text += ", " + n.name + " " + strconv.FormatFloat(*n.value, 'g', -1, 64)
		}
	}
	if f.True != nil {
		text += fmt.Sprintf(", %d true", *f.True)
	}
	for i, v := range f.Top {
		if i == 0 {
			text += ", most often"
		}
		text += fmt.Sprintf(" %s %d", upstream.Quote(v.Value), v.Count)
	}
	return text
}

func (s *service) aggregate(ctx context.Context, c *upstream.Client, in aggregateIn) (Aggregate, error) {
	var q *query
	selected := ""
	col, err := s.checked(ctx, c, in.Collection, func(col *collection) error {
		q = newQuery("Aggregate", col)
		if err := col.forTenant(in.Tenant); err != nil {
			return err
		}
		where, err := col.where(in.Filters, in.AnyOf, s.now())
		if err != nil {
			return err
		}
		q.where(where)
		q.tenant(in.Tenant)
		selected, err = in.selection(q)
		return err
	})
	if err != nil {
		return Aggregate{}, err
	}
	var rows []map[string]json.RawMessage
	if err := q.run(ctx, c, selected, &rows); err != nil {
		return Aggregate{}, err
	}
	out := Aggregate{Collection: col.name, GroupBy: in.GroupBy, Groups: []Group{}}
	for _, row := range rows {
		g, err := in.group(row)
		if err != nil {
			return Aggregate{}, err
		}
		out.Groups = append(out.Groups, g)
	}
	slices.SortStableFunc(out.Groups, func(a, b Group) int { return cmp.Compare(b.Count, a.Count) })
	if out.More = len(out.Groups) > in.Limit; out.More {
		out.Groups = out.Groups[:in.Limit]
	}
	return out, nil
}

// figuresOf is what is asked of a property, by its type.
var figuresOf = map[string]string{
	"int":     "count minimum maximum mean median sum",
	"number":  "count minimum maximum mean median sum",
	"date":    "count minimum maximum",
	"boolean": "count totalTrue",
	"text":    "count topOccurrences(limit:5){value occurs}",
}

func (in aggregateIn) selection(q *query) (string, error) {
	selected := "meta{count}"
	if in.GroupBy != "" {
		p, err := q.col.property(in.GroupBy)
		if err != nil {
			return "", err
		}
		if _, ok := valueKinds[p.element()]; !ok {
			return "", refuse(fault.InvalidArguments, "%s is of the type %s, which cannot be grouped by.", p.name, p.kind)
		}
		q.arg("groupBy:%s,limit:%d", quoted([]string{p.name}), in.Limit+1)
		selected += " groupedBy{value}"
	}
	for i, word := range in.Figures {
		p, err := q.col.property(word)
		if err != nil {
			return "", err
		}
		figures := figuresOf[p.element()]
		switch {
		case figures == "":
			return "", refuse(fault.InvalidArguments, "%s is of the type %s, of which there are no figures.", p.name, p.kind)
		case slices.Contains(in.Figures[:i], word):
			continue
		}
		selected += " " + p.name + "{" + figures + "}"
	}
	return selected, nil
}

// group reads one row of the answer. What has no values has null for its figures.
func (in aggregateIn) group(row map[string]json.RawMessage) (Group, error) {
	var meta struct {
		Count *int `json:"count"`
	}
	var by struct {
		Value json.RawMessage `json:"value"`
	}
	if json.Unmarshal(row["meta"], &meta) != nil || meta.Count == nil {
		return Group{}, broken()
	}
	g := Group{Count: *meta.Count}
	if in.GroupBy != "" {
		if json.Unmarshal(row["groupedBy"], &by) != nil {
			return Group{}, broken()
		}
		g.Value = fmt.Sprint(orEmpty(upstream.CleanJSON(by.Value, 200)))
	}
	for i, name := range in.Figures {
		if slices.Contains(in.Figures[:i], name) {
			continue
		}
		var f struct {
			Count     int             `json:"count"`
			Minimum   json.RawMessage `json:"minimum"`
			Maximum   json.RawMessage `json:"maximum"`
			Mean      *float64        `json:"mean"`
			Median    *float64        `json:"median"`
			Sum       *float64        `json:"sum"`
			TotalTrue *int            `json:"totalTrue"`
			Top       []struct {
				Value  string `json:"value"`
				Occurs int    `json:"occurs"`
			} `json:"topOccurrences"`
		}
		if json.Unmarshal(row[name], &f) != nil {
			return Group{}, broken()
		}
		one := Figures{Property: name, Count: f.Count, Mean: f.Mean, Median: f.Median, Sum: f.Sum, True: f.TotalTrue}
		if f.Count > 0 {
			one.Min, one.Max = valueOf(f.Minimum, 60), valueOf(f.Maximum, 60)
		}
		for _, t := range f.Top[:min(len(f.Top), 5)] {
			one.Top = append(one.Top, Value{upstream.Clean(t.Value, 200), t.Occurs})
		}
		g.Figures = append(g.Figures, one)
	}
	return g, nil
}

func orEmpty(v any) any {
	if v == nil {
		return ""
	}
	return v
}
