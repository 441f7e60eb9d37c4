package grafana

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
	double "toolvault/tools/sandbox/grafana"
)

func TestListDatasources(t *testing.T) {
	for _, key := range []string{double.New(atNoon).Secret, double.Viewer()} { // the second lacks datasources:read
		w := sandboxed(t)
		w.key = key
		got := must[Sources](w, "grafana_list_datasources", `{"type":"prom"}`)
		if got.Total != 2 || !slices.ContainsFunc(got.Items, func(s Source) bool { return s.UID == "prom-main" && s.Default }) {
			t.Errorf("got %+v", got)
		}
		if raw, _ := json.Marshal(got); strings.Contains(string(raw), "internal") {
			t.Errorf("where it is: %s", raw)
		}
		if got := must[Sources](w, "grafana_list_datasources", `{"limit":1}`); got.Total != 4 || len(got.Items) != 1 || !strings.Contains(got.Text(), "and 3 more") {
			t.Errorf("a limit: %+v", got)
		}
		must[Metrics](w, "grafana_query_prometheus", `{"query":"up"}`)
	}
}

func TestQueryPrometheus(t *testing.T) {
	w := sandboxed(t)
	m := must[Metrics](w, "grafana_query_prometheus", `{"query":"up{instance=~\"worker-1.*\"}"}`)
	if m.Total != 1 || m.Series[0].Name != `up{instance="worker-1:9100", job="export-worker"}` || m.Series[0].Value != "1" || m.To != "2026-11-24T12:00:00Z" || m.Step != 0 {
		t.Errorf("now: %+v", m)
	}
	m = must[Metrics](w, "grafana_query_prometheus", `{"datasource":"Prometheus","query":"sum by (customer) (export_duration_seconds)","from":"1h","to":"2026-11-24T11:30:00Z","step":"5m"}`)
	if m.Total != 2 || len(m.Series[0].Values) != 7 || m.Step != 300 || m.From != "2026-11-24T11:00:00Z" || m.Series[0].Value != m.Series[0].Values[6] || m.Series[0].Min > m.Series[0].Max {
		t.Errorf("a range: %+v", m)
	}
	if m := must[Metrics](w, "grafana_query_prometheus", `{"query":"export_jobs_total","max_series":1}`); m.Total != 2 || len(m.Series) != 1 || !strings.Contains(m.Text(), "and 1 more series") {
		t.Errorf("too many: %+v", m)
	}
	if m := must[Metrics](w, "grafana_query_prometheus", `{"query":"up","from":"30d","step":"15s"}`); m.Step != 43200 || len(m.Series[0].Values) != 61 || !strings.Contains(m.Note, "12h") {
		t.Errorf("too fine: step %d, %d values, %q", m.Step, len(m.Series[0].Values), m.Note)
	}
	if m := must[Metrics](w, "grafana_query_prometheus", `{"query":"nothing_of_that_name"}`); m.Total != 0 || !strings.Contains(m.Text(), "grafana_list_labels") {
		t.Errorf("nothing: %+v", m)
	}
	w.refused(fault.InvalidArguments, "parse error", "grafana_query_prometheus", `{"query":"sum("}`)
	w.refused(fault.InvalidArguments, "before to", "grafana_query_prometheus", `{"query":"up","from":"1h","to":"2h"}`)
	w.refused(fault.InvalidArguments, "give from", "grafana_query_prometheus", `{"query":"up","step":"1m"}`)
	w.refused(fault.InvalidArguments, "no duration", "grafana_query_prometheus", `{"query":"up","from":"1h","step":"soon"}`)
	w.refused(fault.InvalidArguments, "type loki", "grafana_query_prometheus", `{"query":"up","datasource":"loki-main"}`)
	w.refused(fault.NotFound, "Did you mean", "grafana_query_prometheus", `{"query":"up","datasource":"Promethues"}`)
}

// One data source refuses its resources, and takes GET only: the other way is found,
// and kept.
func TestTheOtherWayToADataSource(t *testing.T) {
	var seen []string
	w := against(t, counted(guarded(t, double.New(atNoon)), &seen))
	for range 2 {
		if m := must[Metrics](w, "grafana_query_prometheus", `{"query":"up","datasource":"prom-edge"}`); m.Total != 2 {
			t.Errorf("got %+v", m)
		}
	}
	must[Metrics](w, "grafana_query_prometheus", `{"query":"up"}`)
	want := []string{
		"GET /api/datasources", "GET /api/datasources/uid/prom-edge/resources/api/v1/query", "GET /api/datasources/proxy/uid/prom-edge/api/v1/query",
		"GET /api/datasources/proxy/uid/prom-edge/api/v1/query", "POST /api/datasources/uid/prom-main/resources/api/v1/query",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("got %q", seen)
	}
}

// A data source that turns Grafana away says nothing of the credential, and nothing
// is renewed for it.
func TestADataSourceThatRefusesGrafana(t *testing.T) {
	d := double.New(atNoon)
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/prom-main/") {
			rw.WriteHeader(http.StatusUnauthorized)
			_, _ = rw.Write([]byte("401 Unauthorized"))
			return
		}
		d.ServeHTTP(rw, r)
	}))
	w.refused(fault.NotPermitted, "does not let Grafana in", "grafana_query_prometheus", `{"query":"up"}`)
}

func TestWhatADataSourceAnswers(t *testing.T) {
	src := Source{UID: "p"}
	at := span{from: noon.Add(-time.Minute), to: noon, step: 30 * time.Second}
	for body, want := range map[string]string{
		`{"data":{"resultType":"scalar","result":[1795521600,"3"]}}`:                                                  "3",
		`{"data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"NaN"]}]}}`:                          "NaN",
		`{"data":{"resultType":"vector","result":[{"metric":{"a":"b"},"histogram":[1,{}]}]},"warnings":["w1"]}`:       "1 native histograms are left out",
		`{"data":{"resultType":"matrix","result":[{"metric":{},"values":[[1795521540,"1"],[1795521600,"+Inf"]]}]}}`:   "min 1, max 1, avg 1",
		`{"data":{"resultType":"matrix","result":[{"metric":{},"values":[[1e300,"1"],[-5,"x"]]}]}}`:                   "last not a number",
		`{"data":{"resultType":"matrix","result":[{"metric":{},"values":[[1795521570,"0.123456789"]]}]}}`:             "- 0.123457 -",
		`{"data":{"resultType":"vector","result":[{"metric":{"l":"»«"},"value":[1,"5"]}]}}`:                           "›",
		`{"data":{"resultType":"odd","result":[]}}`:                                                                   "!",
		`{"data":{"resultType":"vector","result":{}}}`:                                                                "!",
		`{"data":{"resultType":"vector","result":[{"value":[true,"1"]}]}}`:                                            "!",
		`{"data":{"resultType":"vector","result":[]},"infos":["metric might not be a counter"],"warnings":["w","x"]}`: "w; x; metric might",
	} {
		var a promAnswer
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		m, err := a.metrics(src, at, 10)
		if want == "!" {
			if fault.From(err) == nil || fault.From(err).Kind != fault.UpstreamError {
				t.Errorf("%s: %v", body, err)
			}
			continue
		}
		if err != nil || !strings.Contains(m.Text(), want) {
			t.Errorf("%s: %v\n%s", body, err, m.Text())
		}
	}
}

func TestQueryLoki(t *testing.T) {
	w := sandboxed(t)
	l := must[Logs](w, "grafana_query_loki", `{"query":"{app=\"export-worker\"}","from":"2h","limit":4}`)
	if l.Lines != 4 || !l.Full || l.Streams[0].Lines[0].Line != "queue of acme is 6 long" || l.Streams[0].Lines[0].Time != "2026-11-24T11:48:00.000Z" {
		t.Errorf("the newest: %+v", l)
	}
	l = must[Logs](w, "grafana_query_loki", `{"query":"{app=\"export-worker\"} |~ \"4811|4812\"","from":"2h","direction":"forward"}`)
	if l.Lines != 3 || l.Full || l.Streams[0].Lines[0].Line[:11] != "export 4811" {
		t.Errorf("the oldest: %+v", l)
	}
	if l := must[Logs](w, "grafana_query_loki", `{"query":"sum(count_over_time({app=\"export-worker\"}[1h]))","from":"2h"}`); l.Metrics == nil || l.Metrics.Series[0].Value != "6" {
		t.Errorf("a count: %+v", l.Metrics)
	}
	w.refused(fault.InvalidArguments, "syntax error", "grafana_query_loki", `{"query":"errors please"}`)
}

// Long and many lines are cut, and what is left out is said.
func TestManyLines(t *testing.T) {
	var l Logs
	all := []lokiStream{{Labels: map[string]string{"a": "b"}}}
	for i := range 100 {
		line, _ := json.Marshal(strings.Repeat("x", 2000))
		all[0].Values = append(all[0].Values, []json.RawMessage{json.RawMessage(fmt.Sprintf(`"%d"`, i)), line})
	}
	l.keep(all, 100, false)
	if raw, _ := json.Marshal(l); len(raw) > 60_000 || !l.Full || l.Lines != len(l.Streams[0].Lines) || l.Lines < 30 {
		t.Errorf("%d bytes, %d lines", len(raw), l.Lines)
	}
}

func TestListLabels(t *testing.T) {
	w := sandboxed(t)
	for args, want := range map[string]string{
		`{}`: "__name__ customer instance job reason",
		`{"label":"customer","match":"{__name__=\"export_jobs_failed\"}","search":"ACM"}`: "acme",
		`{"label":"__name__","limit":1}`:            "export_duration_seconds",
		`{"datasource":"Logs"}`:                     "app level",
		`{"datasource":"Logs","label":"level"}`:     "error info warn",
		`{"datasource":"prom-edge","label":"job"}`:  "export-worker",
		`{"label":"job","from":"1h","search":"no"}`: "",
	} {
		if got := must[Labels](w, "grafana_list_labels", args); strings.Join(got.Values, " ") != want {
			t.Errorf("%s: %+v", args, got)
		}
	}
	w.refused(fault.InvalidArguments, "no name of a label", "grafana_list_labels", `{"label":"../../x"}`)
}

func TestRunQuery(t *testing.T) {
	w := sandboxed(t)
	a := must[Answers](w, "grafana_run_query", `{"datasource":"support-db","queries":[{"sql":"select customer, attempts from exports where state = 'failed'"},{"sql":"select * from nowhere"}]}`)
	if len(a.Tables) != 2 || a.Tables[0].Total != 2 || fmt.Sprint(a.Tables[0].Rows[0]) != "[Acme 3]" || !strings.Contains(a.Tables[1].Error, "does not exist") {
		t.Errorf("one of two: %+v", a)
	}
	if text := a.Text(); !strings.Contains(text, "query B of support-db: it failed. It said: «pq:") {
		t.Errorf("text %q", text)
	}
	a = must[Answers](w, "grafana_run_query", `{"datasource":"support-db","max_rows":1,"queries":[{"sql":"select id from exports"}]}`)
	if a.Tables[0].Total != 3 || len(a.Tables[0].Rows) != 1 || !strings.Contains(a.Text(), "and 2 more rows") {
		t.Errorf("a limit: %+v", a)
	}
	if a := must[Answers](w, "grafana_run_query", `{"datasource":"prom-main","queries":[{"model":{"expr":"up","instant":true}}]}`); a.Tables[0].Total != 2 {
		t.Errorf("a model: %+v", a)
	}
	w.refused(fault.InvalidArguments, "syntax error", "grafana_run_query", `{"datasource":"support-db","queries":[{"sql":"sekect 1"}]}`)
	w.refused(fault.InvalidArguments, "give model", "grafana_run_query", `{"datasource":"loki-main","queries":[{"sql":"select 1"}]}`)
	w.refused(fault.InvalidArguments, "either", "grafana_run_query", `{"datasource":"support-db","queries":[{}]}`)
}

// SQL may have changed something: a failure after which that is possible is not tried
// again, and says so. It is its own scope, and off until an admin turns it on.
func TestSQLIsNotRepeated(t *testing.T) {
	d, asked := double.New(atNoon), 0
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/ds/query" {
			asked++
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		d.ServeHTTP(rw, r)
	}))
	w.refused(fault.UpstreamUnavailable, "may have been done", "grafana_run_query", `{"datasource":"support-db","queries":[{"sql":"update exports set attempts = 0"}]}`)
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	for _, f := range exampleFiles(t) {
		if own := f.Name == "grafana_run_query"; own != (f.Scope == "query.run") || own != f.Annotations.Irreversible {
			t.Errorf("%s: scope %s, irreversible %v", f.Name, f.Scope, f.Annotations.Irreversible)
		}
	}
}

func TestSeveralFrames(t *testing.T) {
	var frames []frame
	if err := json.Unmarshal([]byte(`[{"schema":{"fields":[{"name":"Time"},{"name":"Value","labels":{"a":"1"}}]},"data":{"values":[[1,2],[3,null]]}},
		{"schema":{"fields":[{"name":"Time"},{"name":"Value","labels":{"a":"2"}}]},"data":{"values":[[1],[5]]}},{"schema":{"fields":[{"name":"odd"}]},"data":{"values":[[1,2,3]]}}]`), &frames); err != nil {
		t.Fatal(err)
	}
	table, room := Table{Ref: "A"}, 10_000
	table.fill(frames, 10, &room)
	if fmt.Sprint(table.Columns, table.Rows, table.Total) != `[series Time Value] [[{a="1"} 1 3] [{a="1"} 2 <nil>] [{a="2"} 1 5]] 6` {
		t.Errorf("got %v", fmt.Sprint(table.Columns, table.Rows, table.Total))
	}
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"30s", "5m", "2h", "1d", "999999w", "1.5h", "-1m", "5 m", "m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, word string) {
		d, err := duration("step", word)
		switch {
		case err == nil && (d < time.Second || d > 366*24*time.Hour || d%time.Second != 0):
			t.Errorf("%q is %s", word, d)
		case err != nil && len([]rune(err.Message)) > 200:
			t.Errorf("%q: %s", word, err.Message)
		}
		if n := nice(d); err == nil && (n < d || n < 15*time.Second) {
			t.Errorf("a step of %s for %s", n, d)
		}
	})
}
