package metabase

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
)

// but allows everything but one scope.
func but(scope string) func(string) bool { return func(s string) bool { return s != scope } }

func TestCreateQuestion(t *testing.T) {
	w := sandboxed(t)
	saved := must[Saved](w, "metabase_create_question", `{"name":"Of one customer","database":"Support warehouse","sql":"select id from tickets where customer = {{who}} and id > {{since}} order by id",
		"parameters":{"since":"number"},"collection":"Support/Templates","description":"d"}`)
	if saved.Collection != 6 || saved.CollectedIn != "Templates" || saved.Link != w.url+fmt.Sprintf("/question/%d", saved.ID) {
		t.Errorf("saved %+v", saved)
	}
	got := must[Rows](w, "metabase_run_question", fmt.Sprintf(`{"id":%d,"parameters":{"who":"Acme GmbH","since":1000}}`, saved.ID))
	if got.Count != 2 {
		t.Errorf("it ran as %+v", got)
	}
	q := must[Question](w, "metabase_get_question", fmt.Sprintf(`{"id":%d}`, saved.ID))
	if len(q.Parameters) != 2 || q.Parameters[0].Type != "number/=" || !strings.HasPrefix(q.SQL, "select id") {
		t.Errorf("it is %+v", q)
	}
	metric := must[Saved](w, "metabase_create_question", `{"name":"Open cases","type":"metric","query":{"table":"tickets","aggregation":["count"],"filter":[{"field":"status","value":"open"}]},"display":"scalar"}`)
	if metric.Model != "metric" || metric.Collection != 0 || metric.Link != w.url+fmt.Sprintf("/metric/%d", metric.ID) {
		t.Errorf("metric %+v", metric)
	}
	if got := must[Rows](w, "metabase_run_question", fmt.Sprintf(`{"id":%d}`, metric.ID)); fmt.Sprint(got.Rows) != "[[4]]" {
		t.Errorf("the metric ran as %+v", got)
	}
	onBoard := must[Saved](w, "metabase_create_question", `{"name":"Only here","query":{"table":"customers"},"dashboard":43}`)
	if d := must[Dashboard](w, "metabase_get_dashboard", `{"id":43}`); len(d.Cards) != 2 || *d.Cards[1].Question != onBoard.ID {
		t.Errorf("on the dashboard: %+v", d.Cards)
	}
}

// Who saves SQL could run it. So saving needs the scope to run it, and passes the
// same guard; nothing is sent otherwise.
func TestSavingSQLIsGuarded(t *testing.T) {
	double := sandbox.NewMetabase()
	w := guarded(t, double)
	w.refused(fault.NotPermitted, "only statements that read", "metabase_create_question", `{"name":"x","database":1,"sql":"drop table tickets"}`)
	w.refused(fault.NotPermitted, "INTO is not allowed", "metabase_create_question", `{"name":"x","database":1,"sql":"select 1 into x"}`)
	w.allows = but("sql.run")
	w.refused(fault.NotPermitted, "metabase:sql.run", "metabase_create_question", `{"name":"x","database":1,"sql":"select 1"}`)
	if n := double.Requests(); n != 0 {
		t.Errorf("%d requests", n)
	}
	before := double.Snapshot()
	w.refused(fault.NotPermitted, "metabase:sql.run", "metabase_update_question", `{"id":101,"sql":"select 1"}`)
	w.allows = nil
	w.refused(fault.NotPermitted, "only statements that read", "metabase_update_question", `{"id":101,"sql":"truncate tickets"}`)
	for k, v := range double.Snapshot() {
		if before[k] != v {
			t.Errorf("%s changed", k)
		}
	}
	w.allows = but("dashboard.write")
	w.refused(fault.NotPermitted, "metabase:dashboard.write", "metabase_create_question", `{"name":"x","query":{"table":"customers"},"dashboard":43}`)
	w.allows = but("question.write")
	w.refused(fault.NotPermitted, "metabase:question.write", "metabase_copy_item", `{"type":"dashboard","id":42,"deep":true}`)
}

func TestCreateQuestionTeaches(t *testing.T) {
	w := sandboxed(t)
	w.refused(fault.InvalidArguments, "either sql", "metabase_create_question", `{"name":"x"}`)
	w.refused(fault.InvalidArguments, "Which database", "metabase_create_question", `{"name":"x","sql":"select 1"}`)
	w.refused(fault.InvalidArguments, "as metabase_run_query", "metabase_create_question", `{"name":"x","query":{"tabel":"tickets"}}`)
	w.refused(fault.InvalidArguments, "no op", "metabase_create_question", `{"name":"x","query":{"table":"tickets","filter":[{"field":"id","op":"like","value":1}]}}`)
	w.refused(fault.InvalidArguments, "one aggregation", "metabase_create_question", `{"name":"x","type":"metric","query":{"table":"tickets"}}`)
	w.refused(fault.InvalidArguments, "There is no {{n}}", "metabase_create_question", `{"name":"x","database":1,"sql":"select 1","parameters":{"n":"text"}}`)
	w.refused(fault.InvalidArguments, "either collection or dashboard", "metabase_create_question", `{"name":"x","query":{"table":"tickets"},"collection":3,"dashboard":42}`)
	w.refused(fault.InvalidArguments, "there are table, bar", "metabase_update_question", `{"id":101,"display":"hologram"}`)
	w.key = sandbox.MetabaseReader
	w.refused(fault.NotPermitted, "group lacks the permission", "metabase_create_question", `{"name":"x","query":{"table":"tickets"}}`)
}

// A changed query keeps the parameters that it still has as they were, and settings
// are merged.
func TestUpdateQuestionKeepsTheRest(t *testing.T) {
	h, bodies := sentBodies("/api/card/103", sandbox.NewMetabase())
	w := guarded(t, h)
	must[Saved](w, "metabase_update_question", `{"id":103,"settings":{"graph.x":1}}`)
	saved := must[Saved](w, "metabase_update_question", `{"id":103,"sql":"select id from tickets where customer = {{customer}} and status = {{state}}","settings":{"graph.y":2}}`)
	if saved.Name != "Tickets of a customer" || saved.Collection != 3 {
		t.Errorf("saved %+v", saved)
	}
	last := (*bodies)[len(*bodies)-1]
	raw, _ := json.Marshal(last)
	for _, part := range []string{`"id":"tag-customer"`, `"type":"string/="`, `"slug":"state"`, `"graph.x":1`, `"graph.y":2`} {
		if !strings.Contains(string(raw), part) {
			t.Errorf("%s is not in %s", part, raw)
		}
	}
	for _, key := range []string{"name", "description", "display", "collection_id", "archived"} {
		if _, there := last[key]; there {
			t.Errorf("%s was sent: %s", key, raw)
		}
	}
	if got := must[Rows](w, "metabase_run_question", `{"id":103,"parameters":{"customer":"Acme GmbH","state":"solved"}}`); got.Count == 0 {
		t.Errorf("it ran as %+v", got)
	}
}

// Both shapes of a query are read: instances answer MBQL 5 though the old one is
// asked for.
func TestBothShapesOfAQuery(t *testing.T) {
	double := sandbox.NewMetabase()
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		q.Del("legacy-mbql")
		r.URL.RawQuery = q.Encode()
		double.ServeHTTP(rw, r)
	}))
	if got := must[Rows](w, "metabase_run_question", `{"id":103,"parameters":{"customer":"Acme GmbH"}}`); got.Count != 2 {
		t.Errorf("ran %+v", got)
	}
	if q := must[Question](w, "metabase_get_question", `{"id":103}`); !strings.Contains(q.SQL, "{{customer}}") || len(q.Parameters) != 1 {
		t.Errorf("SQL: %+v", q)
	}
	if q := must[Question](w, "metabase_get_question", `{"id":107}`); q.SQL != "" || !strings.Contains(q.Query, `"source-table":1`) {
		t.Errorf("MBQL: %+v", q)
	}
	must[Saved](w, "metabase_update_question", `{"id":103,"sql":"select id from tickets where customer = {{customer}}"}`)
	must[EditedCards](w, "metabase_edit_dashboard_cards", `{"id":45,"ops":[{"op":"map_filter","card":522,"filter":"status","target":"customer"}]}`)
}

func TestCreateDashboard(t *testing.T) {
	w := sandboxed(t)
	saved := must[Saved](w, "metabase_create_dashboard", `{"name":"Weekly","collection":"Support","questions":[101,"Open tickets",107]}`)
	d := must[Dashboard](w, "metabase_get_dashboard", fmt.Sprintf(`{"id":%d,"response_format":"detailed"}`, saved.ID))
	if saved.Cards != 3 || len(d.Cards) != 3 || *d.Cards[1].Col != 12 || *d.Cards[2].Row != 6 || d.Collection != 3 {
		t.Errorf("saved %+v, is %+v", saved, d)
	}
	w.refused(fault.NotFound, "no question", "metabase_create_dashboard", `{"name":"Half","questions":["zeppelin"]}`)
	if found := must[Items](w, "metabase_search", `{"query":"half"}`); len(found.Items) != 0 {
		t.Errorf("half a dashboard is left: %+v", found)
	}
}

// Where the cards cannot be added, the answer says that the dashboard is there.
func TestCreateDashboardHalf(t *testing.T) {
	double := sandbox.NewMetabase()
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		double.ServeHTTP(rw, r)
	}))
	_, err := w.call("metabase_create_dashboard", `{"name":"x","questions":[101]}`)
	if f := toolstest.FaultOf(t, err); f.Retryable || f.NotSent || !strings.Contains(f.Message, "Dashboard 50 was created") {
		t.Errorf("got %+v", f)
	}
}

func TestFiltersOfADashboard(t *testing.T) {
	w := sandboxed(t)
	u := must[Updated](w, "metabase_update_dashboard", `{"id":42,"filters":[{"name":"Customer Name","type":"text"},{"name":"created","remove":true},{"name":"Status","type":"category"}]}`)
	if fmt.Sprint(u.Filters) != "[status customer_name]" {
		t.Errorf("got %+v", u)
	}
	d := must[Dashboard](w, "metabase_get_dashboard", `{"id":42}`)
	if d.Filters[0].Type != "category" || len(d.Cards) != 3 {
		t.Errorf("is %+v", d)
	}
	w.refused(fault.InvalidArguments, "no filter", "metabase_update_dashboard", `{"id":42,"filters":[{"name":"zeppelin","remove":true}]}`)
	w.refused(fault.InvalidArguments, "needs a type", "metabase_update_dashboard", `{"id":42,"filters":[{"name":"zeppelin"}]}`)
}

func TestTrashAndBack(t *testing.T) {
	double := sandbox.NewMetabase()
	w := guarded(t, double)
	before := double.Snapshot()
	for _, kind := range []string{"question", "dashboard", "collection"} {
		id := map[string]string{"question": `"Workload by customer"`, "dashboard": `"Customers"`, "collection": `"Finance"`}[kind]
		if a := must[Archived](w, "metabase_archive_item", `{"type":"`+kind+`","id":`+id+`}`); !a.Archived {
			t.Errorf("%+v", a)
		}
		w.refused(fault.NotFound, "There is no "+kind, "metabase_archive_item", `{"type":"`+kind+`","id":"zeppelin"}`)
		if a := must[Archived](w, "metabase_archive_item", `{"type":"`+kind+`","id":`+id+`,"restore":true}`); a.Archived {
			t.Errorf("%+v", a)
		}
	}
	for k, v := range double.Snapshot() {
		if before[k] != v {
			t.Errorf("%s is %s and was %s", k, v, before[k])
		}
	}
	w.refused(fault.InvalidArguments, "root collection", "metabase_archive_item", `{"type":"collection","id":"root"}`)
	w.key = sandbox.MetabaseReader
	w.refused(fault.NotPermitted, "permission", "metabase_archive_item", `{"type":"dashboard","id":42}`)
}

func TestHistoryAndRevert(t *testing.T) {
	w := sandboxed(t)
	v := must[Versions](w, "metabase_history", `{"type":"dashboard","id":42,"limit":2}`)
	if v.Total != 3 || len(v.Versions) != 2 || v.Versions[0].Version != 22 || !v.Versions[0].Current || v.Versions[1].By != "Ana Costa" {
		t.Errorf("got %+v", v)
	}
	must[Reverted](w, "metabase_revert", `{"type":"dashboard","id":42,"version":20}`)
	if d := must[Dashboard](w, "metabase_get_dashboard", `{"id":42}`); len(d.Cards) != 0 || d.Description != "" {
		t.Errorf("is %+v", d)
	}
	must[Reverted](w, "metabase_revert", `{"type":"dashboard","id":42,"version":22}`)
	if d := must[Dashboard](w, "metabase_get_dashboard", `{"id":42}`); len(d.Cards) != 3 {
		t.Errorf("is %+v", d)
	}
	w.refused(fault.NotFound, "has no version 22", "metabase_revert", `{"type":"question","id":101,"version":22}`)
}

func TestCopies(t *testing.T) {
	w := sandboxed(t)
	q := must[Saved](w, "metabase_copy_item", `{"type":"question","id":101,"name":"Another","collection":"root"}`)
	if q.Name != "Another" || q.Collection != 0 || q.ID == 101 {
		t.Errorf("got %+v", q)
	}
	d := must[Saved](w, "metabase_copy_item", `{"type":"dashboard","id":45,"deep":true,"collection":"Finance"}`)
	is := must[Dashboard](w, "metabase_get_dashboard", fmt.Sprintf(`{"id":%d}`, d.ID))
	if d.Cards != 2 || d.Collection != 5 || *is.Cards[0].Question == 109 || is.Cards[1].Tab != "Trends" {
		t.Errorf("got %+v, is %+v", d, is)
	}
}

func TestCollections(t *testing.T) {
	w := sandboxed(t)
	must[Contents](w, "metabase_list_collection", `{"collection":"Support"}`) // the list of collections is known now
	made := must[Saved](w, "metabase_create_collection", `{"name":"2026","parent":"Support/Templates"}`)
	if made.Collection != 6 {
		t.Errorf("made %+v", made)
	}
	moved := must[Saved](w, "metabase_update_collection", `{"id":"Support/Templates/2026","name":"Old","parent":"root"}`)
	if moved.Collection != 0 || moved.Name != "Old" {
		t.Errorf("moved %+v", moved)
	}
	w.refused(fault.InvalidArguments, "inside itself", "metabase_update_collection", `{"id":3,"parent":3}`)
	w.refused(fault.InvalidArguments, "It said", "metabase_update_collection", `{"id":3,"parent":6}`)
	w.refused(fault.InvalidArguments, "root collection", "metabase_update_collection", `{"id":"root","name":"x"}`)
}
