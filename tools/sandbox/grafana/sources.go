package grafana

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/pattern"
)

// source is a data source.
type source struct {
	org         int64
	id          int
	uid, name   string
	kind        string
	main        bool
	noResources bool // the way by its resources is refused, as of Amazon's managed Prometheus
	onlyGet     bool // it answers a POST with 500
}

func (s source) public() map[string]any {
	method := "POST"
	if s.onlyGet {
		method = "GET"
	}
	return map[string]any{
		"id": s.id, "uid": s.uid, "orgId": s.org, "name": s.name, "type": s.kind, "typeName": s.name, "typeLogoUrl": "", "access": "proxy",
		"url": "http://internal:9090", "user": "", "database": "", "basicAuth": false, "isDefault": s.main, "readOnly": false,
		"jsonData": map[string]any{"httpMethod": method},
	}
}

func (g *grafana) source(org int64, uid string) *source {
	for i := range g.sources {
		if g.sources[i].org == org && g.sources[i].uid == uid {
			return &g.sources[i]
		}
	}
	return nil
}

func (g *grafana) listSources(w http.ResponseWriter, _ *http.Request, c caller) {
	all := []map[string]any{}
	for _, s := range g.sources {
		if s.org == c.org {
			all = append(all, s.public())
		}
	}
	answer(w, http.StatusOK, all)
}

func (g *grafana) getSource(w http.ResponseWriter, r *http.Request, c caller) {
	if s := g.source(c.org, r.PathValue("id")); s != nil {
		answer(w, http.StatusOK, s.public())
		return
	}
	said(w, http.StatusNotFound, "Data source not found")
}

func (g *grafana) resource(w http.ResponseWriter, r *http.Request, c caller) {
	s := g.source(c.org, r.PathValue("id"))
	switch {
	case s == nil:
		said(w, http.StatusNotFound, "Data source not found")
	case s.noResources:
		said(w, http.StatusForbidden, "plugin resources are not available for this data source")
	default:
		g.through(w, r, *s)
	}
}

func (g *grafana) proxy(w http.ResponseWriter, r *http.Request, c caller) {
	if s := g.source(c.org, r.PathValue("id")); s != nil {
		g.through(w, r, *s)
		return
	}
	said(w, http.StatusNotFound, "Unable to find datasource")
}

// through hands a request on to what is behind a data source.
func (g *grafana) through(w http.ResponseWriter, r *http.Request, s source) {
	path := r.PathValue("path")
	if s.onlyGet && r.Method == http.MethodPost {
		said(w, http.StatusInternalServerError, "An unexpected error happened")
		return
	}
	switch {
	case s.uid == "prom-main" && g.Prometheus != "":
		pass(w, r, g.Prometheus+"/"+path)
	case strings.Contains(s.kind, "prometheus"):
		g.prometheus(w, r, path)
	case s.kind == "loki":
		g.loki(w, r, path)
	default:
		said(w, http.StatusNotFound, "Not found")
	}
}

// pass makes the same request elsewhere, without the credential, and answers what
// comes of it.
func pass(w http.ResponseWriter, r *http.Request, to string) {
	sent, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
	if err != nil {
		said(w, http.StatusBadRequest, "bad request data")
		return
	}
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, to, bytes.NewReader(sent))
	if err != nil {
		said(w, http.StatusBadGateway, "bad gateway")
		return
	}
	req.Header.Set("Content-Type", r.Header.Get("Content-Type"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		said(w, http.StatusBadGateway, "bad gateway")
		return
	}
	defer func() { _ = resp.Body.Close() }()
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, io.LimitReader(resp.Body, 32<<20))
}

// labels and values that a selector leaves: a stream of a log, or a series.
type labels map[string]string

var (
	selectorForm = pattern.New(`^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(?:\{([^{}]*)\})?\s*$`)
	conditions   = pattern.New(`^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)`)
)

// selector reads name{label="value", …}; the fault is what is wrong with it.
func selector(text string) (match func(labels) bool, fault string) {
	m := selectorForm.FindStringSubmatch(text)
	if m == nil || m[1] == "" && strings.TrimSpace(m[2]) == "" {
		return nil, fmt.Sprintf("1:%d: parse error: unexpected end of input", len(text)+1)
	}
	var all []func(labels) bool
	if m[1] != "" {
		all = append(all, func(l labels) bool { return l["__name__"] == m[1] })
	}
	for rest := m[2]; strings.TrimSpace(rest) != ""; {
		c := conditions.FindStringSubmatch(rest)
		if c == nil {
			return nil, "1:1: parse error: unexpected character inside braces"
		}
		rest = rest[len(c[0]):]
		value, err := strconv.Unquote(`"` + c[3] + `"`)
		if err != nil {
			return nil, "1:1: parse error: invalid string"
		}
		re, err := regexp.Compile("^(?:" + value + ")$")
		if err != nil && strings.HasSuffix(c[2], "~") {
			return nil, "1:1: parse error: error parsing regexp"
		}
		all = append(all, func(l labels) bool {
			switch c[2] {
			case "=":
				return l[c[1]] == value
			case "!=":
				return l[c[1]] != value
			case "=~":
				return re.MatchString(l[c[1]])
			}
			return !re.MatchString(l[c[1]])
		})
	}
	return func(l labels) bool {
		return !slices.ContainsFunc(all, func(f func(labels) bool) bool { return !f(l) })
	}, ""
}

// params are those of the query and of a form.
func params(r *http.Request) url.Values {
	_ = r.ParseForm()
	return r.Form
}

// badData is how Prometheus refuses.
func badData(w http.ResponseWriter, message string) {
	answer(w, http.StatusBadRequest, map[string]any{"status": "error", "errorType": "bad_data", "error": message})
}

func success(w http.ResponseWriter, data any) {
	answer(w, http.StatusOK, map[string]any{"status": "success", "data": data})
}

// names lists labels, or the values of one, of those that match.
func names(all []labels, label string, match func(labels) bool) []string {
	seen := map[string]bool{}
	for _, l := range all {
		if match != nil && !match(l) {
			continue
		}
		for k, v := range l {
			if label == "" {
				seen[k] = true
			} else if k == label {
				seen[v] = true
			}
		}
	}
	list := make([]string, 0, len(seen))
	for k := range seen {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}

// instant reads a time of a request: seconds since 1970, or RFC 3339.
func instant(text string, otherwise time.Time) (time.Time, bool) {
	if text == "" {
		return otherwise, true
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return time.UnixMilli(int64(f * 1000)).UTC(), true
	}
	t, err := time.Parse(time.RFC3339, text)
	return t, err == nil
}
