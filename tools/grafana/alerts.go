package grafana

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

const maxAlerts = 5 // of a rule that are shown

func (s *service) alertTools() []tools.Tool {
	return []tools.Tool{tools.New("grafana_list_alerts", s.listAlerts), tools.New("grafana_get_alert_rule", s.getRule)}
}

// ruleState is a rule and how it stands: GET /api/prometheus/grafana/api/v1/rules.
type ruleState struct {
	UID         string            `json:"uid"`
	Name        string            `json:"name"`
	State       string            `json:"state"`
	Health      string            `json:"health"`
	LastError   string            `json:"lastError"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Type        string            `json:"type"` // alerting, recording
	Alerts      []struct {
		Labels map[string]string `json:"labels"`
		State  string            `json:"state"`
		Since  string            `json:"activeAt"`
		Value  string            `json:"value"`
	} `json:"alerts"`
	Totals map[string]int `json:"totals"`

	folder, group string
}

// rules lists all rules, of a folder where one is named.
func (s *service) rules(ctx context.Context, c *upstream.Client, folder string) ([]ruleState, error) {
	q := url.Values{"limit_alerts": {strconv.Itoa(maxAlerts)}}
	if folder != "" {
		q.Set("folder_uid", folder)
	}
	var r struct {
		Data struct {
			Groups []struct {
				Name   string      `json:"name"`
				Folder string      `json:"folderUid"`
				Rules  []ruleState `json:"rules"`
			} `json:"groups"`
		} `json:"data"`
	}
	if err := s.get(ctx, c, "/api/prometheus/grafana/api/v1/rules", q, &r); err != nil {
		return nil, err
	}
	var all []ruleState
	for _, g := range r.Data.Groups {
		if folder != "" && g.Folder != folder { // before version 11.4 it is passed over
			continue
		}
		for _, rule := range g.Rules {
			if rule.group, rule.folder = g.Name, g.Folder; uidForm.MatchString(rule.UID) {
				all = append(all, rule)
			}
		}
	}
	return all, nil
}

// Alert is one of what a rule watches, and is in trouble.
type Alert struct {
	Labels string `json:"labels"`
	State  string `json:"state"`
	Since  string `json:"since,omitempty"`
	Value  string `json:"value,omitempty"`
}

// Rule is an alert rule and how it stands.
type Rule struct {
	UID       string  `json:"uid"`
	Title     string  `json:"title"`
	State     string  `json:"state"` // firing, pending, recovering, inactive
	Health    string  `json:"health,omitempty"`
	FolderUID string  `json:"folder_uid,omitempty"`
	Group     string  `json:"group,omitempty"`
	Labels    string  `json:"labels,omitempty"`
	Summary   string  `json:"summary,omitempty"`
	Error     string  `json:"error,omitempty"` // of the last evaluation
	Alerts    []Alert `json:"alerts,omitempty"`
	More      int     `json:"more_alerts,omitempty"`
}

// Rules is the answer of grafana_list_alerts.
type Rules struct {
	Rules []Rule `json:"rules"`
	Total int    `json:"total"`
	Next  string `json:"next_cursor,omitempty"`
	Link  string `json:"link"`
}

// Text is a rule to a line, with its alerts below.
func (r Rules) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rules. Links are like %s\n", r.Total, r.Link)
	for _, i := range r.Rules {
		fmt.Fprintf(&b, "%s  %s  %s", i.State, i.UID, upstream.Quote(i.Title))
		if i.Health != "" {
			b.WriteString("  health " + i.Health)
		}
		if i.FolderUID != "" {
			fmt.Fprintf(&b, "  in folder %s, group %s", i.FolderUID, upstream.Quote(i.Group))
		}
		if i.Labels != "" {
			b.WriteString("  " + upstream.Quote(i.Labels))
		}
		b.WriteByte('\n')
		for _, said := range []string{i.Summary, i.Error} {
			if said != "" {
				b.WriteString("  " + upstream.Quote(said) + "\n")
			}
		}
		for _, a := range i.Alerts {
			fmt.Fprintf(&b, "  %s since %s, %s: %s\n", a.State, a.Since, upstream.Quote(a.Labels), upstream.Quote(a.Value))
		}
		if i.More > 0 {
			fmt.Fprintf(&b, "  and %d more\n", i.More)
		}
	}
	if r.Next != "" {
		fmt.Fprintf(&b, "There is more. next_cursor: %s\n", r.Next)
	}
	return b.String()
}

// AlertsArgs are those of grafana_list_alerts.
type AlertsArgs struct {
	State  string `json:"state"`
	Folder string `json:"folder"`
	Search string `json:"search"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

func (s *service) listAlerts(ctx context.Context, c *upstream.Client, in AlertsArgs) (Rules, error) {
	asked := in
	asked.Cursor = ""
	at, err := tools.OpenPosition(asked, in.Cursor)
	if err != nil {
		return Rules{}, err
	}
	var folder hit
	if in.Folder != "" {
		if folder, err = s.folder(ctx, c, in.Folder); err != nil {
			return Rules{}, err
		}
	}
	all, err := s.rules(ctx, c, folder.UID)
	if err != nil {
		return Rules{}, err
	}
	found := []Rule{}
	for _, rule := range all {
		state := strings.ToLower(rule.State)
		if in.State == "firing" && state != "firing" || in.State == "pending" && state != "pending" || in.State == "inactive" && state != "inactive" ||
			in.State == "error" && rule.Health == "ok" || in.State == "active" && state == "inactive" && rule.Health == "ok" ||
			!strings.Contains(strings.ToLower(rule.Name), strings.ToLower(in.Search)) || rule.Type == "recording" {
			continue
		}
		found = append(found, rule.shown())
	}
	out := Rules{Total: len(found), Link: c.BaseURL() + "/alerting/grafana/UID/view"}
	out.Rules, out.Next = tools.Page(asked, at, found, in.Limit, "")
	return out, nil
}

func (r ruleState) shown() Rule {
	out := Rule{
		UID: r.UID, Title: upstream.Clean(r.Name, 150), State: word(strings.ToLower(r.State), "unknown"), Group: upstream.Clean(r.group, 100),
		Summary: upstream.Clean(r.Annotations["summary"], 300), Error: upstream.Clean(r.LastError, 300),
	}
	if r.Health != "ok" {
		out.Health = word(r.Health, "")
	}
	if uidForm.MatchString(r.folder) {
		out.FolderUID = r.folder
	}
	if len(r.Labels) > 0 {
		out.Labels = labelled(r.Labels)
	}
	troubled := 0
	for state, n := range r.Totals {
		if n > 0 && n < 1_000_000 && state != "normal" && state != "inactive" {
			troubled += n
		}
	}
	for _, a := range r.Alerts {
		state := strings.ToLower(a.State)
		if state == "normal" || state == "inactive" || len(out.Alerts) == maxAlerts {
			continue
		}
		out.Alerts = append(out.Alerts, Alert{labelled(a.Labels), word(state, "unknown"), moment(a.Since), upstream.Clean(a.Value, 120)})
	}
	out.More = max(0, troubled-len(out.Alerts))
	return out
}

// RuleArgs are those of grafana_get_alert_rule.
type RuleArgs struct {
	Rule string `json:"rule"`
}

// RuleQuery is a query or an expression of a rule.
type RuleQuery struct {
	Ref        string `json:"ref"`
	Datasource string `json:"datasource"` // uid; __expr__ for an expression
	Query      string `json:"query"`
}

// RuleDetail is the answer of grafana_get_alert_rule.
type RuleDetail struct {
	UID         string            `json:"uid"`
	Title       string            `json:"title"`
	FolderUID   string            `json:"folder_uid,omitempty"`
	Group       string            `json:"group,omitempty"`
	Condition   string            `json:"condition"` // the ref that decides
	For         string            `json:"for,omitempty"`
	NoData      string            `json:"no_data,omitempty"`
	OnError     string            `json:"on_error,omitempty"`
	Paused      bool              `json:"paused,omitempty"`
	Provenance  string            `json:"provenance,omitempty"`
	Receiver    string            `json:"receiver,omitempty"`
	Labels      string            `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Queries     []RuleQuery       `json:"queries"`
	Updated     string            `json:"updated,omitempty"`
	Link        string            `json:"link"`
}

// Text is the rule in a few lines.
func (r RuleDetail) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "rule %s  %s  %s\n", r.UID, upstream.Quote(r.Title), r.Link)
	if r.FolderUID != "" {
		fmt.Fprintf(&b, "in folder %s, group %s\n", r.FolderUID, upstream.Quote(r.Group))
	}
	if r.Paused {
		b.WriteString("it is paused\n")
	}
	fmt.Fprintf(&b, "fires when %s holds for %s; no data: %s, error: %s\n", upstream.Quote(r.Condition), upstream.Quote(r.For), r.NoData, r.OnError)
	for _, q := range r.Queries {
		fmt.Fprintf(&b, "query %s of %s: %s\n", upstream.Quote(q.Ref), q.Datasource, upstream.Quote(q.Query))
	}
	for _, l := range []struct{ name, value string }{{"labels", r.Labels}, {"goes to", r.Receiver}, {"provisioned by", r.Provenance}} {
		if l.value != "" {
			fmt.Fprintf(&b, "%s %s\n", l.name, upstream.Quote(l.value))
		}
	}
	for _, k := range keys(r.Annotations) {
		fmt.Fprintf(&b, "%s\n", upstream.Quote(k+": "+r.Annotations[k]))
	}
	return b.String()
}

func (s *service) getRule(ctx context.Context, c *upstream.Client, in RuleArgs) (RuleDetail, error) {
	uid := strings.TrimSpace(in.Rule)
	r, err := s.ruleModel(ctx, c, uid)
	if notFound(err) {
		all, listErr := s.rules(ctx, c, "")
		if listErr != nil {
			return RuleDetail{}, listErr
		}
		named := make([]names.Named, len(all))
		for i, rule := range all {
			named[i] = names.Named{ID: rule.UID, Name: rule.Name}
		}
		one, pickErr := names.Pick("alert rule", uid, named, "grafana_list_alerts")
		if pickErr != nil {
			return RuleDetail{}, pickErr
		}
		uid = one.ID
		r, err = s.ruleModel(ctx, c, uid)
	}
	if err != nil {
		return RuleDetail{}, err
	}
	return r.shown(uid, c.BaseURL()), nil
}

// ruleModel is a rule as it is defined: GET /api/v1/provisioning/alert-rules/{UID}.
type ruleModel struct {
	Title       string            `json:"title"`
	Folder      string            `json:"folderUID"`
	Group       string            `json:"ruleGroup"`
	Condition   string            `json:"condition"`
	For         string            `json:"for"`
	NoData      string            `json:"noDataState"`
	OnError     string            `json:"execErrState"`
	Paused      bool              `json:"isPaused"`
	Provenance  string            `json:"provenance"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Updated     string            `json:"updated"`
	Settings    struct {
		Receiver string `json:"receiver"`
	} `json:"notification_settings"`
	Data []struct {
		Ref    string          `json:"refId"`
		Source string          `json:"datasourceUid"`
		Model  json.RawMessage `json:"model"`
	} `json:"data"`
}

// ruleModel asks for a rule by what may be its uid.
func (s *service) ruleModel(ctx context.Context, c *upstream.Client, uid string) (ruleModel, error) {
	var r ruleModel
	if !uidForm.MatchString(uid) {
		return r, fault.New(fault.NotFound, "That is no uid.")
	}
	err := s.get(ctx, c, "/api/v1/provisioning/alert-rules/"+url.PathEscape(uid), nil, &r)
	return r, err
}

func (r ruleModel) shown(uid, base string) RuleDetail {
	out := RuleDetail{
		UID: uid, Title: upstream.Clean(r.Title, 200), Group: upstream.Clean(r.Group, 100), Condition: upstream.Clean(r.Condition, 20),
		For: upstream.Clean(r.For, 20), NoData: word(r.NoData, ""), OnError: word(r.OnError, ""), Paused: r.Paused,
		Provenance: upstream.Clean(r.Provenance, 40), Receiver: upstream.Clean(r.Settings.Receiver, 100), Queries: []RuleQuery{},
		Updated: upstream.Clean(r.Updated, 40), Link: base + "/alerting/grafana/" + uid + "/view",
	}
	if uidForm.MatchString(r.Folder) {
		out.FolderUID = r.Folder
	}
	if len(r.Labels) > 0 {
		out.Labels = labelled(r.Labels)
	}
	for _, k := range keys(r.Annotations)[:min(len(r.Annotations), 10)] {
		if out.Annotations == nil {
			out.Annotations = map[string]string{}
		}
		out.Annotations[upstream.Clean(k, 60)] = upstream.CleanLines(r.Annotations[k], 500)
	}
	for _, q := range r.Data[:min(len(r.Data), maxQueries)] {
		said := expression(decoded(q.Model))
		if said == "" { // a threshold, a reduction: short
			said = string(q.Model)
		}
		out.Queries = append(out.Queries, RuleQuery{upstream.Clean(q.Ref, 20), word(q.Source, "__expr__"), upstream.CleanLines(said, maxQueryText)})
	}
	return out
}
