package config_test

import (
	"strings"
	"testing"
	"time"

	"toolvault/audit/monitor"
	"toolvault/cmd/toolvault/internal/config"
)

func TestAlerts(t *testing.T) {
	cfg, err := config.Parse("c.yaml", []byte(`
alerts:
  webhook: { url: "https://example.com/x", secret: "env:S", least: medium }
  slack: { channel: "#ops", agent: bot }
  per_hour: 5
  hours: { days: "mon-fri", from: "07:30", to: "20:00", zone: Europe/Berlin }
  rules:
    spike: { count: 500, ratio: 4, severity: high }
    denials: { action: suspend, window: 5m, tools: 3 }
    first_use: { off: true }
    data_volume: { megabytes: 1.5 }
  agents:
    night: { hours: { from: "22:00", to: "04:00" }, rules: { spike: { count: 9000 }, new_client: { after: 30d }, denials: { action: none } } }
agents:
  - { agentId: bot, credentials: [] }
`), config.Known{})
	if err != nil {
		t.Fatal(err)
	}
	a := cfg.Alerts
	if a.Webhook != (config.AlertHook{URL: "https://example.com/x", Secret: "env:S", Least: "medium"}) || *a.Slack != (config.AlertSlack{Channel: "#ops", Agent: "bot"}) {
		t.Errorf("%+v %+v", a.Webhook, a.Slack)
	}
	all, night := a.Monitor.All, a.Monitor.Agents["night"]
	defaults := monitor.Defaults()
	if r := all.Rules["spike"]; r.Count != 500 || r.Ratio != 4 || r.Severity != "high" {
		t.Errorf("spike: %+v", r)
	}
	if r := all.Rules["denials"]; r.Action != monitor.ActionSuspend || r.Window != 5*time.Minute || r.Tools != 3 || r.Count != defaults["denials"].Count {
		t.Errorf("denials: %+v", r)
	}
	if r := night.Rules["spike"]; r.Count != 9000 || r.Ratio != 4 || r.Severity != "high" {
		t.Errorf("spike of an agent is not as for all where it says nothing else: %+v", r)
	}
	if r := night.Rules["denials"]; r.Action != "" || r.Tools != 3 {
		t.Errorf("denials of an agent: %+v", r)
	}
	if !all.Rules["first_use"].Off || all.Rules["data_volume"].Count != 1.5 || night.Rules["new_client"].After != 30*24*time.Hour || a.Monitor.PerHour != 5 {
		t.Errorf("%+v", a.Monitor)
	}
	if h := all.Hours; h.Days != [7]bool{false, true, true, true, true, true, false} || h.From != 7*time.Hour+30*time.Minute || h.To != 20*time.Hour || h.Zone.String() != "Europe/Berlin" {
		t.Errorf("hours: %+v", h)
	}
	if h := night.Hours; h.Days != [7]bool{true, true, true, true, true, true, true} || h.From != 22*time.Hour || h.To != 4*time.Hour {
		t.Errorf("hours of an agent: %+v", h)
	}
}

func TestAlertsThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		`webhook: { secret: "env:S" }`:                                "1:20: alerts.webhook: this needs a url",
		`webhook: { url: "http://example.com" }`:                      "use https",
		`webhook: { url: "https://e.example", least: mild }`:          "one of low, medium, high",
		`slack: { channel: "#ops" }`:                                  "alerts.slack: this needs an agent",
		`slack: { channel: "#ops", agent: bott }`:                     `alerts.slack.agent: there is no agent "bott" in this file; did you mean "bot"?`,
		`rules: { spikes: { off: true } }`:                            `there is no rule "spikes"; did you mean "spike"?`,
		`rules: { spike: { counts: 3 } }`:                             `unknown key "counts"; did you mean "count"?`,
		`rules: { spike: { count: 0 } }`:                              "a number from 1",
		`rules: { spike: { ratio: .nan } }`:                           "a number from 1",
		`rules: { spike: { count: "many" } }`:                         "a number from 1",
		`rules: { denials: { action: kill } }`:                        "one of none, require_fresh_token, suspend",
		`rules: { tokens_refused: { action: suspend } }`:              `unknown key "action"`,
		`rules: { credential_expiring: { action: suspend } }`:         `unknown key "action"`,
		`rules: { denials: { window: 3s } }`:                          "a duration from",
		`rules: { first_use: { after: soon } }`:                       `such as "21d"`,
		`agents: { "No Agent": { rules: { spike: { off: true } } } }`: "not the id of an agent",
		`hours: { from: "7", to: "20:00" }`:                           "a time of day",
		`hours: { from: "07:00" }`:                                    "to is missing",
		`hours: { from: "07:00", to: "20:00", days: "mon-fry" }`:      "days of the week",
		`hours: { from: "07:00", to: "20:00", zone: "Middle/Earth" }`: "name of a time zone",
		`per_hour: 0`: "a number from 1",
	} {
		_, err := config.Parse("c.yaml", []byte("alerts: { "+text+" }\nagents: [ { agentId: bot, credentials: [] } ]\n"), config.Known{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
