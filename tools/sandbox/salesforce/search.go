package salesforce

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// search is parameterizedSearch: words in the texts of the objects that are named, or
// of all that can be searched.
func (o *org) search(q request) (any, *fault) {
	type want struct {
		Name   string   `json:"name"`
		Fields []string `json:"fields"`
		Limit  int      `json:"limit"`
	}
	var in struct {
		Q       string   `json:"q"`
		In      string   `json:"in"`
		Fields  []string `json:"fields"`
		Objects []want   `json:"sobjects"`
		Overall int      `json:"overallLimit"`
		Default int      `json:"defaultLimit"`
	}
	if q.method == http.MethodGet {
		in.Q = q.query.Get("q")
		in.Overall, _ = strconv.Atoi(q.query.Get("overallLimit"))
		for _, name := range q.query["sobject"] {
			in.Objects = append(in.Objects, want{Name: name, Fields: strings.FieldsFunc(q.query.Get(name+".fields"), func(r rune) bool { return r == ',' })})
		}
	} else if json.Unmarshal(q.body, &in) != nil {
		return nil, refuse(400, "JSON_PARSER_ERROR", "The body must be an object")
	}
	if len([]rune(strings.TrimSpace(in.Q))) < 2 {
		return nil, refuse(400, "INVALID_SEARCH", "search term must be longer than one character: %s", in.Q)
	}
	if in.Objects == nil {
		for _, n := range o.order {
			if !o.objects[n].locked {
				in.Objects = append(in.Objects, want{Name: n})
			}
		}
	}
	out := []answer{}
	for _, w := range in.Objects {
		ob := o.object(w.Name)
		if ob == nil || ob.locked && ob.name != "User" {
			return nil, refuse(400, "INVALID_TYPE", "sObject type '%s' is not supported.", w.Name)
		}
		if w.Fields == nil {
			w.Fields = in.Fields
		}
		most := w.Limit
		if most == 0 {
			most = in.Default
		}
		n := 0
		for _, r := range o.records[ob.name] {
			if !mentions(ob, r, in.Q) || most > 0 && n >= most || in.Overall > 0 && len(out) >= in.Overall {
				continue
			}
			row := answer{"attributes": attributes(ob, r), "Id": r.id}
			for _, name := range w.Fields {
				if f := o.put(row, Item{Path: name}, ob, r, &Query{From: ob.name}); f != nil {
					return nil, f
				}
			}
			out = append(out, row)
			n++
		}
	}
	return answer{"searchRecords": out, "metadata": answer{"entityMetadata": []any{}}}, nil
}

// mentions reports whether each word begins a word of a record's texts.
func mentions(ob *object, r *record, words string) bool {
	var all strings.Builder
	for _, f := range ob.fields {
		switch f.kind {
		case "string", "email", "phone", "textarea", "combobox", "url":
			if s, _ := r.fields[f.name].(string); s != "" {
				all.WriteString(" " + strings.ToLower(s))
			}
		}
	}
	text := strings.NewReplacer("@", " ", ".", " ", "-", " ").Replace(all.String()) + all.String()
	for _, w := range strings.Fields(strings.ToLower(words)) {
		if !strings.Contains(text, " "+strings.TrimSuffix(w, "*")) {
			return false
		}
	}
	return true
}

// report runs one of the two reports: one in groups, and one that is a table.
func (o *org) report(id string, details bool) (any, *fault) {
	r := o.find("Report", id)
	if r == nil {
		return nil, refuse(404, "NOT_FOUND", "The report that you requested was not found.")
	}
	columns := [][3]string{{"NAME", "Opportunity Name", "Name"}, {"STAGE_NAME", "Stage", "StageName"}, {"AMOUNT", "Amount", "Amount"}}
	soql, groupBy := "SELECT Id, Name, StageName, Amount FROM Opportunity WHERE IsClosed = false ORDER BY Amount DESC", ""
	if r.fields["DeveloperName"] == "Open_cases_by_priority" {
		columns = [][3]string{{"CASE_NUMBER", "Case Number", "CaseNumber"}, {"SUBJECT", "Subject", "Subject"}, {"STATUS", "Status", "Status"}}
		soql, groupBy = "SELECT Id, CaseNumber, Subject, Status, Priority FROM Case WHERE IsClosed = false ORDER BY Priority", "Priority"
	}
	q, err := ParseSOQL(soql)
	if err != nil {
		return nil, refuse(500, "UNKNOWN_EXCEPTION", "%v", err)
	}
	rows, _, f := o.run(q)
	if f != nil {
		return nil, f
	}
	var names []string
	info := answer{}
	for _, c := range columns {
		names = append(names, c[0])
		info[c[0]] = answer{"label": c[1], "dataType": map[bool]string{true: "currency", false: "string"}[c[0] == "AMOUNT"]}
	}
	facts, groups := answer{}, []answer{}
	put := func(key string, some []answer) {
		cells := []answer{}
		for _, row := range some {
			var line []answer
			for _, c := range columns {
				v := row[c[2]]
				label := fmt.Sprint(v)
				if x, ok := v.(float64); ok {
					label = fmt.Sprintf("EUR %.2f", x)
				}
				line = append(line, answer{"label": label, "value": v})
			}
			cells = append(cells, answer{"dataCells": line})
		}
		one := answer{"aggregates": []answer{{"label": strconv.Itoa(len(some)), "value": len(some)}}}
		if details {
			one["rows"] = cells
		}
		facts[key] = one
	}
	format := "TABULAR"
	if groupBy != "" {
		format = "SUMMARY"
		by := map[string][]answer{}
		for _, row := range rows {
			v := fmt.Sprint(row[groupBy])
			if by[v] == nil {
				groups = append(groups, answer{"key": strconv.Itoa(len(groups)), "label": v, "value": v, "groupings": []any{}})
			}
			by[v] = append(by[v], row)
		}
		for i, g := range groups {
			put(fmt.Sprintf("%d!T", i), by[g["value"].(string)])
		}
		put("T!T", rows)
		facts["T!T"].(answer)["rows"] = []any{}
	} else {
		put("T!T", rows)
	}
	return answer{
		"allData": true, "hasDetailRows": details, "factMap": facts, "attributes": answer{"reportId": r.id, "reportName": r.fields["Name"], "type": "Report"},
		"groupingsDown": answer{"groupings": groups}, "groupingsAcross": answer{"groupings": []any{}},
		"reportMetadata": answer{"id": r.id, "name": r.fields["Name"], "reportFormat": format, "detailColumns": names, "aggregates": []string{"RowCount"}, "groupingsDown": grouping(groupBy)},
		"reportExtendedMetadata": answer{
			"detailColumnInfo": info, "aggregateColumnInfo": answer{"RowCount": answer{"label": "Record Count", "dataType": "int"}},
			"groupingColumnInfo": answer{"PRIORITY": answer{"label": "Priority", "dataType": "picklist", "groupingLevel": 0}},
		},
	}, nil
}

func grouping(by string) []answer {
	if by == "" {
		return []answer{}
	}
	return []answer{{"name": "PRIORITY", "sortOrder": "Asc", "dateGranularity": "None"}}
}
