package grafana

import (
	"bytes"
	"encoding/json"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolvault/tools/sandbox/double"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

// ask makes a request with a token, and returns status and body.
func ask(d *double.Double, token, method, path, body string, headers ...string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// The double refuses what Grafana refuses, in its words.
func TestItRefuses(t *testing.T) {
	const boards = "/apis/dashboard.grafana.app/v1/namespaces/default/dashboards"
	d := New(atNoon)
	for _, c := range []struct {
		name, token, method, path, body string
		status                          int
		says                            string
	}{
		{"no token", "", "GET", "/api/org", "", 401, `"messageId":"api-key.invalid"`},
		{"a missing permission", Viewer(), "GET", "/api/datasources", "", 403, "Permissions needed: datasources:read"},
		{"a write with a reader's token", Viewer(), "POST", "/api/annotations", `{"text":"x"}`, 403, "annotations:create"},
		{"people only", d.Secret, "GET", "/api/user/orgs", "", 403, "users"},
		{"a data source by its number", d.Secret, "GET", "/api/datasources/1", "", 404, "Not found"},
		{"its proxy by its number", d.Secret, "GET", "/api/datasources/proxy/1/api/v1/query", "", 404, "Not found"},
		{"the resources of one that has none", d.Secret, "GET", "/api/datasources/uid/prom-edge/resources/api/v1/labels", "", 403, "resources"},
		{"a POST to one that takes GET", d.Secret, "POST", "/api/datasources/proxy/uid/prom-edge/api/v1/query", "", 500, "unexpected"},
		{"another namespace", d.Secret, "GET", "/apis/dashboard.grafana.app/v1/namespaces/org-2/dashboards/labs-home", "", 403, `"kind":"Status"`},
		{"another version", d.Secret, "GET", "/apis/dashboard.grafana.app/v9/namespaces/default/dashboards/scratch", "", 404, "404 page not found"},
		{"v2 through the old API", d.Secret, "GET", "/api/dashboards/uid/customer-journeys", "", 406, "v2beta1"},
		{"another version in the body", d.Secret, "PUT", boards + "/scratch", `{"apiVersion":"dashboard.grafana.app/v2","kind":"Dashboard","metadata":{"name":"scratch"},"spec":{"title":"x"}}`, 400, "does not match"},
		{"the other form", d.Secret, "PUT", boards + "/scratch", `{"apiVersion":"dashboard.grafana.app/v1","kind":"Dashboard","metadata":{"name":"scratch"},"spec":{"title":"x","elements":{}}}`, 422, "Invalid"},
		{"an old resourceVersion", d.Secret, "PUT", boards + "/scratch", `{"apiVersion":"dashboard.grafana.app/v1","kind":"Dashboard","metadata":{"name":"scratch","resourceVersion":"1"},"spec":{"title":"x"}}`, 409, `"reason":"Conflict"`},
		{"one that is managed", d.Secret, "PUT", boards + "/billing", `{"apiVersion":"dashboard.grafana.app/v1","kind":"Dashboard","metadata":{"name":"billing"},"spec":{"title":"x"}}`, 403, "managed by repo"},
		{"a name that is there", d.Secret, "POST", boards, `{"apiVersion":"dashboard.grafana.app/v1","kind":"Dashboard","metadata":{"name":"scratch"},"spec":{"title":"x"}}`, 409, "AlreadyExists"},
		{"an old version", d.Secret, "POST", "/api/dashboards/db", `{"dashboard":{"uid":"scratch","title":"x","version":1}}`, 412, "version-mismatch"},
		{"a title that is there", d.Secret, "POST", "/api/dashboards/db", `{"dashboard":{"title":"Scratch"}}`, 412, "name-exists"},
		{"one that is provisioned", d.Secret, "POST", "/api/dashboards/db", `{"dashboard":{"uid":"node-overview","title":"x","version":3}}`, 400, "provisioned"},
		{"no title", d.Secret, "POST", "/api/dashboards/db", `{"dashboard":{}}`, 400, "title"},
		{"no comment", d.Secret, "POST", "/api/alertmanager/grafana/api/v2/silences", `{"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2026-11-24T12:00:00Z","endsAt":"2026-11-24T13:00:00Z","createdBy":"x"}`, 422, "comment"},
		{"a silence of everything", d.Secret, "POST", "/api/alertmanager/grafana/api/v2/silences", `{"matchers":[{"name":"a","value":".*","isRegex":true}],"startsAt":"2026-11-24T12:00:00Z","endsAt":"2026-11-24T13:00:00Z","createdBy":"x","comment":"y"}`, 400, "empty string"},
		{"one that has ended", d.Secret, "DELETE", "/api/alertmanager/grafana/api/v2/silence/5b0c1f7e-3f1d-4a55-9a3e-7d8f2f6f0a12", "", 500, "already expired"},
		{"no queries", d.Secret, "POST", "/api/ds/query", `{"queries":[],"from":"1","to":"2"}`, 400, "query.noQueries"},
		{"times that are numbers", d.Secret, "POST", "/api/ds/query", `{"queries":[{"refId":"A","datasource":{"uid":"support-db"}}],"from":1,"to":2}`, 400, "query.noQueries"},
		{"an annotation without a text", d.Secret, "POST", "/api/annotations", `{}`, 400, "Failed"},
		{"too many points", d.Secret, "GET", "/api/datasources/proxy/uid/prom-main/api/v1/query_range?query=up&start=0&end=11001&step=1", "", 400, "11,000 points"},
	} {
		if status, body := ask(d, c.token, c.method, c.path, c.body); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
	}
	if status, body := ask(d, d.Secret, "GET", "/api/org", "", "X-Grafana-Org-Id", "2"); status != 401 || !strings.Contains(body, "organization-mismatch") {
		t.Errorf("another organisation: %d %s", status, body)
	}
}

// The three ways in which a careless client loses work.
func TestHowWorkIsLost(t *testing.T) {
	d := New(atNoon)
	// A save without a folder moves to the root.
	if status, body := ask(d, d.Secret, "POST", "/api/dashboards/db", `{"dashboard":{"uid":"exports-health","title":"Export service","version":3,"panels":[]}}`); status != 200 || !strings.Contains(body, `"folderUid":""`) {
		t.Errorf("%d %s", status, body)
	}
	// What is read at another version lacks what stands in a tab, and saved back it is gone.
	const journeys = "/apis/dashboard.grafana.app/v1/namespaces/default/dashboards/customer-journeys"
	status, body := ask(d, d.Secret, "GET", journeys, "")
	if status != 200 || !strings.Contains(body, `"storedVersion":"v2beta1"`) || strings.Contains(body, "Exports by customer") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := ask(d, d.Secret, "PUT", journeys, body); status != 200 {
		t.Errorf("saved: %d", status)
	}
	if _, there := d.Snapshot()["panel customer-journeys panel-2"]; there {
		t.Error("nothing was lost")
	}
	// A PUT without a resourceVersion overwrites.
	if status, _ := ask(d, d.Secret, "PUT", "/apis/dashboard.grafana.app/v1/namespaces/default/dashboards/scratch", `{"apiVersion":"dashboard.grafana.app/v1","kind":"Dashboard","metadata":{"name":"scratch"},"spec":{"title":"x"}}`); status != 200 {
		t.Errorf("overwritten: %d", status)
	}
}

// A query answers for itself: 200, 207 where some failed, 400 where all did.
func TestQueriesAnswerForThemselves(t *testing.T) {
	d := New(atNoon)
	good, bad := `{"refId":"A","datasource":{"uid":"support-db"},"rawSql":"select id from exports"}`, `{"refId":"B","datasource":{"uid":"support-db"},"rawSql":"drop it"}`
	for queries, want := range map[string]int{good: 200, good + "," + bad: 207, bad: 400} {
		status, body := ask(d, d.Secret, "POST", "/api/ds/query", `{"from":"1","to":"2","queries":[`+queries+`]}`)
		var r struct{ Results map[string]any }
		if err := json.Unmarshal([]byte(body), &r); err != nil || status != want || len(r.Results) != strings.Count(queries, "refId") {
			t.Errorf("%d, want %d: %s", status, want, body)
		}
	}
}

func TestImages(t *testing.T) {
	d := New(atNoon)
	status, body := ask(d, d.Secret, "GET", "/render/d-solo/exports-health?panelId=1&width=320&height=200", "")
	img, err := png.Decode(bytes.NewReader([]byte(body)))
	if status != 200 || err != nil || img.Bounds().Dx() != 320 || img.Bounds().Dy() != 200 {
		t.Errorf("%d, %v", status, err)
	}
	if status, _ := ask(d, d.Secret, "GET", "/render/d/nothing?width=320&height=200", ""); status != http.StatusNotFound {
		t.Errorf("of nothing: %d", status)
	}
}
