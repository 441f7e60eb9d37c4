package notion

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"toolvault/tools/toolstest"
)

func titles(r Rows) string {
	var all []string
	for _, row := range r.Rows {
		all = append(all, row.Title)
	}
	return strings.Join(all, ", ")
}

// Every filter is one that the double takes, which refuses what does not fit the type
// of the property.
func TestFilters(t *testing.T) {
	w, _ := sandboxed(t)
	for _, c := range []struct{ args, want string }{
		{``, "Acme, Borealis Foods, Kestrel Labs, Lindqvist Consulting"},
		{`"filters": [{"property": "Status", "op": "equals", "value": "at risk"}]`, "Acme, Kestrel Labs"},
		{`"filters": "[{\"property\": \"Status\", \"op\": \"equals\", \"value\": \"At risk\"}]"`, "Acme, Kestrel Labs"},
		{`"filters": [{"property": "status", "op": "in", "value": ["Healthy", "Churned"]}]`, "Borealis Foods, Lindqvist Consulting"},
		{`"filters": [{"property": "Status", "op": "not_equals", "value": "At risk"}, {"property": "MRR", "op": "gt", "value": 100}]`, "Borealis Foods"},
		{`"filters": [{"property": "Plan", "op": "equals", "value": "Team"}, {"property": "MRR", "op": "gte", "value": "4000"}], "match": "any"`, "Acme, Borealis Foods"},
		{`"filters": [{"property": "Name", "op": "contains", "value": "lab"}]`, "Kestrel Labs"},
		{`"filters": [{"property": "Contact", "op": "starts_with", "value": "Dana"}]`, "Acme"},
		{`"filters": [{"property": "Tags", "op": "contains", "value": "Export"}]`, "Acme"},
		{`"filters": [{"property": "Tags", "op": "empty"}]`, "Kestrel Labs, Lindqvist Consulting"},
		{`"filters": [{"property": "Owner", "op": "contains", "value": "tomoko.nomura@northwind.example"}]`, "Acme, Borealis Foods"},
		{`"filters": [{"property": "Owner", "op": "equals", "value": "Marta Klein"}]`, "Kestrel Labs"},
		{`"filters": [{"property": "Key account", "op": "equals", "value": true}]`, "Acme"},
		{`"filters": [{"property": "Key account", "op": "equals", "value": "no"}]`, "Borealis Foods, Kestrel Labs, Lindqvist Consulting"},
		{`"filters": [{"property": "Renewal", "op": "lt", "value": "2027-01-01"}]`, "Kestrel Labs"},
		{`"filters": [{"property": "Renewal", "op": "equals", "value": "next month"}]`, "Kestrel Labs"},
		{`"filters": [{"property": "Renewal", "op": "gte", "value": "7d"}], "sort": ["Renewal"]`, "Kestrel Labs, Acme, Borealis Foods"},
		{`"filters": [{"property": "Added", "op": "gt", "value": "2026-11-06T00:00:00Z"}]`, "Borealis Foods, Kestrel Labs, Lindqvist Consulting"},
		{`"filters": [{"property": "last_edited_time", "op": "lte", "value": "2026-11-11"}]`, "Acme, Borealis Foods"},
		{`"filters": [{"property": "ID", "op": "equals", "value": "CUS-3"}]`, "Kestrel Labs"},
		{`"filters": [{"property": "Yearly", "op": "gt", "value": 20000}]`, "Acme"},
		{`"filters": [{"property": "Email", "op": "not_empty"}]`, "Acme, Borealis Foods"},
		{`"filters": [{"property": "Files", "op": "not_empty"}]`, ""},
		{`"sort": ["-MRR"]`, "Acme, Borealis Foods, Kestrel Labs, Lindqvist Consulting"},
		{`"sort": ["Status", "-last_edited_time"]`, "Kestrel Labs, Acme, Lindqvist Consulting, Borealis Foods"},
	} {
		args := `{"data_source": "Customers"`
		if c.args != "" {
			args += ", " + c.args
		}
		out, err := w.call("notion_query_data_source", args+"}")
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		if got := titles(out.(Rows)); got != c.want {
			t.Errorf("%s: %s, want %s", c.args, got, c.want)
		}
	}
}

func TestFiltersTeach(t *testing.T) {
	w, _ := sandboxed(t)
	for args, says := range map[string]string{
		`"filters": [{"property": "Statsu", "op": "equals", "value": "x"}]`:                "Did you mean «Status»?",
		`"filters": [{"property": "Status", "op": "equals", "value": "Helthy"}]`:           "Did you mean «Healthy»?",
		`"filters": [{"property": "Status", "op": "equals", "value": "Paused"}]`:           "There are «Healthy», «At risk», «Churned»",
		`"filters": [{"property": "Status", "op": "gt", "value": "Healthy"}]`:              "use contains, empty, equals, in",
		`"filters": [{"property": "MRR", "op": "equals", "value": "a lot"}]`:               "takes a number",
		`"filters": [{"property": "MRR", "op": "equals"}]`:                                 "which value?",
		`"filters": [{"property": "Renewal", "op": "lt", "value": "soon"}]`:                "is no time",
		`"filters": [{"property": "Renewal", "op": "lt", "value": "past_week"}]`:           "goes with the operator equals",
		`"filters": [{"property": "Owner", "op": "contains", "value": "Nobody Here"}]`:     "no person",
		`"filters": [{"property": "Key account", "op": "empty"}]`:                          "never empty",
		`"filters": [{"property": "Plan", "op": "in", "value": "Team"}]`:                   "takes a list",
		`"filters": [{"property": "Issues", "op": "contains", "value": "the export one"}]`: "leads to pages",
		`"filters": "{"`:          "could not be read",
		`"sort": ["-Renewl"]`:     "Did you mean «Renewal»?",
		`"properties": ["Ownre"]`: "Did you mean «Owner»?",
	} {
		_, err := w.call("notion_query_data_source", `{"data_source": "Customers", `+args+`}`)
		if f := toolstest.FaultOf(t, err); f.Kind != "invalid_arguments" && f.Kind != "not_found" || !strings.Contains(f.Message, says) {
			t.Errorf("%s: %v", args, f)
		}
	}
}

func TestRowsAreFlat(t *testing.T) {
	w, _ := sandboxed(t)
	r := must[Rows](w, "notion_query_data_source", `{"data_source": "Customers", "limit": 1, "properties": ["status", "MRR", "Tags", "Owner", "Renewal", "Yearly", "ID"]}`)
	want := `{"ID":"CUS-1","MRR":4000,"Owner":["Tomoko Nomura"],"Renewal":"2027-01-15","Status":"At risk","Tags":["export","renewal"],"Yearly":48000}`
	if got := quoted(r.Rows[0].Values); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var seen []string
	for cursor := ""; ; {
		r := must[Rows](w, "notion_query_data_source", `{"data_source": "Customers", "limit": 3, "cursor": "`+cursor+`", "sort": ["-Name"]}`)
		seen = append(seen, titles(r))
		if cursor = r.Next; cursor == "" {
			break
		}
	}
	if got := strings.Join(seen, " | "); got != "Lindqvist Consulting, Kestrel Labs, Borealis Foods | Acme" {
		t.Error(got)
	}
	first := must[Rows](w, "notion_query_data_source", `{"data_source": "Customers", "limit": 3}`)
	_, err := w.call("notion_query_data_source", `{"data_source": "Customers", "limit": 3, "sort": ["Name"], "cursor": "`+first.Next+`"}`)
	if f := toolstest.FaultOf(t, err); !strings.Contains(f.Message, "another query") {
		t.Error(f)
	}
}

// A data source is found by its id, by its database if that has one only, by an address
// and by its title; and what it looks like is asked once.
func TestWhichDataSource(t *testing.T) {
	w, _ := sandboxed(t)
	schema := must[Schema](w, "notion_get_data_source", `{"data_source": "Customers"}`)
	for _, word := range []string{schema.ID, strings.ReplaceAll(schema.ID, "-", ""), schema.Database, schema.URL, "https://www.notion.so/northwind/" + strings.ReplaceAll(schema.Database, "-", "") + "?v=" + strings.Repeat("a", 32), "customers"} {
		if got := must[Schema](w, "notion_get_data_source", `{"data_source": "`+word+`"}`); got.ID != schema.ID {
			t.Errorf("%s: %s", word, got.ID)
		}
	}
	log := must[Children](w, "notion_list_children", `{"page": "Support runbooks"}`).Blocks[3]
	_, err := w.call("notion_get_data_source", `{"data_source": "`+log.ID+`"}`)
	if f := toolstest.FaultOf(t, err); !strings.Contains(f.Message, "several data sources: «Open issues»") {
		t.Error(f)
	}
	_, err = w.call("notion_get_data_source", `{"data_source": "Custmers"}`)
	if f := toolstest.FaultOf(t, err); f.Kind != "not_found" || !strings.Contains(f.Message, "Did you mean «Customers»?") {
		t.Error(f)
	}
	for i, want := range []int{1, 1} { // the title and the schema are known by now
		c := w.client()
		if _, err := toolstest.Call(t, w.svc, c, "notion_query_data_source", `{"data_source": "Customers"}`); err != nil || c.Stats().Requests != want {
			t.Errorf("call %d: %d requests, %v", i, c.Stats().Requests, err)
		}
	}
}

// A column that came after the schema was kept is found: it is read again, once.
func TestASchemaThatChanged(t *testing.T) {
	renamed := false
	_, d := sandboxed(t)
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(string(asked), "Who to ask", "Contact")))
		rec := &recorder{header: http.Header{}}
		d.ServeHTTP(rec, r)
		body := rec.body.String()
		if renamed {
			body = strings.ReplaceAll(body, `"Contact"`, `"Who to ask"`)
		}
		rw.WriteHeader(rec.status)
		_, _ = rw.Write([]byte(body))
	}))
	w.key = d.Secret
	must[Rows](w, "notion_query_data_source", `{"data_source": "Customers"}`)
	renamed = true
	r := must[Rows](w, "notion_query_data_source", `{"data_source": "Customers", "filters": [{"property": "Who to ask", "op": "contains", "value": "Dana"}]}`)
	if titles(r) != "Acme" {
		t.Error(titles(r))
	}
}

// A filter made of anything is refused, or is JSON of properties that there are, with
// one operator each.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{
		`[{"property":"Status","op":"equals","value":"Healthy"}]`, `[{"property":"MRR","op":"in","value":[1,2]}]`, `[{"property":"Renewal","op":"lt","value":"7d"}]`,
		`"[]"`, `[{"property":"Name","op":"contains","value":"\"},\"or\":[{}]"}]`, `[{"property":"created_time","op":"equals","value":"past week"}]`, `[{"property":"Yearly","op":"gt","value":1e999}]`,
	} {
		f.Add(s)
	}
	src := &source{ID: someID, Title: "T", props: []property{
		{id: "title", name: "Name", kind: "title"}, {id: "a", name: "Status", kind: "status", options: []string{"Healthy"}}, {id: "b", name: "MRR", kind: "number"},
		{id: "c", name: "Renewal", kind: "date"}, {id: "d", name: "Tags", kind: "multi_select", options: []string{"x"}}, {id: "e", name: "Yearly", kind: "formula"},
		{id: "f", name: "Key", kind: "checkbox"}, {id: "g", name: "Issues", kind: "relation"}, {id: "h", name: "Sum", kind: "rollup"},
	}}
	s := &service{now: clock}
	f.Fuzz(func(t *testing.T, text string) {
		var all conditions
		if json.Unmarshal([]byte(text), &all) != nil {
			return
		}
		filter, err := s.filter(t.Context(), nil, src, all.Value, len(text)%2 == 0)
		if err != nil {
			toolstest.Harmless(t, toolstest.FaultOf(t, err), 2000)
			return
		}
		raw, err := json.Marshal(filter)
		if err != nil {
			t.Fatal(err)
		}
		var back any
		if json.Unmarshal(raw, &back) != nil {
			t.Fatalf("%s", raw)
		}
		checkFilter(t, src, back)
	})
}

func checkFilter(t *testing.T, src *source, v any) {
	t.Helper()
	f, ok := v.(map[string]any)
	if !ok {
		return // none at all
	}
	for _, join := range []string{"and", "or"} {
		if list, ok := f[join].([]any); ok {
			if len(f) != 1 {
				t.Fatalf("%v", f)
			}
			for _, one := range list {
				checkFilter(t, src, one)
			}
			return
		}
	}
	if len(f) != 2 {
		t.Fatalf("%v", f)
	}
	if at, ok := f["timestamp"].(string); ok {
		if !stamp(at) {
			t.Fatalf("%v", f)
		}
		return
	}
	p, err := src.column(f["property"].(string))
	if err != nil || f[p.kind] == nil || len(f[p.kind].(map[string]any)) != 1 {
		t.Fatalf("%v: %v", f, err)
	}
}
