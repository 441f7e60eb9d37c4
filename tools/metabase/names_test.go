package metabase

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
)

func TestThingsAreNamedAsPeopleDo(t *testing.T) {
	w := sandboxed(t)
	for _, id := range []string{`42`, `"42"`, `"Support health"`, `" support HEALTH "`, `"` + w.url + `/dashboard/42-support-health"`, `"` + w.url + `/dashboard/42?created=past7days#x"`,
		`"https://metabase.sandbox.example/dashboard/42"`} {
		if d := must[Dashboard](w, "metabase_get_dashboard", `{"id":`+id+`}`); d.ID != 42 {
			t.Errorf("%s: %+v", id, d)
		}
	}
	for _, id := range []string{`108`, `"Accounts"`, `"` + w.url + `/model/108-accounts"`, `"` + w.url + `/question/108"`} {
		if q := must[Question](w, "metabase_get_question", `{"id":`+id+`}`); q.ID != 108 || q.Type != "model" {
			t.Errorf("%s: %+v", id, q)
		}
	}
	for _, id := range []string{`6`, `"Templates"`, `"Support/Templates"`, `"support/templates"`} {
		if l := must[Contents](w, "metabase_list_collection", `{"collection":`+id+`}`); l.Collection != (Named{6, "Support/Templates"}) {
			t.Errorf("%s: %+v", id, l)
		}
	}
	for _, id := range []string{`1`, `"tickets"`, `"Tickets"`, `"public.tickets"`} {
		if d := must[Table](w, "metabase_describe_table", `{"table":`+id+`,"database":"Support warehouse"}`); d.ID != 1 {
			t.Errorf("%s: %+v", id, d)
		}
	}
	for _, id := range []string{`15`, `"tickets.status"`, `"public.tickets.Status"`} {
		if v := must[FieldValues](w, "metabase_field_values", `{"field":`+id+`}`); v.Field.ID != 15 || fmt.Sprint(v.Values) != "[open solved]" {
			t.Errorf("%s: %+v", id, v)
		}
	}
}

func TestNamesThatCannotBe(t *testing.T) {
	w := sandboxed(t)
	w.refused(fault.NotFound, "no dashboard", "metabase_get_dashboard", `{"id":"zeppelin"}`)
	w.refused(fault.InvalidArguments, "could be several", "metabase_get_question", `{"id":"tickets"}`)
	w.refused(fault.InvalidArguments, "address of a question", "metabase_get_dashboard", `{"id":"`+w.url+`/question/101"}`)
	w.refused(fault.InvalidArguments, "not an address in this Metabase", "metabase_get_dashboard", `{"id":"https://evil.example/dashboard/42"}`)
	w.refused(fault.InvalidArguments, "not an address in this Metabase", "metabase_get_dashboard", `{"id":"`+w.url+`0/dashboard/42"}`)
	w.refused(fault.InvalidArguments, "names no dashboard", "metabase_get_dashboard", `{"id":"`+w.url+`/dashboard/"}`)
	w.refused(fault.InvalidArguments, "Which dashboard", "metabase_get_dashboard", `{"id":" "}`)
	w.refused(fault.InvalidArguments, "There is no dashboard 0", "metabase_get_dashboard", `{"id":0}`)
	w.refused(fault.NotFound, "Did you mean", "metabase_list_collection", `{"collection":"Finnance"}`)
	w.refused(fault.NotFound, "no database", "metabase_list_tables", `{"database":"warehouse 9"}`)
	w.refused(fault.NotFound, "no table", "metabase_describe_table", `{"table":"invoices"}`)
	w.refused(fault.NotFound, "In table tickets", "metabase_field_values", `{"field":"tickets.colour"}`)
	w.refused(fault.InvalidArguments, "table.field", "metabase_field_values", `{"field":"status"}`)
}

// A name costs a request once, for each credential.
func TestNamesAreRememberedByCredential(t *testing.T) {
	double := sandbox.NewMetabase()
	w := guarded(t, double)
	count := func() int {
		before := double.Requests()
		must[Dashboard](w, "metabase_get_dashboard", `{"id":"Support health"}`)
		return double.Requests() - before
	}
	if first, second := count(), count(); first != 2 || second != 1 {
		t.Errorf("%d requests, then %d", first, second)
	}
}

// A name that is misspelt is answered with the one that was meant.
func TestAMisspeltName(t *testing.T) {
	w := sandboxed(t)
	w.refused(fault.NotFound, "Did you mean «Support health»?", "metabase_get_dashboard", `{"id":"Suport health"}`)
	w.refused(fault.NotFound, "Did you mean «Open tickets»?", "metabase_run_question", `{"id":"Open tikets"}`)
}

// Two tables of one name are told apart by their schema.
func TestTablesOfOneName(t *testing.T) {
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/api/search" {
			_, _ = io.WriteString(rw, `{"data":[
				{"id":1,"model":"table","name":"Orders","table_name":"orders","table_schema":"public","database_id":1},
				{"id":2,"model":"table","name":"Orders","table_name":"orders","table_schema":"archive","database_id":1}],"total":2}`)
			return
		}
		_, _ = io.WriteString(rw, `{"id":`+strings.Split(r.URL.Path, "/")[3]+`,"name":"orders","db_id":1,"fields":[]}`)
	}))
	w.refused(fault.InvalidArguments, "«archive.orders of database 1» (2)", "metabase_describe_table", `{"table":"orders"}`)
	if got := must[Table](w, "metabase_describe_table", `{"table":"archive.orders"}`); got.ID != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestLists(t *testing.T) {
	w := sandboxed(t)
	root := must[Contents](w, "metabase_list_collection", `{}`)
	if len(root.Items) != 2 || root.Items[0].Link != w.url+"/collection/3" {
		t.Errorf("root: %+v", root)
	}
	seen := 0
	for cursor := ""; ; {
		l := must[Contents](w, "metabase_list_collection", `{"collection":3,"limit":2,"cursor":"`+cursor+`"}`)
		seen += len(l.Items)
		if cursor = l.Next; cursor == "" {
			if seen != l.Total {
				t.Errorf("saw %d of %d", seen, l.Total)
			}
			break
		}
		w.refused(fault.InvalidArguments, "another query", "metabase_list_collection", `{"collection":5,"limit":2,"cursor":"`+cursor+`"}`)
	}
	tables := must[Tables](w, "metabase_list_tables", `{"database":1,"name_contains":"cust"}`)
	if len(tables.Tables) != 1 || tables.Tables[0].Name != "customers" || tables.Tables[0].Schema != "public" {
		t.Errorf("tables: %+v", tables)
	}
	table := must[Table](w, "metabase_describe_table", `{"table":"tickets","response_format":"detailed"}`)
	if len(table.Fields) != 7 || table.Fields[0].Key != "primary" || table.Fields[3].PointsTo != "customers.name" || table.Fields[5].Type != "DateTimeWithTZ" {
		t.Errorf("table: %+v", table)
	}
	if v := must[FieldValues](w, "metabase_field_values", `{"field":"tickets.customer","search":"acm"}`); fmt.Sprint(v.Values) != "[Acme GmbH]" {
		t.Errorf("values: %+v", v)
	}
	if v := must[ParameterValues](w, "metabase_parameter_values", `{"question":103,"parameter":"Customer","search":"glob"}`); fmt.Sprint(v.Values) != "[Globex AG]" {
		t.Errorf("values: %+v", v)
	}
	if v := must[ParameterValues](w, "metabase_parameter_values", `{"dashboard":42,"parameter":"status","search":"sol/ved"}`); len(v.Values) != 0 {
		t.Errorf("values: %+v", v)
	}
	w.refused(fault.InvalidArguments, "Did you mean status", "metabase_parameter_values", `{"dashboard":42,"parameter":"statsu"}`)
	if me := must[Me](w, "metabase_whoami", `{}`); me.ID != 11 || me.Zone != "Europe/Berlin" || me.Version != "v0.63.1" {
		t.Errorf("me: %+v", me)
	}
}

func TestSearchWithoutWordsListsAll(t *testing.T) {
	w := sandboxed(t)
	if got := must[Items](w, "metabase_search", `{"models":["dashboard"]}`); got.Total != 3 {
		t.Errorf("got %+v", got)
	}
	if q := must[Question](w, "metabase_get_question", `{"id":101}`); len(q.Dashboards) != 1 || q.Dashboards[0] != (Named{42, "Support health"}) {
		t.Errorf("got %+v", q.Dashboards)
	}
}

// A dashboard with more cards than an answer holds goes on with a cursor, and a
// long question is cut.
func TestLargeDashboardsAndQuestions(t *testing.T) {
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		if strings.Contains(r.URL.Path, "/card/") {
			_, _ = io.WriteString(rw, `{"id":1,"name":"q","dataset_query":{"database":1,"type":"native","native":{"query":"`+strings.Repeat("日", 40_000)+`"}}}`)
			return
		}
		var cards []string
		for i := range 450 {
			cards = append(cards, fmt.Sprintf(`{"id":%d,"visualization_settings":{"text":"%s"}}`, i+1, strings.Repeat("é", 400)))
		}
		_, _ = io.WriteString(rw, `{"id":5,"name":"d","dashcards":[`+strings.Join(cards, ",")+`]}`)
	}))
	seen := 0
	for cursor := ""; ; {
		d := must[Dashboard](w, "metabase_get_dashboard", `{"id":5,"cursor":"`+cursor+`"}`)
		if len(d.Text()) > 75_000 || d.Cards[0].ID != int64(seen+1) || d.More != 450-seen-len(d.Cards) {
			t.Fatalf("%d bytes, from card %d, %d more", len(d.Text()), d.Cards[0].ID, d.More)
		}
		seen += len(d.Cards)
		if cursor = d.Next; cursor == "" {
			break
		}
	}
	if seen != 450 {
		t.Errorf("saw %d", seen)
	}
	if q := must[Question](w, "metabase_get_question", `{"id":1}`); len(q.SQL) > maxShownSQL || len(q.SQL) < maxShownSQL/4 {
		t.Errorf("%d bytes of SQL", len(q.SQL))
	}
}
