package metabase

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
)

func TestHandlersFitTheirSchemas(t *testing.T) { toolstest.FitsSchemas(t, New()) }

func TestProbe(t *testing.T) {
	w := sandboxed(t)
	who, err := w.svc.Probe(context.Background(), w.client())
	if err != nil || who != "user Sandbox editor <api-key-user-11@api-key.invalid>" {
		t.Errorf("got %q, %v", who, err)
	}
	w.key = "wrong"
	if _, err := w.svc.Probe(context.Background(), w.client()); toolstest.FaultOf(t, err).Kind != fault.CredentialInvalid {
		t.Errorf("with a wrong key: %v", err)
	}
}

func TestSearch(t *testing.T) {
	w := sandboxed(t)
	got := must[Items](w, "metabase_search", `{"query":"support health"}`)
	if len(got.Items) != 1 || got.Items[0].ID != 42 || got.Items[0].Collection != "Support" || got.Items[0].Link != w.url+"/dashboard/42" {
		t.Errorf("got %+v", got)
	}
	if want := "dashboard 42  «Support health»  in «Support»  «Open tickets and how fast we answer»\nLinks are like " + w.url + "/dashboard/42\n"; got.Text() != want {
		t.Errorf("text %q", got.Text())
	}
	if got := must[Items](w, "metabase_search", `{"query":"support","archived":true}`); len(got.Items) != 1 || got.Items[0].ID != 44 {
		t.Errorf("in the trash: %+v", got)
	}
	if got := must[Items](w, "metabase_search", `{"query":"tickets","database":1,"models":["card","table"]}`); len(got.Items) != 4 || got.Items[0].Database != 1 {
		t.Errorf("of a database: %+v", got)
	}
	if got := must[Items](w, "metabase_search", `{"query":"zeppelin"}`); len(got.Items) != 0 || got.Text() != "Nothing found." {
		t.Errorf("nothing: %+v", got)
	}
}

func TestSearchPages(t *testing.T) {
	w := sandboxed(t)
	seen, cursor := 0, ""
	for range 10 {
		got := must[Items](w, "metabase_search", `{"query":"tickets","limit":2,"cursor":"`+cursor+`"}`)
		seen += len(got.Items)
		if cursor = got.Next; cursor == "" {
			if seen != got.Total {
				t.Errorf("saw %d of %d", seen, got.Total)
			}
			break
		}
	}
	if _, err := w.call("metabase_search", `{"query":"x","cursor":"bm9wZQ"}`); toolstest.FaultOf(t, err).Kind != fault.InvalidArguments {
		t.Errorf("a made-up cursor: %v", err)
	}
}

func TestListDatabases(t *testing.T) {
	w := sandboxed(t)
	if got := must[Databases](w, "metabase_list_databases", `{}`); len(got.Databases) != 1 || got.Databases[0] != (Database{1, "Support warehouse", "postgres", true}) {
		t.Errorf("got %+v", got)
	}
	w.key = sandbox.MetabaseReader
	if got := must[Databases](w, "metabase_list_databases", `{}`); got.Databases[0].SQL || !strings.Contains(got.Text(), "no SQL") {
		t.Errorf("for the reader: %+v", got)
	}
}

// Connection details, which an administrator's key gets, go nowhere.
func TestListDatabasesNeverShowsDetails(t *testing.T) {
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"data":[{"id":1,"name":"a","engine":"postgres","native_permissions":"write","details":{"password":"hunter2"}},{"id":2,"name":"b"},{"id":3,"name":"c"}]}`)
	}))
	got := must[Databases](w, "metabase_list_databases", `{"limit":2}`)
	if raw, _ := json.Marshal(got); strings.Contains(string(raw)+got.Text(), "hunter2") {
		t.Errorf("got %s", raw)
	}
	if got = must[Databases](w, "metabase_list_databases", `{"limit":2,"cursor":"`+got.Next+`"}`); len(got.Databases) != 1 || got.Databases[0].ID != 3 || got.Next != "" {
		t.Errorf("second page: %+v", got)
	}
}

func TestGetDashboard(t *testing.T) {
	w := sandboxed(t)
	d := must[Dashboard](w, "metabase_get_dashboard", `{"id":42}`)
	if d.Name != "Support health" || d.Collection != 3 || d.CollectedIn != "Support" || d.UpdatedAt != "2026-11-20T08:00:00Z" || len(d.Filters) != 2 {
		t.Errorf("got %+v", d)
	}
	if len(d.Cards) != 3 || *d.Cards[0].Question != 101 || d.Cards[2].Question != nil || d.Cards[2].Text != "Reviewed every Monday." {
		t.Errorf("cards: %+v", d.Cards)
	}
	if text := d.Text(); !strings.Contains(text, "card 501  question 101  «Tickets by status»  bar\n") || !strings.Contains(text, "text «Reviewed every Monday.»") {
		t.Errorf("text: %s", text)
	}
	if _, err := w.call("metabase_get_dashboard", `{"id":9}`); toolstest.FaultOf(t, err).Kind != fault.NotFound {
		t.Errorf("an unknown one: %v", err)
	}
}

func TestUpdateDashboardLeavesTheRestAlone(t *testing.T) {
	var bodies []map[string]any
	double := sandbox.NewMetabase()
	w := guarded(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			raw, _ := io.ReadAll(r.Body)
			var b map[string]any
			_ = json.Unmarshal(raw, &b)
			bodies = append(bodies, b)
			r.Body = io.NopCloser(strings.NewReader(string(raw)))
		}
		double.ServeHTTP(rw, r)
	}))
	before := must[Dashboard](w, "metabase_get_dashboard", `{"id":42}`)
	u := must[Updated](w, "metabase_update_dashboard", `{"id":42,"description":"4 open, 3 about exports"}`)
	if u.Name != "Support health" || u.Description != "4 open, 3 about exports" || u.Collection != 3 || u.Link != w.url+"/dashboard/42" {
		t.Errorf("got %+v", u)
	}
	u = must[Updated](w, "metabase_update_dashboard", `{"id":42,"name":"Support, weekly","collection":0}`)
	if u.Name != "Support, weekly" || u.Description != "4 open, 3 about exports" || u.Collection != 0 {
		t.Errorf("got %+v", u)
	}
	after := must[Dashboard](w, "metabase_get_dashboard", `{"id":42}`)
	if len(after.Cards) != len(before.Cards) || after.UpdatedAt == before.UpdatedAt {
		t.Errorf("cards before %+v, after %+v", before.Cards, after.Cards)
	}
	if u = must[Updated](w, "metabase_update_dashboard", `{"id":42,"description":""}`); u.Description != "" {
		t.Errorf("emptied: %+v", u)
	}
	for _, b := range bodies {
		for _, key := range []string{"dashcards", "tabs", "cards", "parameters", "archived"} {
			if _, there := b[key]; there {
				t.Errorf("a PUT carries %s: %v", key, b)
			}
		}
	}
}

func TestUpdateDashboardFailures(t *testing.T) {
	w := sandboxed(t)
	for name, c := range map[string]struct {
		args string
		want fault.Kind
	}{
		"unknown dashboard":  {`{"id":9,"name":"x"}`, fault.NotFound},
		"unknown collection": {`{"id":42,"collection":99}`, fault.NotFound},
		"blank name":         {`{"id":42,"name":" "}`, fault.InvalidArguments},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := w.call("metabase_update_dashboard", c.args); toolstest.FaultOf(t, err).Kind != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := w.call("metabase_update_dashboard", `{"id":42}`); err == nil || !strings.Contains(err.Error(), "at least 2") {
		t.Errorf("nothing to change: %v", err)
	}
	if _, err := w.call("metabase_update_dashboard", `{"id":42,"dashcards":[]}`); err == nil || !strings.Contains(err.Error(), "dashcards") {
		t.Errorf("dashcards: %v", err)
	}
	w.key = sandbox.MetabaseReader
	if _, err := w.call("metabase_update_dashboard", `{"id":42,"name":"x"}`); toolstest.FaultOf(t, err).Kind != fault.NotPermitted {
		t.Errorf("by a reader: %v", err)
	}
}

// An instance that takes a change and drops it is not believed.
func TestUpdateDashboardLooksAtWhatCameOfIt(t *testing.T) {
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"id":42,"name":"old","updated_at":"not a time"}`)
	}))
	if _, err := w.call("metabase_update_dashboard", `{"id":42,"name":"new"}`); toolstest.FaultOf(t, err).Kind != fault.UpstreamError {
		t.Errorf("got %v", err)
	}
}

func TestRunQuestion(t *testing.T) {
	w := sandboxed(t)
	got := must[Rows](w, "metabase_run_question", `{"id":101}`)
	if got.Question != "Tickets by status" || got.Link != w.url+"/question/101" || got.Truncated || fmt.Sprint(got.Rows) != "[[open 4] [solved 68]]" {
		t.Errorf("got %+v", got)
	}
	if want := "«status | tickets\nopen   | 4\nsolved | 68»\n"; !strings.HasSuffix(got.Text(), want) {
		t.Errorf("text: %q", got.Text())
	}
	got = must[Rows](w, "metabase_run_question", `{"id":102,"limit":2}`)
	if got.Count != 2 || !got.Truncated || len(got.Columns) != 4 || got.Columns[3] != (Column{"created_at", "DateTimeWithTZ"}) {
		t.Errorf("two rows: %+v", got)
	}
}

func TestRunQuestionWithParameters(t *testing.T) {
	w := sandboxed(t)
	got := must[Rows](w, "metabase_run_question", `{"id":103,"parameters":{"customer":"Acme GmbH"}}`)
	if got.Count != 2 || got.Rows[0][1] != "Dashboard is slow in the morning" {
		t.Errorf("got %+v", got)
	}
	_, err := w.call("metabase_run_question", `{"id":103,"parameters":{"client":"Acme"}}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.InvalidArguments || !strings.Contains(f.Message, "it has: customer") {
		t.Errorf("an unknown parameter: %+v", f)
	}
	_, err = w.call("metabase_run_question", `{"id":103}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.InvalidArguments || !strings.Contains(f.Message, "pick a value for 'customer'") {
		t.Errorf("without its parameter: %+v", f)
	}
}

func TestRunQuestionFailures(t *testing.T) {
	w := sandboxed(t)
	_, err := w.call("metabase_run_question", `{"id":105}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.InvalidArguments || f.Status != 202 || !strings.Contains(f.Message, `relation \"export_queue\" does not exist`) || strings.Contains(f.Message, "clj") {
		t.Errorf("HTTP 202 with status failed: %+v", f)
	}
	if _, err = w.call("metabase_run_question", `{"id":9}`); toolstest.FaultOf(t, err).Kind != fault.NotFound {
		t.Errorf("unknown: %v", err)
	}
	w = against(t, sandbox.NewMetabase()) // the description has this answer as plain text
	_, err = w.call("metabase_run_question", `{"id":106}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.NotFound || f.Code != "archived" || !strings.Contains(f.Message, "trash") {
		t.Errorf("in the trash: %+v", f)
	}
}

func TestRunSQL(t *testing.T) {
	w := sandboxed(t)
	got := must[Rows](w, "metabase_run_sql", `{"database":1,"sql":"select customer, count(*) as n from tickets where status = {{s}} group by customer order by n desc limit 1","parameters":{"s":"open"}}`)
	if got.Count != 1 || got.Truncated || fmt.Sprint(got.Rows) != "[[Globex AG 2]]" {
		t.Errorf("got %+v", got)
	}
	got = must[Rows](w, "metabase_run_sql", `{"database":1,"sql":"select id, external_ref from tickets where id = {{n}} -- exact","parameters":{"n":1041}}`)
	if raw, _ := json.Marshal(got.Rows); string(raw) != "[[1041,9007199254742034]]" {
		t.Errorf("a large integer came as %s", raw)
	}
	got = must[Rows](w, "metabase_run_sql", `{"database":1,"sql":"select * from tickets","limit":10}`)
	if got.Count != 10 || !got.Truncated || !strings.Contains(got.Text(), "first 10 rows") {
		t.Errorf("ten of many: %d, %v", got.Count, got.Truncated)
	}
	if got = must[Rows](w, "metabase_run_sql", `{"database":1,"sql":"select * from customers where id = 999"}`); got.Count != 0 || !strings.Contains(got.Text(), "No rows.") {
		t.Errorf("no rows: %+v", got)
	}
}

func TestRunSQLFailures(t *testing.T) {
	double := sandbox.NewMetabase()
	w := guarded(t, double)
	for name, c := range map[string]struct {
		args, says string
		kind       fault.Kind
		sent       int
	}{
		"a verb":              {`{"database":1,"sql":"drop table tickets"}`, "only statements that read", fault.NotPermitted, 0},
		"no value":            {`{"database":1,"sql":"select * from tickets where id = {{n}}"}`, "gives it no value", fault.InvalidArguments, 0},
		"no place":            {`{"database":1,"sql":"select 1","parameters":{"n":1}}`, "There is no {{n}}", fault.InvalidArguments, 0},
		"refused by database": {`{"database":1,"sql":"select nope from tickets"}`, "does not exist", fault.InvalidArguments, 1},
		"unknown database":    {`{"database":7,"sql":"select 1"}`, "no such thing", fault.NotFound, 1},
	} {
		t.Run(name, func(t *testing.T) {
			before := double.Requests()
			_, err := w.call("metabase_run_sql", c.args)
			if f := toolstest.FaultOf(t, err); f.Kind != c.kind || !strings.Contains(f.Message, c.says) {
				t.Errorf("got %+v", f)
			}
			if n := double.Requests() - before; n != c.sent {
				t.Errorf("%d requests, want %d", n, c.sent)
			}
		})
	}
	w.key = sandbox.MetabaseReader
	_, err := w.call("metabase_run_sql", `{"database":1,"sql":"select * from customers"}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.NotPermitted || f.Code != "missing-required-permissions" {
		t.Errorf("by a reader: %+v", f)
	}
}
