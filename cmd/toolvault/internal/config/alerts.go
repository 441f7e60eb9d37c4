package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/audit/monitor"
	"toolvault/auth"
)

// Alerts is the "alerts" section: what the monitor looks for, and whom it tells.
type Alerts struct {
	Monitor monitor.Settings
	Webhook AlertHook
	Slack   *AlertSlack // nil: nothing is posted
}

// AlertHook is where alerts are posted.
type AlertHook struct {
	URL    string // as Notify.URL
	Secret string // as Notify.Secret
	Least  string // monitor.Low, Medium or High: what is less is not sent
}

// AlertSlack is a channel to which alerts are posted by one of our own agents.
type AlertSlack struct {
	Channel string
	Agent   string
	Least   string // as AlertHook's
}

var severities = []string{monitor.Low, monitor.Medium, monitor.High}

func (r *reader) alerts(n *node) {
	m := r.mapping(n, "alerts", "webhook", "slack", "per_hour", "hours", "rules", "agents")
	r.alertHook(m["webhook"])
	r.alertSlack(m["slack"])
	set := &r.Alerts.Monitor
	if n := m["per_hour"]; n != nil {
		set.PerHour = int(r.number(n, "alerts.per_hour", 1, 10_000))
	}
	set.All = r.alertSet(m, "alerts", monitor.Defaults())
	for _, p := range r.pairs(m["agents"], "alerts.agents", "a mapping from the id of an agent to its hours and rules") {
		field := "alerts.agents." + key(p.key)
		if err := auth.CheckAgentID(p.key); err != nil {
			r.fail(p.at, field, "this is not the id of an agent")
			continue
		}
		base := maps.Clone(monitor.Defaults())
		maps.Copy(base, set.All.Rules)
		if set.Agents == nil {
			set.Agents = map[string]monitor.Set{}
		}
		set.Agents[p.key] = r.alertSet(r.mapping(p.value, field, "hours", "rules"), field, base)
	}
}

// alertSet reads hours and rules; what a rule leaves out is as in base.
func (r *reader) alertSet(m map[string]*node, field string, base map[string]monitor.Rule) monitor.Set {
	set := monitor.Set{Hours: r.hours(m["hours"], field+".hours")}
	for _, p := range r.pairs(m["rules"], field+".rules", "a mapping from a rule to its settings") {
		at := field + ".rules." + key(p.key)
		if !slices.Contains(monitor.Rules(), p.key) {
			hint := didYouMean(p.key, monitor.Rules())
			if hint == "" {
				hint = "; there are " + strings.Join(monitor.Rules(), ", ")
			}
			r.fail(p.at, at, "there is no rule %s%s", show(p.key), hint)
			continue
		}
		if set.Rules == nil {
			set.Rules = map[string]monitor.Rule{}
		}
		set.Rules[p.key] = r.alertRule(p.key, base[p.key], p.value, at)
	}
	return set
}

// alertRule reads what the file says of one rule.
func (r *reader) alertRule(name string, rule monitor.Rule, n *node, field string) monitor.Rule {
	m := r.mapping(n, field, append([]string{"off", "severity"}, ruleKeys(name)...)...)
	rule.Off = r.flag(m["off"], field+".off")
	if s, ok := r.oneOf(m["severity"], field+".severity", severities...); ok {
		rule.Severity = s
	}
	if s, ok := r.oneOf(m["action"], field+".action", "none", monitor.ActionFreshToken, monitor.ActionSuspend); ok {
		if rule.Action = s; s == "none" {
			rule.Action = ""
		}
	}
	for _, word := range [...]string{"count", "megabytes"} {
		if n := m[word]; n != nil {
			rule.Count = r.number(n, field+"."+word, 1, 1e9)
		}
	}
	if n := m["ratio"]; n != nil {
		rule.Ratio = r.number(n, field+".ratio", 1, 1000)
	}
	if n := m["tools"]; n != nil {
		rule.Tools = int(r.number(n, field+".tools", 1, 32))
	}
	if n := m["window"]; n != nil {
		rule.Window = r.duration(n, field+".window", time.Minute, 24*time.Hour)
	}
	if s, ok := r.text(m["after"], field+".after"); ok {
		d, good := days(s)
		if !good || d > 365*24*time.Hour {
			r.fail(m["after"].at, field+".after", `this must be how long an agent has to be known, a year at most, such as "21d"`)
		}
		rule.After = d
	}
	return rule
}

// ruleKeys are the settings that a rule has besides off and severity.
func ruleKeys(rule string) []string {
	switch rule {
	case monitor.RuleSpike:
		return []string{"action", "count", "ratio"}
	case monitor.RuleHours:
		return []string{"action", "count", "after"}
	case monitor.RuleVolume:
		return []string{"action", "megabytes", "ratio"}
	case monitor.RuleDenials:
		return []string{"action", "count", "tools", "window"}
	case monitor.RuleAuth:
		return []string{"action", "count", "window"}
	case monitor.RuleReplayed:
		return []string{"action"}
	case monitor.RuleFirstUse, monitor.RuleNewClient:
		return []string{"action", "after"}
	case monitor.RuleSignIn, monitor.RuleTokenRefused, monitor.RuleRefresh: // no agent is to blame
		return []string{"count", "window"}
	}
	return nil
}

func (r *reader) alertHook(n *node) {
	m := r.mapping(n, "alerts.webhook", "url", "secret", "least")
	hook := &r.Alerts.Webhook
	if s, ok := r.text(m["url"], "alerts.webhook.url"); ok {
		switch _, err := endpointURL(s); {
		case IsReference(s):
			hook.URL = r.reference(s, m["url"].at, "alerts.webhook.url", kindEnv, kindFile)
		case err != nil:
			r.fail(m["url"].at, "alerts.webhook.url", "%v", err)
		default:
			hook.URL = s
		}
	}
	if s, ok := r.text(m["secret"], "alerts.webhook.secret"); ok {
		hook.Secret = r.reference(s, m["secret"].at, "alerts.webhook.secret", kindEnv, kindFile)
	}
	if n != nil && m["url"] == nil {
		r.fail(n.at, "alerts.webhook", "this needs a url: where to send alerts")
	}
	hook.Least, _ = r.oneOf(m["least"], "alerts.webhook.least", severities...)
}

func (r *reader) alertSlack(n *node) {
	if n == nil {
		return
	}
	m := r.mapping(n, "alerts.slack", "channel", "agent", "least")
	var s AlertSlack
	s.Channel, _ = r.required(m["channel"], n.at, "alerts.slack", `this needs a channel to post to, such as "#ops"`)
	s.Agent, _ = r.required(m["agent"], n.at, "alerts.slack", "this needs an agent that posts, one of this file that has a Slack credential")
	s.Least, _ = r.oneOf(m["least"], "alerts.slack.least", severities...)
	r.Alerts.Slack = &s
}

// alertsNamed checks, when all agents are known, that the one exists that posts.
func (r *reader) alertsNamed() {
	s := r.Alerts.Slack
	if s == nil || s.Agent == "" {
		return
	}
	var ids []string
	for _, a := range r.Agents {
		ids = append(ids, a.ID)
	}
	if !slices.Contains(ids, s.Agent) {
		r.fail(r.places["alerts.slack.agent"], "alerts.slack.agent", "there is no agent %s in this file%s", show(s.Agent), didYouMean(s.Agent, ids))
	}
}

// oneOf reads one of some words.
func (r *reader) oneOf(n *node, field string, words ...string) (string, bool) {
	s, ok := r.text(n, field)
	if ok && !slices.Contains(words, s) {
		r.fail(n.at, field, "this must be one of %s%s", strings.Join(words, ", "), didYouMean(s, words))
		return "", false
	}
	return s, ok
}

// number reads one within bounds.
func (r *reader) number(n *node, field string, least, most float64) float64 {
	f, err := strconv.ParseFloat(n.text, 64)
	if n.kind != literal || err != nil || math.IsNaN(f) || f < least || f > most {
		r.fail(n.at, field, "this must be a number from %v to %v", least, most)
		return least
	}
	return f
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// hours reads when agents are expected to work.
func (r *reader) hours(n *node, field string) *monitor.Hours {
	if n == nil {
		return nil
	}
	m := r.mapping(n, field, "days", "from", "to", "zone")
	h := &monitor.Hours{Zone: time.UTC}
	for i := range h.Days {
		h.Days[i] = m["days"] == nil
	}
	if s, ok := r.text(m["days"], field+".days"); ok {
		if h.Days, ok = daysOf(s); !ok {
			r.fail(m["days"].at, field+".days", `this must be days of the week, such as "mon-fri" or "mon, wed, sat"`)
		}
	}
	for _, end := range []struct {
		word string
		into *time.Duration
	}{{"from", &h.From}, {"to", &h.To}} {
		at := field + "." + end.word
		s, ok := r.required(m[end.word], n.at, field, fmt.Sprintf(`hours need from and to, such as { from: "07:00", to: "20:00" }: %s is missing`, end.word))
		if !ok {
			continue
		}
		t, err := time.Parse("15:04", s)
		if err != nil && s != "24:00" {
			r.fail(m[end.word].at, at, `this must be a time of day, such as "07:00"`)
			continue
		}
		*end.into = time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
		if s == "24:00" {
			*end.into = 24 * time.Hour
		}
	}
	if s, ok := r.text(m["zone"], field+".zone"); ok {
		zone, err := time.LoadLocation(s)
		if err != nil || s == "Local" {
			r.fail(m["zone"].at, field+".zone", `this must be the name of a time zone, such as "Europe/Berlin"`)
			return h
		}
		h.Zone = zone
	}
	return h
}

// daysOf reads days of the week: single ones, and from one to another.
func daysOf(s string) (set [7]bool, ok bool) {
	for part := range strings.SplitSeq(s, ",") {
		first, last, several := strings.Cut(strings.ToLower(strings.TrimSpace(part)), "-")
		if !several {
			last = first
		}
		i, k := slices.Index(weekdays, strings.TrimSpace(first)), slices.Index(weekdays, strings.TrimSpace(last))
		if i < 0 || k < 0 {
			return set, false
		}
		for ; ; i = (i + 1) % 7 {
			set[i] = true
			if i == k {
				break
			}
		}
	}
	return set, true
}
