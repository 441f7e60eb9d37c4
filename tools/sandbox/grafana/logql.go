package grafana

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/pattern"
)

// entry is a line of a log, so long before now.
type entry struct {
	labels labels
	ago    time.Duration
	line   string
}

func logLines() []entry {
	worker := func(level string) labels { return labels{"app": "export-worker", "level": level} }
	return []entry{
		{worker("info"), 65 * time.Minute, "export 4811 of acme begins: 1.2 million rows"},
		{worker("error"), 64 * time.Minute, "export 4811 of acme failed: timeout after 30 s while writing rows"},
		{worker("info"), 50 * time.Minute, "export 4812 of initech done in 3.1 s"},
		{worker("info"), 31 * time.Minute, "export 4813 of acme begins: 1.2 million rows"},
		{worker("error"), 30 * time.Minute, "export 4813 of acme failed: timeout after 30 s while writing rows"},
		{worker("warn"), 12 * time.Minute, "queue of acme is 6 long"},
		{labels{"app": "web", "level": "info"}, 10 * time.Minute, "GET /exports 200"},
	}
}

var (
	logForm   = pattern.New("(?s)^\\s*(\\{[^{}]*\\})((?:\\s*\\|[=~]\\s*(?:\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`))*)\\s*$")
	lineForm  = pattern.New("\\|([=~])\\s*(\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`)")
	countForm = pattern.New(`(?s)^\s*(?:sum\s*\(\s*)?count_over_time\s*\((.*)\[\d+[smhd]\]\s*\)\s*\)?\s*$`)
)

// refuseLog is how Loki refuses: with a plain text.
func refuseLog(w http.ResponseWriter, message string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, message)
}

// loki answers a small part of Loki's API: labels and queries of lines, and how many
// there are.
func (g *grafana) loki(w http.ResponseWriter, r *http.Request, path string) {
	q := params(r)
	var all []labels
	for _, e := range logLines() {
		all = append(all, e.labels)
	}
	label, isLabel := strings.CutPrefix(path, "loki/api/v1/label/")
	switch {
	case path == "loki/api/v1/labels":
		success(w, names(all, "", nil))
	case isLabel && strings.HasSuffix(label, "/values"):
		var match func(labels) bool
		if sel := q.Get("query"); sel != "" {
			m, fault := selector(sel)
			if fault != "" {
				refuseLog(w, "parse error: "+fault)
				return
			}
			match = m
		}
		success(w, names(all, strings.TrimSuffix(label, "/values"), match))
	case path == "loki/api/v1/query_range":
		g.logs(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "404 page not found")
	}
}

func (g *grafana) logs(w http.ResponseWriter, r *http.Request) {
	q := params(r)
	query, counts := q.Get("query"), false
	if m := countForm.FindStringSubmatch(query); m != nil {
		query, counts = m[1], true
	}
	m := logForm.FindStringSubmatch(query)
	if m == nil {
		refuseLog(w, "parse error at line 1, col 1: syntax error: unexpected IDENTIFIER")
		return
	}
	match, fault := selector(m[1])
	if fault != "" {
		refuseLog(w, "parse error : queries require at least one regexp or equality matcher that does not have an empty-compatible value")
		return
	}
	from, err1 := strconv.ParseInt(q.Get("start"), 10, 64)
	to, err2 := strconv.ParseInt(q.Get("end"), 10, 64)
	limit, err3 := strconv.Atoi(q.Get("limit"))
	if err1 != nil || err2 != nil || err3 != nil || from > to {
		refuseLog(w, "the end timestamp must not be before or equal to the start time")
		return
	}
	type stream struct {
		Labels labels      `json:"stream"`
		Values [][2]string `json:"values"`
	}
	var streams []*stream
	now, n := g.now(), 0
	lines := logLines()
	if q.Get("direction") != "forward" {
		slices.Reverse(lines)
	}
	for _, e := range lines {
		at := now.Add(-e.ago).UnixNano()
		if at < from || at > to || !match(e.labels) || !keeps(m[2], e.line) || n == limit && !counts {
			continue
		}
		n++
		i := slices.IndexFunc(streams, func(s *stream) bool {
			return s.Labels["app"] == e.labels["app"] && s.Labels["level"] == e.labels["level"]
		})
		if i < 0 {
			i = len(streams)
			streams = append(streams, &stream{Labels: e.labels})
		}
		streams[i].Values = append(streams[i].Values, [2]string{strconv.FormatInt(at, 10), e.line})
	}
	if counts {
		success(w, map[string]any{"resultType": "matrix", "result": []map[string]any{{"metric": labels{}, "values": []any{[]any{to / 1e9, strconv.Itoa(n)}}}}})
		return
	}
	if streams == nil {
		streams = []*stream{}
	}
	success(w, map[string]any{"resultType": "streams", "result": streams, "stats": map[string]any{}})
}

// keeps reports whether a line passes the filters of a query.
func keeps(filters, line string) bool {
	for _, f := range lineForm.FindAllStringSubmatch(filters, -1) {
		text, err := strconv.Unquote(f[2])
		if err != nil {
			return false
		}
		if f[1] == "=" && !strings.Contains(line, text) {
			return false
		}
		if re, err := regexp.Compile(text); f[1] == "~" && (err != nil || !re.MatchString(line)) {
			return false
		}
	}
	return true
}
