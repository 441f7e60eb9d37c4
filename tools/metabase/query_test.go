package metabase

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
)

func TestRunQuery(t *testing.T) {
	w := sandboxed(t)
	for _, c := range []struct{ args, rows string }{
		{`{"table":"tickets","aggregation":["count"],"breakout":["status"],"order":["-count"]}`, `[["solved",68],["open",4]]`},
		{`{"table":"tickets","aggregation":["count","distinct(customer)"],"filter":[{"field":"status","value":"open"}]}`, `[[4,3]]`},
		{`{"table":"customers","fields":["name","plan"],"filter":[{"field":"plan","op":"!=","value":["pro","starter"]}],"order":["name"],"limit":2}`, `[["Acme GmbH","enterprise"],["Globex AG","enterprise"]]`},
		{`{"table":"tickets","aggregation":["count"],"filter":[{"field":"customer.plan","value":"enterprise"}]}`, `[[66]]`},
		{`{"table":"tickets","aggregation":["count"],"breakout":["customer.plan"],"order":["count desc"],"limit":1}`, `[["enterprise",66]]`},
		{`{"table":"tickets","fields":["id"],"filter":[{"field":"external_ref","value":"9007199254742034"}]}`, `[[1041]]`},
		{`{"table":"tickets","aggregation":["max(id)"],"filter":[{"field":"subject","op":"contains","value":"INVOICE"},{"field":"id","op":"between","value":[905,907]}]}`, `[[907]]`},
		{`{"table":"tickets","aggregation":["count"],"filter":[{"field":"customer","op":"not-empty"},{"field":"customer","op":"starts-with","value":"acme"}]}`, `[[2]]`},
		{`{"table":"card__108","aggregation":["count"],"breakout":["plan"],"order":["plan"]}`, `[["enterprise",3],["pro",4],["starter",1]]`},
		{`{"mbql":{"source-table":2,"aggregation":[["count"]]}}`, `[[8]]`},
		{`{"mbql":{"database":1,"type":"query","query":{"source-table":2,"aggregation":[["count"]]}}}`, `[[8]]`},
		{`{"database":1,"mbql":{"lib/type":"mbql/query","stages":[{"lib/type":"mbql.stage/mbql","source-table":2,"aggregation":[["count"]]}]}}`, `[[8]]`},
	} {
		got := must[Rows](w, "metabase_run_query", c.args)
		if raw, _ := json.Marshal(got.Rows); string(raw) != c.rows {
			t.Errorf("%s\n got %s\nwant %s", c.args, raw, c.rows)
		}
	}
}

func TestRunQueryTeaches(t *testing.T) {
	w := sandboxed(t)
	w.refused(fault.NotFound, "Did you mean", "metabase_run_query", `{"table":"tickets","fields":["statuss"]}`)
	w.refused(fault.InvalidArguments, "needs a field", "metabase_run_query", `{"table":"tickets","aggregation":["sum"]}`)
	w.refused(fault.InvalidArguments, "such as sum(amount)", "metabase_run_query", `{"table":"tickets","aggregation":["total(id)"]}`)
	w.refused(fault.InvalidArguments, "is no date", "metabase_run_query", `{"table":"tickets","breakout":["status:month"]}`)
	w.refused(fault.InvalidArguments, "the unit has to be one of", "metabase_run_query", `{"table":"tickets","breakout":["created_at:decade"]}`)
	w.refused(fault.InvalidArguments, "one of the aggregations", "metabase_run_query", `{"table":"tickets","aggregation":["count"],"order":["id"]}`)
	w.refused(fault.InvalidArguments, "leave them out", "metabase_run_query", `{"table":"tickets","fields":["id"],"aggregation":["count"]}`)
	w.refused(fault.InvalidArguments, "needs a value", "metabase_run_query", `{"table":"tickets","filter":[{"field":"id","op":">"}]}`)
	w.refused(fault.InvalidArguments, "a list of two values", "metabase_run_query", `{"table":"tickets","filter":[{"field":"id","op":"between","value":1}]}`)
	w.refused(fault.InvalidArguments, "is no time", "metabase_run_query", `{"table":"tickets","filter":[{"field":"created_at","op":">","value":"soonish"}]}`)
	w.refused(fault.InvalidArguments, "no foreign key", "metabase_run_query", `{"table":"tickets","fields":["status.name"]}`)
	w.refused(fault.InvalidArguments, "Which table", "metabase_run_query", `{}`)
	w.refused(fault.InvalidArguments, "either mbql or table", "metabase_run_query", `{"table":"tickets","mbql":{"source-table":1}}`)
	w.refused(fault.InvalidArguments, "has no key", "metabase_run_query", `{"mbql":{"source-table":1,"middleware":{}}}`)
	w.refused(fault.InvalidArguments, "Which database", "metabase_run_query", `{"mbql":{"source-table":"card__108"}}`)
}

// at is a service whose now is fixed: 2026-11-25 00:30 in Berlin, the day before in UTC.
func at(t *testing.T, h http.Handler) *world {
	w := against(t, h)
	w.svc = newService(func() time.Time { return time.Date(2026, 11, 24, 23, 30, 0, 0, time.UTC) })
	return w
}

// sentBodies keeps what is sent to a path.
func sentBodies(path string, next http.Handler) (http.Handler, *[]map[string]any) {
	var bodies []map[string]any
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if raw, _ := io.ReadAll(r.Body); len(raw) > 0 {
			r.Body = io.NopCloser(strings.NewReader(string(raw)))
			var body map[string]any
			if json.Unmarshal(raw, &body) == nil && strings.HasPrefix(r.URL.Path, path) {
				bodies = append(bodies, body)
			}
		}
		next.ServeHTTP(rw, r)
	}), &bodies
}

// Dates are of the reports' time zone, whatever the machine's and UTC's.
func TestDatesAreOfTheReportsZone(t *testing.T) {
	h, bodies := sentBodies("/api/dataset", sandbox.NewMetabase())
	w := at(t, h)
	for word, want := range map[string]string{
		"today": "2026-11-25", "yesterday": "2026-11-24", "7d": "2026-11-18", "2026-03-01": "2026-03-01",
		"yesterday 9:00": "2026-11-24T09:00:00", "2026-11-24T23:30:00Z": "2026-11-25T00:30:00", "2h": "2026-11-24T22:30:00",
	} {
		*bodies = nil
		must[Rows](w, "metabase_run_query", `{"table":1,"filter":[{"field":"created_at","op":">=","value":"`+word+`"}]}`)
		q := (*bodies)[0]["query"].(map[string]any)
		if got := q["filter"].([]any)[2]; got != want {
			t.Errorf("%s: %v, want %s", word, got, want)
		}
	}
}

func TestDatesOfParameters(t *testing.T) {
	h, bodies := sentBodies("/api/dashboard/42/dashcard", sandbox.NewMetabase())
	w := at(t, h)
	for word, want := range map[string]string{
		"past30days": "past30days", "thismonth": "thismonth", "2026-11": "2026-11", "Q4-2026": "Q4-2026", "yesterday": "2026-11-24",
		"7d": "2026-11-18~2026-11-25", "2026-11-01~2026-11-10": "2026-11-01~2026-11-10", "2026-11-01..today": "2026-11-01~2026-11-25", "~yesterday": "~2026-11-24",
	} {
		*bodies = nil
		must[Rows](w, "metabase_run_dashboard_card", `{"dashboard":42,"card":501,"filters":{"Created":"`+word+`"}}`)
		p := (*bodies)[0]["parameters"].([]any)[0].(map[string]any)
		if p["value"] != want || p["id"] != "c0ffee01" {
			t.Errorf("%s: %v, want %s", word, p, want)
		}
	}
	w.refused(fault.InvalidArguments, "is no time", "metabase_run_dashboard_card", `{"dashboard":42,"card":501,"filters":{"created":"when it rains"}}`)
}

func TestRunDashboardCard(t *testing.T) {
	w := sandboxed(t)
	got := must[Rows](w, "metabase_run_dashboard_card", `{"dashboard":"Support health","card":"tickets by status","filters":{"Status":"open"}}`)
	if fmt.Sprint(got.Rows) != "[[open 4]]" || got.Question != "Tickets by status" || got.Note != "" {
		t.Errorf("got %+v", got)
	}
	got = must[Rows](w, "metabase_run_dashboard_card", `{"dashboard":45,"card":522,"filters":{"status":["open"]}}`)
	if fmt.Sprint(got.Rows) != "[[Globex AG 2] [Initech 1] [Northwind Ltd 1]]" {
		t.Errorf("by a field: %+v", got)
	}
	got = must[Rows](w, "metabase_run_dashboard_card", `{"dashboard":42,"card":102,"filters":{"status":"open"}}`)
	if !strings.Contains(got.Note, "without effect: status") {
		t.Errorf("a filter that is not connected: %+v", got)
	}
	w.refused(fault.InvalidArguments, "is a text", "metabase_run_dashboard_card", `{"dashboard":42,"card":503}`)
	w.refused(fault.NotFound, "no card", "metabase_run_dashboard_card", `{"dashboard":42,"card":9}`)
	w.refused(fault.InvalidArguments, "it has: created, status", "metabase_run_dashboard_card", `{"dashboard":42,"card":501,"filters":{"colour":"red"}}`)
}

// A cursor goes on exactly where the rows stopped, in each tool that runs something.
func TestRowsGoOn(t *testing.T) {
	w := sandboxed(t)
	for tool, args := range map[string]string{
		"metabase_run_query":          `"table":"tickets","fields":["id"],"order":["id"]`,
		"metabase_run_sql":            `"database":1,"sql":"select id from tickets order by id"`,
		"metabase_run_question":       `"id":102`,
		"metabase_run_dashboard_card": `"dashboard":45,"card":522`,
	} {
		whole := must[Rows](w, tool, `{`+args+`,"limit":500}`)
		if whole.Truncated || whole.Next != "" {
			t.Errorf("%s: %+v", tool, whole)
		}
		var all [][]any
		for cursor := ""; ; {
			part := must[Rows](w, tool, `{`+args+`,"limit":3,"cursor":"`+cursor+`"}`)
			all = append(all, part.Rows...)
			if cursor = part.Next; cursor == "" {
				break
			}
		}
		if fmt.Sprint(all) != fmt.Sprint(whole.Rows) {
			t.Errorf("%s: %d rows in parts, %d at once", tool, len(all), len(whole.Rows))
		}
	}
}

// Where the rows before have changed, a cursor does not go on: it would skip or
// repeat some unnoticed.
func TestRowsThatChangedDoNotGoOn(t *testing.T) {
	rows := `[1],[2],[3],[4]`
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(rw, `{"data":{"rows":[`+rows+`],"cols":[{"name":"a"}]},"status":"completed"}`)
	}))
	first := must[Rows](w, "metabase_run_sql", `{"database":1,"sql":"select 1","limit":2}`)
	next := `{"database":1,"sql":"select 1","limit":2,"cursor":"` + first.Next + `"}`
	if got := must[Rows](w, "metabase_run_sql", next); fmt.Sprint(got.Rows) != "[[3] [4]]" || got.Truncated {
		t.Errorf("got %+v", got)
	}
	for _, changed := range []string{`[0],[1],[2],[3],[4]`, `[2],[3],[4]`, `[1]`} {
		rows = changed
		w.refused(fault.Conflict, "has changed", "metabase_run_sql", next)
	}
	w.refused(fault.InvalidArguments, "another query", "metabase_run_sql", `{"database":1,"sql":"select 2","cursor":"`+first.Next+`"}`)
}

// Where Metabase stops by itself, that is told.
func TestMetabasesOwnLimitIsTold(t *testing.T) {
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(rw, `{"data":{"rows":[[1],[2]],"cols":[{"name":"a"}],"rows_truncated":2},"status":"completed"}`)
	}))
	got := must[Rows](w, "metabase_run_sql", `{"database":1,"sql":"select 1","limit":50}`)
	if !got.Truncated || got.Next != "" || !strings.Contains(got.Text(), "stops at 2 rows") {
		t.Errorf("got %+v", got)
	}
}
