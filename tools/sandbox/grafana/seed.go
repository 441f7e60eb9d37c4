package grafana

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// permissions of the roles, as far as the double asks for them.
func permissions(role string) map[string]bool {
	may := map[string]bool{
		"dashboards:read": true, "folders:read": true, "datasources:query": true, "alert.rules:read": true, "alert.instances:read": true, "annotations:read": true,
	}
	if role != "Viewer" {
		for _, p := range []string{"dashboards:write", "datasources:read", "alert.provisioning:read", "alert.instances:create", "alert.instances:write", "annotations:create"} {
			may[p] = true
		}
	}
	return may
}

func seeded(now func() time.Time, options Options) *grafana {
	name, password := Admin()
	g := &grafana{
		Options: options, now: now, last: 100,
		accounts: map[string]*account{
			"Bearer " + token("editor"): {name: "sa-supportbot", role: "Editor", orgs: []int64{1}, may: permissions("Editor")},
			"Bearer " + token("viewer"): {name: "sa-viewer", role: "Viewer", orgs: []int64{1}, may: permissions("Viewer")},
			"Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password)): {name: name, role: "Admin", orgs: []int64{1, 2}, person: true, may: permissions("Admin")},
		},
		folders: []folder{{1, 11, "support-ops", "Support operations"}, {1, 12, "platform", "Platform"}},
		sources: []source{
			{org: 1, id: 1, uid: "prom-main", name: "Prometheus", kind: "prometheus", main: true},
			{org: 1, id: 2, uid: "prom-edge", name: "Edge metrics", kind: "grafana-amazonprometheus-datasource", noResources: true, onlyGet: true},
			{org: 1, id: 3, uid: "loki-main", name: "Logs", kind: "loki"},
			{org: 1, id: 4, uid: "support-db", name: "Support database", kind: "grafana-postgresql-datasource"},
			{org: 2, id: 5, uid: "prom-labs", name: "Labs", kind: "prometheus", main: true},
		},
		exports: []map[string]any{
			{"id": int64(4811), "customer": "Acme", "state": "failed", "attempts": int64(3)},
			{"id": int64(4812), "customer": "Initech", "state": "done", "attempts": int64(1)},
			{"id": int64(4813), "customer": "Acme", "state": "failed", "attempts": int64(2)},
		},
		rules: []rule{
			{uid: "exports-fail", title: "Exports fail", folder: "support-ops", group: "exports", state: "firing", health: "ok", expr: "sum by (customer) (increase(export_jobs_failed[1h]))", above: "5",
				summary: "More than 5 exports of a customer failed within an hour", labels: labels{"team": "support", "severity": "page"},
				firing: []labels{{"alertname": "Exports fail", "customer": "acme", "severity": "page"}}, since: 40 * time.Minute},
			{uid: "worker-down", title: "Worker is down", folder: "support-ops", group: "exports", state: "inactive", health: "ok", expr: `up{job="export-worker"}`, above: "0",
				summary: "An export worker does not answer", labels: labels{"team": "support"}},
			{uid: "disk-full", title: "Disk almost full", folder: "platform", group: "hosts", state: "inactive", health: "error", fault: "failed to query data: lookup node-exporter: no such host", expr: "node_filesystem_avail_bytes", above: "0",
				summary: "Less than 10 % of a disk is free", labels: labels{"team": "platform"}},
		},
	}
	start := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	for i, b := range []board{
		{uid: "exports-health", stored: "v1", folder: "support-ops", spec: parsed(exportService)},
		{uid: "customer-journeys", stored: "v2beta1", folder: "support-ops", spec: parsed(journeys)},
		{uid: "node-overview", stored: "v1", folder: "platform", managed: "classic-file-provisioning", spec: parsed(`{"title":"Node overview","tags":["hosts"],"schemaVersion":41,"panels":[{"id":1,"type":"stat","title":"Load","targets":[{"refId":"A","expr":"node_load1"}],"gridPos":{"x":0,"y":0,"w":12,"h":8}}]}`)},
		{uid: "billing", stored: "v1", folder: "platform", managed: "repo", spec: parsed(`{"title":"Billing","schemaVersion":41,"panels":[]}`)},
		{uid: "scratch", stored: "v1", spec: parsed(`{"title":"Scratch","schemaVersion":41,"panels":[{"id":1,"type":"text","title":"Notes","options":{"content":"try things here"},"gridPos":{"x":0,"y":0,"w":24,"h":3}}]}`)},
	} {
		if options.Legacy && isV2(b.stored) {
			continue
		}
		b.org, b.id, b.version, b.updated, b.by = 1, 21+i, 3, start.Add(time.Duration(i)*time.Hour), "marta.klein"
		g.dashboards = append(g.dashboards, &b)
	}
	g.dashboards = append(g.dashboards, &board{org: 2, id: 41, uid: "labs-home", stored: "v1", spec: parsed(`{"title":"Labs","schemaVersion":41,"panels":[]}`), version: 1, updated: start, by: "marta.klein"})
	at := now().UTC()
	g.silences = []*silence{
		{id: "5b0c1f7e-3f1d-4a55-9a3e-7d8f2f6f0a11", by: "jonas.brekke", comment: "Disk is being replaced", starts: at.Add(-time.Hour), ends: at.Add(48 * time.Hour),
			matchers: []any{map[string]any{"name": "alertname", "value": "Disk almost full", "isRegex": false, "isEqual": true}}},
		{id: "5b0c1f7e-3f1d-4a55-9a3e-7d8f2f6f0a12", by: "marta.klein", comment: "Release of 2.14.0", starts: at.Add(-72 * time.Hour), ends: at.Add(-71 * time.Hour),
			matchers: []any{map[string]any{"name": "team", "value": "support|platform", "isRegex": true, "isEqual": true}}},
	}
	g.annotations = []*annotation{
		{id: 1, at: at.Add(-26 * time.Hour), end: at.Add(-26 * time.Hour), text: "Export worker 2.14.0 deployed", by: "jonas.brekke", tags: []string{"deploy", "exports"}, board: "exports-health"},
		{id: 2, at: at.Add(-40 * time.Minute), end: at.Add(-40 * time.Minute), text: "Exports fail: acme", tags: []string{}, board: "exports-health", panel: 2, previous: "Normal", next: "Alerting"},
	}
	return g
}

func parsed(text string) map[string]any {
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		panic("sandbox: a seed of Grafana's is no JSON: " + err.Error())
	}
	return clone(m)
}

const exportService = `{
  "title": "Export service", "description": "CSV exports of our customers: how long they take, and which fail.", "tags": ["exports", "support"],
  "schemaVersion": 41, "timezone": "browser", "time": {"from": "now-6h", "to": "now"},
  "templating": {"list": [{"name": "customer", "type": "query", "current": {"text": "acme", "value": "acme"}}]},
  "panels": [
    {"id": 1, "type": "timeseries", "title": "Export duration", "description": "Seconds, by customer", "datasource": {"type": "prometheus", "uid": "prom-main"},
     "targets": [{"refId": "A", "expr": "sum by (customer) (export_duration_seconds)"}], "fieldConfig": {"defaults": {"unit": "s"}, "overrides": []}, "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}},
    {"id": 2, "type": "stat", "title": "Failed exports", "datasource": {"type": "prometheus", "uid": "prom-main"},
     "targets": [{"refId": "A", "expr": "sum(export_jobs_failed{customer=~\"$customer\"})"}], "gridPos": {"x": 12, "y": 0, "w": 12, "h": 8}},
    {"id": 3, "type": "row", "title": "Workers", "collapsed": true, "gridPos": {"x": 0, "y": 8, "w": 24, "h": 1}, "panels": [
      {"id": 4, "type": "logs", "title": "Worker logs", "datasource": {"type": "loki", "uid": "loki-main"},
       "targets": [{"refId": "A", "expr": "{app=\"export-worker\"}"}], "gridPos": {"x": 0, "y": 9, "w": 24, "h": 8}}]}
  ]
}`

// journeys is in schema v2: one of its panels stands in a tab, which the classic form
// has no place for.
const journeys = `{
  "title": "Customer journeys", "description": "From the first ticket to the answer", "tags": ["support"],
  "timeSettings": {"from": "now-24h", "to": "now", "autoRefresh": ""},
  "variables": [{"kind": "CustomVariable", "spec": {"name": "plan", "current": {"text": "Business", "value": "Business"}}}],
  "elements": {
    "panel-1": {"kind": "Panel", "spec": {"id": 1, "title": "Time to first answer", "vizConfig": {"kind": "VizConfig", "group": "timeseries", "spec": {}},
      "data": {"kind": "QueryGroup", "spec": {"queries": [{"kind": "PanelQuery", "spec": {"refId": "A", "hidden": false, "query": {"kind": "DataQuery", "group": "prometheus", "datasource": {"name": "prom-main"}, "spec": {"expr": "avg(ticket_first_answer_seconds)"}}}}]}}}},
    "panel-2": {"kind": "Panel", "spec": {"id": 2, "title": "Exports by customer", "vizConfig": {"kind": "VizConfig", "group": "barchart", "spec": {}},
      "data": {"kind": "QueryGroup", "spec": {"queries": [{"kind": "PanelQuery", "spec": {"refId": "A", "hidden": false, "query": {"kind": "DataQuery", "group": "prometheus", "datasource": {"name": "prom-main"}, "spec": {"expr": "sum by (customer) (export_jobs_total)"}}}}]}}}}
  },
  "layout": {"kind": "TabsLayout", "spec": {"tabs": [
    {"kind": "TabsLayoutTab", "spec": {"title": "Answers", "layout": {"kind": "GridLayout", "spec": {"items": [{"kind": "GridLayoutItem", "spec": {"x": 0, "y": 0, "width": 24, "height": 8, "element": {"kind": "ElementReference", "name": "panel-1"}}}]}}}},
    {"kind": "TabsLayoutTab", "spec": {"title": "Exports", "layout": {"kind": "AutoGridLayout", "spec": {"items": [{"kind": "AutoGridLayoutItem", "spec": {"element": {"kind": "ElementReference", "name": "panel-2"}}}]}}}}
  ]}}
}`

// snapshot is what people see: dashboards and their panels, silences, annotations
// and the table.
func (g *grafana) snapshot() map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := map[string]string{}
	put := func(name string, v any) {
		raw, _ := json.Marshal(v)
		all[name] = string(raw)
	}
	for _, b := range g.dashboards {
		spec := clone(b.spec)
		list, _ := spec["panels"].([]any)
		for _, v := range list {
			if p, ok := v.(map[string]any); ok {
				put(fmt.Sprintf("panel %s %v", b.uid, p["id"]), p)
			}
		}
		elements, _ := spec["elements"].(map[string]any)
		for name, e := range elements {
			put("panel "+b.uid+" "+name, e)
		}
		delete(spec, "panels")
		delete(spec, "elements")
		put("dashboard "+b.uid, []any{b.folder, spec})
	}
	for _, s := range g.silences {
		put("silence "+s.id, []any{s.state(g.now()), s.matchers, s.comment})
	}
	for _, a := range g.annotations {
		put(fmt.Sprintf("annotation %d", a.id), []any{a.text, a.tags, a.board, a.panel})
	}
	for _, row := range g.exports {
		put(fmt.Sprintf("export %v", row["id"]), row)
	}
	return all
}
