package grafana

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"toolvault/tools/fault"
	double "toolvault/tools/sandbox/grafana"
)

func TestSearch(t *testing.T) {
	w := sandboxed(t)
	got := must[Finds](w, "grafana_search", `{"folder":"support operations","type":"dashboard"}`)
	if len(got.Items) != 2 || got.Items[0].UID != "exports-health" || got.Items[0].FolderUID != "support-ops" {
		t.Errorf("in a folder: %+v", got)
	}
	if got := must[Finds](w, "grafana_search", `{"folder":"General"}`); len(got.Items) != 3 || got.Items[2].UID != "scratch" {
		t.Errorf("in the root: %+v", got)
	}
	if got := must[Finds](w, "grafana_search", `{"tags":["support","exports"]}`); len(got.Items) != 1 || got.Items[0].UID != "exports-health" {
		t.Errorf("by tags: %+v", got)
	}
	if got := must[Finds](w, "grafana_search", `{"query":"zeppelin"}`); !strings.HasPrefix(got.Text(), "Nothing found") {
		t.Errorf("nothing: %+v", got)
	}
	var seen []string
	for cursor, n := "", 0; n < 10; n++ {
		got := must[Finds](w, "grafana_search", `{"limit":2,"cursor":"`+cursor+`"}`)
		for _, i := range got.Items {
			seen = append(seen, i.UID)
		}
		if cursor = got.Next; cursor == "" {
			break
		}
	}
	if slices.Sort(seen); len(slices.Compact(seen)) != 7 {
		t.Errorf("over pages: %v", seen)
	}
	w.refused(fault.InvalidArguments, "cursor", "grafana_search", `{"cursor":"bm9wZQ"}`)
	w.refused(fault.NotFound, "Platform", "grafana_search", `{"folder":"platfrom"}`)
}

// A dashboard is found however people name it.
func TestDashboardsByAnyName(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		w := with(t, options(legacy))
		for _, ref := range []string{"exports-health", "Export service", "export SERVICE", w.url + "/d/exports-health/export-service?orgId=1&from=now-6h", "https://other.example/d-solo/exports-health"} {
			d := must[Dashboard](w, "grafana_get_dashboard", fmt.Sprintf(`{"dashboard":%q}`, ref))
			if d.UID != "exports-health" || len(d.Panels) != 4 || d.Panels[3].Row != "Workers" || len(d.Variables) != 1 || d.Variables[0].Value != "acme" || d.FolderUID != "support-ops" {
				t.Errorf("%s: %+v", ref, d)
			}
		}
		w.refused(fault.NotFound, "Did you mean", "grafana_get_dashboard", `{"dashboard":"Export servise"}`)
		w.refused(fault.NotFound, "grafana_search", "grafana_get_dashboard", `{"dashboard":"no-such-uid"}`)
		w.refused(fault.NotFound, "Did you mean «Failed exports»", "grafana_get_dashboard", `{"dashboard":"exports-health","view":"panel","panel":"Failed exprots"}`)
	}
}

func TestViews(t *testing.T) {
	w := sandboxed(t)
	if d := must[Dashboard](w, "grafana_get_dashboard", `{"dashboard":"exports-health"}`); d.Panels[0].Queries != nil || d.JSON != "" {
		t.Errorf("the summary: %+v", d)
	}
	d := must[Dashboard](w, "grafana_get_dashboard", `{"dashboard":"exports-health","view":"panel","panel":4}`)
	if len(d.Panels) != 1 || d.Panels[0].Queries[0] != (PanelQuery{"A", "loki-main", "loki", `{app="export-worker"}`, false}) || !json.Valid([]byte(d.JSON)) {
		t.Errorf("a panel: %+v", d)
	}
	if d := must[Dashboard](w, "grafana_get_dashboard", `{"dashboard":"exports-health","view":"raw"}`); !strings.Contains(d.JSON, `"schemaVersion":41`) {
		t.Errorf("raw: %s", d.JSON)
	}
	w.refused(fault.InvalidArguments, "needs panel", "grafana_get_dashboard", `{"dashboard":"exports-health","view":"panel"}`)
}

// A dashboard that is too large to show says so, and its panels are cut with the truth
// about what is missing.
func TestLargeDashboards(t *testing.T) {
	d := double.With(atNoon, double.Options{Legacy: true})
	panels := []map[string]any{}
	for i := range 400 {
		panels = append(panels, map[string]any{"id": i + 1, "type": "stat", "title": strings.Repeat("long ", 25), "targets": []any{map[string]any{"refId": "A", "expr": strings.Repeat("x", 900)}}})
	}
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/dashboards/uid/") {
			_ = json.NewEncoder(rw).Encode(map[string]any{"dashboard": map[string]any{"title": "Big", "panels": panels, "version": 1}, "meta": map[string]any{}})
			return
		}
		d.ServeHTTP(rw, r)
	}))
	for _, view := range []string{"summary", "panels"} {
		got := must[Dashboard](w, "grafana_get_dashboard", `{"dashboard":"exports-health","view":"`+view+`"}`)
		if len(got.Panels)+got.More != 400 || got.More == 0 || len(got.Text()) > 60_000 {
			t.Errorf("%s: %d and %d, %d bytes", view, len(got.Panels), got.More, len(got.Text()))
		}
	}
	w.refused(fault.InvalidArguments, "view \"panels\"", "grafana_get_dashboard", `{"dashboard":"exports-health","view":"raw"}`)
}

// What is stored in schema v2 is read at that version: through the classic one a
// panel would be missing.
func TestSchemaV2IsReadAsItIs(t *testing.T) {
	w := sandboxed(t)
	d := must[Dashboard](w, "grafana_get_dashboard", `{"dashboard":"Customer journeys","view":"panels"}`)
	if d.Schema != "v2" || len(d.Panels) != 2 || d.Panels[1].Title != "Exports by customer" || d.Panels[1].Type != "barchart" || d.Panels[1].Queries[0].Query != "sum by (customer) (export_jobs_total)" ||
		d.Panels[1].Queries[0].Datasource != "prom-main" || d.Variables[0] != (Variable{"plan", "custom", "Business"}) || d.From != "now-24h" {
		t.Errorf("got %+v", d)
	}
}

// saves keeps the bodies of what is saved.
func saves(next http.Handler, bodies *[]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut || r.Method == http.MethodPost && strings.Contains(r.URL.Path, "dashboards") {
			raw, _ := io.ReadAll(r.Body)
			*bodies = append(*bodies, r.Method+" "+r.URL.Path+" "+string(raw))
			r.Body = io.NopCloser(strings.NewReader(string(raw)))
		}
		next.ServeHTTP(w, r)
	})
}

// A save changes what was named and nothing else, at the version that the dashboard
// is stored in, in the folder that it is in.
func TestUpdateChangesOnlyWhatIsNamed(t *testing.T) {
	for _, c := range []struct {
		uid, panel, path, to string
		legacy               bool
		goes                 string
	}{
		{"exports-health", "panel exports-health 2", "/fieldConfig/defaults/unit", `"short"`, false, "PUT /apis/dashboard.grafana.app/v1/"},
		{"exports-health", "panel exports-health 2", "/targets/0/expr", `"sum(up)"`, true, "POST /api/dashboards/db"},
		{"customer-journeys", "panel customer-journeys panel-2", "/vizConfig/group", `"timeseries"`, false, "PUT /apis/dashboard.grafana.app/v2beta1/"},
	} {
		var bodies []string
		d := double.With(atNoon, options(c.legacy))
		w := against(t, saves(guarded(t, d), &bodies))
		before := d.Snapshot()
		got := must[Saved](w, "grafana_update_dashboard", fmt.Sprintf(`{"dashboard":%q,"ops":[{"op":"set","panel":2,"path":%q,"value":%s}],"message":"why"}`, c.uid, c.path, c.to))
		after := d.Snapshot()
		for k := range before {
			if changed := before[k] != after[k]; changed != (k == c.panel) {
				t.Errorf("%s: changed %v\n%s\n%s", k, changed, before[k], after[k])
			}
		}
		if len(after) != len(before) || len(bodies) != 1 || !strings.HasPrefix(bodies[0], c.goes) || !strings.Contains(bodies[0], `"why"`) || got.FolderUID != "support-ops" || !got.Applied {
			t.Errorf("%s: %+v, %v", c.uid, got, bodies)
		}
	}
}

func TestUpdateMovesAndReplaces(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		d := double.With(atNoon, options(legacy))
		w := against(t, guarded(t, d))
		got := must[Saved](w, "grafana_update_dashboard", `{"dashboard":"exports-health","folder":"Platform"}`)
		if got.FolderUID != "platform" {
			t.Errorf("moved: %+v", got)
		}
		if got := must[Saved](w, "grafana_update_dashboard", `{"dashboard":"exports-health","folder":"general"}`); got.FolderUID != "" {
			t.Errorf("to the root: %+v", got)
		}
		const whole = `{"dashboard":"exports-health","ops":[%s{"op":"set","value":{"title":"All new","panels":[{"id":1,"type":"stat","title":"One"}]}}]}`
		w.refused(fault.InvalidArguments, "would be gone", "grafana_update_dashboard", fmt.Sprintf(whole, ""))
		got = must[Saved](w, "grafana_update_dashboard", fmt.Sprintf(whole, `{"op":"remove_panel","panel":2},{"op":"remove_panel","panel":"Worker logs"},{"op":"remove_panel","panel":3},`))
		if got.Panels != 1 || got.Title != "All new" {
			t.Errorf("replaced: %+v", got)
		}
		w.refused(fault.InvalidArguments, "nothing to change", "grafana_update_dashboard", `{"dashboard":"exports-health"}`)
	}
}

func TestDryRunSavesNothing(t *testing.T) {
	d := double.New(atNoon)
	w := against(t, guarded(t, d))
	before := fmt.Sprint(d.Snapshot())
	got := must[Saved](w, "grafana_update_dashboard", `{"dashboard":"exports-health","dry_run":true,"ops":[{"op":"remove_panel","panel":"Failed exports"}]}`)
	if got.Applied || got.Panels != 3 || !strings.HasPrefix(got.Text(), "Nothing was saved") || fmt.Sprint(d.Snapshot()) != before {
		t.Errorf("got %+v", got)
	}
}

// Whoever saves in between keeps his work, whichever API it is.
func TestNobodysWorkIsOverwritten(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		d := double.With(atNoon, options(legacy))
		other := against(t, d)
		between := true
		w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if between && (r.Method == http.MethodPut || r.URL.Path == "/api/dashboards/db") {
				between = false
				must[Saved](other, "grafana_update_dashboard", `{"dashboard":"exports-health","ops":[{"op":"set","path":"/description","value":"Marta's"}]}`)
			}
			d.ServeHTTP(rw, r)
		}))
		const change = `{"dashboard":"exports-health","ops":[{"op":"set","path":"/description","value":"ours"}]%s}`
		w.refused(fault.Conflict, "since it was read, so nothing was saved", "grafana_update_dashboard", fmt.Sprintf(change, ""))
		if got := must[Dashboard](w, "grafana_get_dashboard", `{"dashboard":"exports-health"}`); got.Description != "Marta's" {
			t.Errorf("legacy %v: %+v", legacy, got)
		}
		w.refused(fault.Conflict, "is at version", "grafana_update_dashboard", fmt.Sprintf(change, `,"version":"1"`))
		now := must[Dashboard](w, "grafana_get_dashboard", `{"dashboard":"exports-health"}`).Version
		must[Saved](w, "grafana_update_dashboard", fmt.Sprintf(change, `,"version":"`+now+`"`))
	}
}

// What is managed elsewhere is refused before anything is sent.
func TestManagedDashboardsAreNotSaved(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		var bodies []string
		w := against(t, saves(guarded(t, double.With(atNoon, options(legacy))), &bodies))
		w.refused(fault.Conflict, "would undo the change", "grafana_update_dashboard", `{"dashboard":"node-overview","ops":[{"op":"set","path":"/title","value":"x"}]}`)
		if !legacy {
			w.refused(fault.Conflict, "Git repository", "grafana_update_dashboard", `{"dashboard":"billing","ops":[{"op":"set","path":"/title","value":"x"}]}`)
		}
		if bodies != nil {
			t.Errorf("sent %v", bodies)
		}
		if d := must[Dashboard](w, "grafana_get_dashboard", `{"dashboard":"node-overview"}`); d.Managed == "" || !strings.Contains(d.Text(), "cannot be changed here") {
			t.Errorf("got %+v", d)
		}
	}
}

// Where Grafana shows another form than the one that is stored, nothing is saved; and
// where it cannot be told what there is, nothing is read through the old API.
func TestNoSaveThroughAnotherForm(t *testing.T) {
	var bodies []string
	d := double.New(atNoon)
	w := against(t, saves(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/apis/dashboard.grafana.app" { // v2beta1 is not served any more
			_, _ = io.WriteString(rw, `{"versions":[{"version":"v1"}]}`)
			return
		}
		d.ServeHTTP(rw, r)
	}), &bodies))
	w.refused(fault.UpstreamError, "stored as v2beta1", "grafana_update_dashboard", `{"dashboard":"customer-journeys","ops":[{"op":"set","path":"/title","value":"x"}]}`)

	w = against(t, saves(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/apis/dashboard.grafana.app" {
			rw.WriteHeader(http.StatusInternalServerError)
			return
		}
		d.ServeHTTP(rw, r)
	}), &bodies))
	w.refused(fault.UpstreamError, "error of its own", "grafana_get_dashboard", `{"dashboard":"customer-journeys"}`)

	legacy := double.With(atNoon, options(true))
	w = against(t, saves(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		legacy.ServeHTTP(rec, r)
		rw.WriteHeader(rec.Code)
		_, _ = io.WriteString(rw, strings.Replace(rec.Body.String(), `"meta":{`, `"meta":{"apiVersion":"v2beta1",`, 1))
	}), &bodies))
	w.refused(fault.Conflict, "another form", "grafana_update_dashboard", `{"dashboard":"exports-health","ops":[{"op":"set","path":"/title","value":"x"}]}`)
	if bodies != nil {
		t.Errorf("sent %v", bodies)
	}
}

// What an instance can do is asked for once.
func TestDiscoveryIsKept(t *testing.T) {
	var seen []string
	w := against(t, counted(double.New(atNoon), &seen))
	for range 3 {
		must[Dashboard](w, "grafana_get_dashboard", `{"dashboard":"exports-health"}`)
	}
	for path, want := range map[string]int{"GET /apis/dashboard.grafana.app": 1, "GET /api/frontend/settings": 1, "GET /api/search": 1, "GET /apis/dashboard.grafana.app/v1/namespaces/default/dashboards/exports-health": 3} {
		n := 0
		for _, s := range seen {
			if s == path {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d times, want %d", path, n, want)
		}
	}
}

func TestCreateDashboard(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		w := with(t, options(legacy))
		made := must[Saved](w, "grafana_create_dashboard", `{"title":"Watch","folder":"Support operations","tags":["a"],"panels":[{"type":"stat","title":"One"},{"type":"stat","title":"Two","gridPos":{"x":1,"y":2,"w":3,"h":4}}]}`)
		d := must[Dashboard](w, "grafana_get_dashboard", `{"dashboard":"`+made.UID+`","view":"raw"}`)
		if d.FolderUID != "support-ops" || d.Title != "Watch" || !strings.Contains(d.JSON, `"gridPos":{"h":8,"w":12,"x":0,"y":0},"id":1`) || !strings.Contains(d.JSON, `"gridPos":{"h":4,"w":3,"x":1,"y":2},"id":2`) {
			t.Errorf("got %+v", d)
		}
		w.refused(fault.InvalidArguments, "Panel 1", "grafana_create_dashboard", `{"title":"x","panels":[{"title":"no type"}]}`)
		if legacy {
			w.refused(fault.Conflict, "of that title", "grafana_create_dashboard", `{"title":"Watch","folder":"Support operations"}`)
		}
	}
}
