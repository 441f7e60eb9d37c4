package grafana

import (
	"math"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/pattern"
)

// metric is a series: a value at every moment.
type metric struct {
	labels labels
	at     func(t time.Time) float64
}

// metrics are what the export workers report.
func metrics() []metric {
	up := func(base, swing float64) func(time.Time) float64 {
		return func(t time.Time) float64 {
			return math.Round((base+swing*math.Sin(float64(t.Unix()%86400)/3600))*100) / 100
		}
	}
	count := func(aDay float64) func(time.Time) float64 {
		return func(t time.Time) float64 { return math.Floor(float64(t.Unix()%86400) / 86400 * aDay) }
	}
	always := func(v float64) func(time.Time) float64 { return func(time.Time) float64 { return v } }
	return []metric{
		{labels{"__name__": "up", "job": "export-worker", "instance": "worker-1:9100"}, always(1)},
		{labels{"__name__": "up", "job": "export-worker", "instance": "worker-2:9100"}, always(1)},
		{labels{"__name__": "export_duration_seconds", "customer": "acme"}, up(27, 4)},
		{labels{"__name__": "export_duration_seconds", "customer": "initech"}, up(3, 1)},
		{labels{"__name__": "export_jobs_failed", "customer": "acme", "reason": "timeout"}, count(48)},
		{labels{"__name__": "export_jobs_failed", "customer": "initech", "reason": "timeout"}, count(2)},
		{labels{"__name__": "export_jobs_total", "customer": "acme"}, count(200)},
		{labels{"__name__": "export_jobs_total", "customer": "initech"}, count(300)},
	}
}

func (g *grafana) prometheus(w http.ResponseWriter, r *http.Request, path string) {
	q := params(r)
	var all []labels
	for _, m := range metrics() {
		all = append(all, m.labels)
	}
	var match func(labels) bool
	if sel := q.Get("match[]"); sel != "" {
		m, fault := selector(sel)
		if fault != "" {
			badData(w, `invalid parameter "match[]": `+fault)
			return
		}
		match = m
	}
	label, isLabel := strings.CutPrefix(path, "api/v1/label/")
	switch {
	case path == "api/v1/labels":
		success(w, names(all, "", match))
	case isLabel && strings.HasSuffix(label, "/values"):
		success(w, names(all, strings.TrimSuffix(label, "/values"), match))
	case path == "api/v1/query":
		at, ok := instant(q.Get("time"), g.now())
		result, fault := evaluate(q.Get("query"), []time.Time{at})
		if !ok || fault != "" {
			badData(w, `invalid parameter "query": `+fault)
			return
		}
		list := []map[string]any{}
		for _, s := range result {
			list = append(list, map[string]any{"metric": s.labels, "value": []any{float64(at.UnixMilli()) / 1000, written(s.values[0])}})
		}
		success(w, map[string]any{"resultType": "vector", "result": list})
	case path == "api/v1/query_range":
		g.queryRange(w, q.Get("query"), q.Get("start"), q.Get("end"), q.Get("step"))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (g *grafana) queryRange(w http.ResponseWriter, query, from, to, step string) {
	start, ok1 := instant(from, time.Time{})
	end, ok2 := instant(to, time.Time{})
	seconds, err := strconv.ParseFloat(step, 64)
	switch {
	case !ok1 || !ok2 || from == "" || to == "" || end.Before(start):
		badData(w, `invalid parameter "end": end timestamp must not be before start time`)
		return
	case err != nil || seconds <= 0:
		badData(w, `invalid parameter "step": cannot parse "`+step+`" to a valid duration`)
		return
	case end.Sub(start).Seconds()/seconds > 11000:
		badData(w, "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")
		return
	}
	var times []time.Time
	for t := start; !t.After(end); t = t.Add(time.Duration(seconds * float64(time.Second))) {
		times = append(times, t)
	}
	result, fault := evaluate(query, times)
	if fault != "" {
		badData(w, `invalid parameter "query": `+fault)
		return
	}
	list := []map[string]any{}
	for _, s := range result {
		values := make([]any, len(times))
		for i, t := range times {
			values[i] = []any{float64(t.UnixMilli()) / 1000, written(s.values[i])}
		}
		list = append(list, map[string]any{"metric": s.labels, "values": values})
	}
	success(w, map[string]any{"resultType": "matrix", "result": list})
}

func written(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// evaluated is a series with a value for each moment that was asked for.
type evaluated struct {
	labels labels
	values []float64
}

var (
	aggregate = pattern.New(`(?s)^\s*(sum|avg|max|min|count)\s*(?:by\s*\(([^()]*)\))?\s*\((.*)\)\s*$`)
	rateForm  = pattern.New(`(?s)^\s*(rate|increase)\s*\((.*)\[(\d+)([smh])\]\s*\)\s*$`)
)

// evaluate is as much of PromQL as the seeds need: a selector, rate and increase of
// one, and sums by labels of these.
func evaluate(query string, times []time.Time) ([]evaluated, string) {
	if m := aggregate.FindStringSubmatch(query); m != nil {
		inner, fault := evaluate(m[3], times)
		if fault != "" {
			return nil, fault
		}
		return aggregated(m[1], strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' }), inner), ""
	}
	sel, over, each := query, time.Duration(0), 1.0
	if m := rateForm.FindStringSubmatch(query); m != nil {
		n, _ := strconv.Atoi(m[3])
		sel, over = m[2], time.Duration(n)*map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[m[4]]
		if m[1] == "rate" {
			each = max(over.Seconds(), 1)
		}
	}
	match, fault := selector(sel)
	if fault != "" {
		return nil, fault
	}
	var out []evaluated
	for _, m := range metrics() {
		if !match(m.labels) {
			continue
		}
		e := evaluated{labels: labels{}}
		for k, v := range m.labels {
			if k != "__name__" || over == 0 {
				e.labels[k] = v
			}
		}
		for _, t := range times {
			v := m.at(t)
			if over > 0 {
				v = max(0, v-m.at(t.Add(-over))) / each
			}
			e.values = append(e.values, v)
		}
		out = append(out, e)
	}
	return out, ""
}

func aggregated(how string, by []string, all []evaluated) []evaluated {
	groups := map[string][]evaluated{}
	for _, e := range all {
		key := ""
		for _, k := range by {
			key += e.labels[k] + "\x00"
		}
		groups[key] = append(groups[key], e)
	}
	keys := make([]string, 0, len(groups))
	for k := range groups {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var out []evaluated
	for _, key := range keys {
		group := groups[key]
		e := evaluated{labels: labels{}, values: make([]float64, len(group[0].values))}
		for _, k := range by {
			if v := group[0].labels[k]; v != "" {
				e.labels[k] = v
			}
		}
		for i := range e.values {
			e.values[i] = group[0].values[i]
			for _, other := range group[1:] {
				switch v := other.values[i]; how {
				case "max":
					e.values[i] = max(e.values[i], v)
				case "min":
					e.values[i] = min(e.values[i], v)
				default:
					e.values[i] += v
				}
			}
			switch how {
			case "avg":
				e.values[i] /= float64(len(group))
			case "count":
				e.values[i] = float64(len(group))
			}
		}
		out = append(out, e)
	}
	return out
}
