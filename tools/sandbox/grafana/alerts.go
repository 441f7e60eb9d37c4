package grafana

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// rule is an alert rule and how it stands.
type rule struct {
	uid, title, folder, group string
	state, health, fault      string
	expr, above, summary      string
	labels                    labels
	firing                    []labels
	since                     time.Duration // before now
}

func (g *grafana) listRules(w http.ResponseWriter, r *http.Request, c caller) {
	folder := r.URL.Query().Get("folder_uid")
	limit, err := strconv.Atoi(r.URL.Query().Get("limit_alerts"))
	groups := []map[string]any{}
	for _, rule := range g.rules {
		if c.org != 1 || folder != "" && rule.folder != folder {
			continue
		}
		alerts := []any{}
		for _, l := range rule.firing {
			if err == nil && len(alerts) == limit {
				break
			}
			alerts = append(alerts, map[string]any{
				"labels": l, "annotations": labels{"summary": rule.summary}, "state": "Alerting", "activeAt": g.now().Add(-rule.since).UTC().Format(time.RFC3339), "value": "6e+00",
			})
		}
		title, _ := g.folderTitle(1, rule.folder)
		groups = append(groups, map[string]any{"name": rule.group, "file": title, "folderUid": rule.folder, "interval": 60, "rules": []any{map[string]any{
			"uid": rule.uid, "name": rule.title, "state": rule.state, "health": rule.health, "lastError": rule.fault, "type": "alerting", "query": rule.expr,
			"labels": rule.labels, "annotations": labels{"summary": rule.summary}, "alerts": alerts, "totals": map[string]int{"alerting": len(rule.firing)}, "folderUid": rule.folder,
		}}})
	}
	answer(w, http.StatusOK, map[string]any{"status": "success", "data": map[string]any{"groups": groups, "totals": map[string]int{}}})
}

func (g *grafana) getRule(w http.ResponseWriter, r *http.Request, c caller) {
	for _, rule := range g.rules {
		if c.org != 1 || rule.uid != r.PathValue("id") {
			continue
		}
		answer(w, http.StatusOK, map[string]any{
			"id": 1, "uid": rule.uid, "orgID": 1, "folderUID": rule.folder, "ruleGroup": rule.group, "title": rule.title, "condition": "C",
			"for": "5m", "noDataState": "NoData", "execErrState": "Error", "isPaused": false, "labels": rule.labels, "provenance": "",
			"annotations": labels{"summary": rule.summary}, "updated": "2026-11-20T09:00:00Z", "notification_settings": map[string]any{"receiver": "support-oncall"},
			"data": []any{
				map[string]any{"refId": "A", "datasourceUid": "prom-main", "queryType": "", "relativeTimeRange": map[string]int{"from": 600, "to": 0}, "model": map[string]any{"refId": "A", "expr": rule.expr, "instant": true}},
				map[string]any{"refId": "C", "datasourceUid": "__expr__", "queryType": "", "relativeTimeRange": map[string]int{"from": 0, "to": 0}, "model": map[string]any{"refId": "C", "type": "math", "expression": "$A > " + rule.above}},
			},
		})
		return
	}
	w.WriteHeader(http.StatusNotFound)
}

const silencesPath = "/api/alertmanager/grafana/api/v2/silence"

// silence is one, as the Alertmanager's API shows it.
type silence struct {
	id, by, comment string
	matchers        []any
	starts, ends    time.Time
}

func (s *silence) state(now time.Time) string {
	switch {
	case !now.Before(s.ends):
		return "expired"
	case now.Before(s.starts):
		return "pending"
	}
	return "active"
}

func (s *silence) public(now time.Time) map[string]any {
	return map[string]any{
		"id": s.id, "status": map[string]string{"state": s.state(now)}, "matchers": s.matchers, "createdBy": s.by, "comment": s.comment,
		"startsAt": s.starts.UTC().Format(time.RFC3339Nano), "endsAt": s.ends.UTC().Format(time.RFC3339Nano), "updatedAt": s.starts.UTC().Format(time.RFC3339Nano),
	}
}

// real hands a request on to a real Alertmanager, where there is one.
func (g *grafana) real(w http.ResponseWriter, r *http.Request) bool {
	if g.Alertmanager == "" {
		return false
	}
	pass(w, r, g.Alertmanager+strings.TrimPrefix(r.URL.EscapedPath(), "/api/alertmanager/grafana"))
	return true
}

func (g *grafana) listSilences(w http.ResponseWriter, r *http.Request, _ caller) {
	if g.real(w, r) {
		return
	}
	all := []map[string]any{}
	for _, s := range g.silences {
		all = append(all, s.public(g.now()))
	}
	answer(w, http.StatusOK, all)
}

func (g *grafana) silence(id string) *silence {
	for _, s := range g.silences {
		if s.id == id {
			return s
		}
	}
	return nil
}

func (g *grafana) getSilence(w http.ResponseWriter, r *http.Request, _ caller) {
	if g.real(w, r) {
		return
	}
	if s := g.silence(r.PathValue("id")); s != nil {
		answer(w, http.StatusOK, s.public(g.now()))
		return
	}
	said(w, http.StatusNotFound, "silence not found")
}

func (g *grafana) postSilence(w http.ResponseWriter, r *http.Request, _ caller) {
	if g.real(w, r) {
		return
	}
	m := body(w, r)
	if m == nil {
		return
	}
	s := &silence{}
	s.by, _ = m["createdBy"].(string)
	s.comment, _ = m["comment"].(string)
	s.matchers, _ = m["matchers"].([]any)
	from, _ := m["startsAt"].(string)
	to, _ := m["endsAt"].(string)
	var err1, err2 error
	s.starts, err1 = time.Parse(time.RFC3339Nano, from)
	s.ends, err2 = time.Parse(time.RFC3339Nano, to)
	switch {
	case err1 != nil || err2 != nil || len(s.matchers) == 0 || s.by == "" || s.comment == "":
		said(w, http.StatusUnprocessableEntity, "validation failure list: comment, createdBy, startsAt, endsAt and matchers are required")
		return
	case !s.ends.After(s.starts) || !s.ends.After(g.now()):
		said(w, http.StatusBadRequest, "invalid silence: end time must not be in the past")
		return
	case !someMatch(s.matchers):
		said(w, http.StatusBadRequest, "invalid silence: at least one matcher must not match the empty string")
		return
	}
	n := g.next()
	s.id = fmt.Sprintf("5b0c1f7e-3f1d-4a55-9a3e-%012d", n)
	g.silences = append(g.silences, s)
	answer(w, http.StatusAccepted, map[string]string{"silenceID": s.id})
}

// someMatch reports whether a matcher of all asks for a label to be there.
func someMatch(all []any) bool {
	for _, v := range all {
		m, _ := v.(map[string]any)
		name, _ := m["name"].(string)
		value, isText := m["value"].(string)
		isRegex, ok := m["isRegex"].(bool)
		if name == "" || !isText || !ok {
			return false
		}
		equal, said := m["isEqual"].(bool)
		re, err := regexp.Compile("^(?:" + value + ")$")
		if isRegex && err != nil {
			return false
		}
		if (!said || equal) && (!isRegex && value != "" || isRegex && !re.MatchString("")) {
			return true
		}
	}
	return false
}

func (g *grafana) deleteSilence(w http.ResponseWriter, r *http.Request, _ caller) {
	if g.real(w, r) {
		return
	}
	s := g.silence(r.PathValue("id"))
	switch {
	case s == nil:
		said(w, http.StatusNotFound, "silence not found")
	case s.state(g.now()) == "expired":
		said(w, http.StatusInternalServerError, "silence "+s.id+" already expired")
	default:
		s.ends = g.now()
		said(w, http.StatusOK, "silence deleted")
	}
}

// annotation is a mark on the time axis.
type annotation struct {
	id             int
	at, end        time.Time
	text, by       string
	tags           []string
	board          string
	panel          int
	previous, next string // of an alert
}

func (g *grafana) listAnnotations(w http.ResponseWriter, r *http.Request, c caller) {
	q := r.URL.Query()
	limit := 100
	if n, err := strconv.Atoi(q.Get("limit")); err == nil && n > 0 {
		limit = n
	}
	from, err1 := strconv.ParseInt(q.Get("from"), 10, 64)
	to, err2 := strconv.ParseInt(q.Get("to"), 10, 64)
	all := []map[string]any{}
	for i := len(g.annotations) - 1; i >= 0 && len(all) < limit && c.org == 1; i-- {
		a := g.annotations[i]
		kind := map[bool]string{true: "alert", false: "annotation"}[a.next != ""]
		if err1 == nil && a.end.UnixMilli() < from || err2 == nil && a.at.UnixMilli() > to || q.Get("type") != "" && q.Get("type") != kind ||
			q.Get("dashboardUID") != "" && q.Get("dashboardUID") != a.board || !hasAll(a.tags, q["tags"]) {
			continue
		}
		all = append(all, map[string]any{
			"id": a.id, "time": a.at.UnixMilli(), "timeEnd": a.end.UnixMilli(), "text": a.text, "tags": a.tags, "dashboardUID": a.board, "panelId": a.panel,
			"login": a.by, "userId": 1, "created": a.at.UnixMilli(), "updated": a.at.UnixMilli(), "alertName": "", "prevState": a.previous, "newState": a.next,
		})
	}
	answer(w, http.StatusOK, all)
}

func hasAll(have, want []string) bool {
	for _, t := range want {
		found := false
		for _, h := range have {
			found = found || h == t
		}
		if !found {
			return false
		}
	}
	return true
}

func (g *grafana) postAnnotation(w http.ResponseWriter, r *http.Request, c caller) {
	m := body(w, r)
	if m == nil {
		return
	}
	a := &annotation{by: c.name, tags: []string{}, panel: intOf(m["panelId"])}
	a.text, _ = m["text"].(string)
	a.board, _ = m["dashboardUID"].(string)
	list, _ := m["tags"].([]any)
	for _, t := range list {
		a.tags = append(a.tags, fmt.Sprint(t))
	}
	if a.text == "" {
		said(w, http.StatusBadRequest, "Failed to save annotation")
		return
	}
	if a.board != "" && g.board(c.org, a.board) == nil {
		said(w, http.StatusNotFound, "Dashboard not found")
		return
	}
	a.at, a.end = g.now(), g.now()
	if n, ok := m["time"].(json.Number); ok {
		ms, _ := n.Int64()
		a.at, a.end = time.UnixMilli(ms), time.UnixMilli(ms)
	}
	if n, ok := m["timeEnd"].(json.Number); ok {
		ms, _ := n.Int64()
		a.end = time.UnixMilli(ms)
	}
	a.id = g.next()
	g.annotations = append(g.annotations, a)
	answer(w, http.StatusOK, map[string]any{"id": a.id, "message": "Annotation added"})
}
