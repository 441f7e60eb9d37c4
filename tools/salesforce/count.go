package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) countTools() []tools.Tool {
	return []tools.Tool{tools.New("salesforce_count_records", s.countRecords)}
}

const maxGroups = 200

type countIn struct {
	search
	GroupBy string `json:"group_by"`
	Sum     string `json:"sum"`
}

// Count is how many records there are, and of what in all.
type Count struct {
	Object string      `json:"object"`
	Count  int         `json:"count"`
	SumOf  string      `json:"sum_of,omitempty"`
	Sum    json.Number `json:"sum,omitempty"`
	By     string      `json:"group_by,omitempty"`
	Groups []Group     `json:"groups,omitempty"`
	Note   string      `json:"note,omitempty"`
}

// Group is the part of the records that have a value in common.
type Group struct {
	Value string      `json:"value"` // "" where there is none
	Count int         `json:"count"`
	Sum   json.Number `json:"sum,omitempty"`
}

// Text is one line, and one a group.
func (k Count) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", k.Count, k.Object)
	if k.Sum != "" {
		fmt.Fprintf(&b, ", %s in all: %s", k.SumOf, k.Sum)
	}
	for _, g := range k.Groups {
		value := "(none)"
		if g.Value != "" {
			value = shown(g.Value)
		}
		fmt.Fprintf(&b, "\n%s: %d", value, g.Count)
		if g.Sum != "" {
			fmt.Fprintf(&b, ", %s", g.Sum)
		}
	}
	return b.String() + tail(k.Note)
}

func (s *service) countRecords(ctx context.Context, c *upstream.Client, in countIn) (Count, error) {
	out := Count{}
	o, err := s.object(ctx, c, in.Object)
	if err != nil {
		return out, err
	}
	out.Object = o.name
	where, err := s.conditions(ctx, c, o, in.Filters)
	if err != nil {
		return out, err
	}
	q := selection{fields: []string{"COUNT()"}, from: o.name, where: where, any: in.Match == "any"}
	if in.GroupBy == "" && in.Sum == "" {
		_, out.Count, _, err = run(ctx, c, q.String(), "")
		return out, err
	}
	q.fields = []string{"COUNT(Id) cnt"}
	if in.Sum != "" {
		f, err := s.at(ctx, c, o, "sum", in.Sum)
		if err != nil {
			return out, err
		}
		if textual(f.kind) || f.kind == "date" || f.kind == "datetime" || f.kind == "boolean" {
			return out, fault.Wrong("sum: %s is no number.", in.Sum)
		}
		q.fields = append(q.fields, "SUM("+in.Sum+") amt")
		out.SumOf = in.Sum
	}
	if in.GroupBy == "" {
		rows, _, _, err := run(ctx, c, q.String(), "")
		if err != nil {
			return out, err
		}
		if len(rows) != 1 {
			return out, lacking("the result of the query")
		}
		out.Count, out.Sum = whole(rows[0].number("cnt")), rows[0].number("amt")
		return out, nil
	}
	f, err := s.at(ctx, c, o, "group_by", in.GroupBy)
	if err != nil {
		return out, err
	}
	if !f.group {
		return out, fault.Wrong("group_by: Salesforce does not group by %s. Picklists, references, dates and names can be.", in.GroupBy)
	}
	by := in.GroupBy
	if n := nameOf(f); n != "" {
		up, _, _ := cutLast(by)
		by = up + f.rel + "." + n // what people call it
	}
	out.By = by
	q.fields = append([]string{by + " grp"}, q.fields...)
	q.group, q.order, q.limit = by, "COUNT(Id) DESC", maxGroups+1
	rows, _, _, err := run(ctx, c, q.String(), "")
	if err != nil {
		return out, err
	}
	if len(rows) > maxGroups {
		out.Note = fmt.Sprintf("These are the %d largest groups, and count is theirs; filter to see others.", maxGroups)
		rows = rows[:maxGroups]
	}
	for _, r := range rows {
		g := Group{Count: whole(r.number("cnt"))}
		for _, cell := range r.cells {
			if v := cell.value(200); cell.name == "grp" && v != nil {
				g.Value = fmt.Sprint(v)
			}
		}
		if in.Sum != "" {
			g.Sum = r.number("amt")
		}
		out.Count += g.Count
		out.Groups = append(out.Groups, g)
	}
	return out, nil
}

// whole is a number that should be whole and not negative.
func whole(n json.Number) int {
	x, err := n.Float64()
	if err != nil || x < 0 || x > 1e12 {
		return 0
	}
	return int(x)
}
