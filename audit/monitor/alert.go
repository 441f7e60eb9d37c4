package monitor

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"toolvault/audit"
)

// The events of records about alerts. All records of one alert have its id as
// their call id.
const (
	EventRaised       = "alert.raised"
	EventUpdated      = "alert.updated"
	EventEnded        = "alert.ended"
	EventAcknowledged = "alert.acknowledged"
	EventActed        = "alert.acted" // what was done to the agent, or that it could not be
)

const eventPrefix = "alert."

// Severities, from what one wants to know to what one gets up for.
const (
	Low    = "low"
	Medium = "medium"
	High   = "high"
)

// Subject is what an alert is about: with the rule it tells one incident from
// another. Fields that do not matter to a rule are empty.
type Subject struct {
	Agent      string `json:"agent,omitempty"`
	Service    string `json:"service,omitempty"`
	Credential string `json:"credential,omitempty"`
	Client     string `json:"client,omitempty"`
	Address    string `json:"address,omitempty"` // of a network, without a port
}

// String names it for people.
func (s Subject) String() string {
	var parts []string
	for _, p := range [...][2]string{
		{"agent ", s.Agent}, {"service ", s.Service}, {"credential ", s.Credential}, {"client ", s.Client}, {"address ", s.Address},
	} {
		if p[1] != "" {
			parts = append(parts, p[0]+p[1])
		}
	}
	if len(parts) == 0 {
		return "this server"
	}
	return strings.Join(parts, ", ")
}

// Evidence is one record that counted.
type Evidence struct {
	Index  int64     `json:"index"` // in the log
	Time   time.Time `json:"time"`
	CallID string    `json:"call_id,omitempty"`
	What   string    `json:"what,omitempty"` // "slack_post_message: not_permitted"
}

// Alert is one incident.
type Alert struct {
	ID       string     `json:"id"`
	Rule     string     `json:"rule"`
	Severity string     `json:"severity"`
	Subject  Subject    `json:"subject"`
	Began    time.Time  `json:"began"` // of the record that tipped it
	Last     time.Time  `json:"last"`  // of the last record that belongs to it
	Ended    time.Time  `json:"ended,omitzero"`
	Part     int        `json:"part"`             // 1 when it is raised, one more with each update
	Count    int64      `json:"count"`            // records that belong to it
	Saw      string     `json:"saw"`              // one sentence
	Normal   string     `json:"normal,omitempty"` // what would have been
	Evidence []Evidence `json:"evidence,omitempty"`
	Action   string     `json:"action,omitempty"` // that the rule asks for; empty: none

	Record int64 `json:"record,omitempty"` // index of the newest record that tells of it

	// What others wrote about it since.
	Acknowledged *Note  `json:"acknowledged,omitempty"`
	Actions      []Note `json:"actions,omitempty"`
}

// Note is what somebody did about an alert.
type Note struct {
	Time time.Time `json:"time"`
	By   string    `json:"by,omitempty"`
	Text string    `json:"text,omitempty"`
}

// Open reports whether it lasts.
func (a *Alert) Open() bool { return a.Ended.IsZero() }

// maxEvidence bounds the records that an alert names: the first ones, and the last.
const maxEvidence = 12

// Finding is a change of an alert that is worth a record.
type Finding struct {
	Event string // EventRaised, EventUpdated or EventEnded
	Alert Alert
}

// key tells a finding from all others, also over a restart.
func (f Finding) key() string { return fmt.Sprintf("%s/%d/%s", f.Alert.ID, f.Alert.Part, f.Event) }

// Record is the finding as the log has it: the leaf tells what, of whom and how
// bad, and stays for ever; the rest may be dropped with the bodies of its time.
func (f Finding) Record() (audit.Record, error) {
	detail, err := json.Marshal(f.Alert)
	if err != nil {
		return audit.Record{}, fmt.Errorf("alert %s: %w", f.Alert.ID, err)
	}
	s := f.Alert.Subject
	return audit.Record{
		Phase: audit.PhaseEvent, Event: f.Event, CallID: f.Alert.ID, Outcome: f.Alert.Severity, Rule: f.Alert.Rule,
		Agent: s.Agent, Service: s.Service, CredentialID: s.Credential, ClientID: s.Client, Message: f.Alert.Saw, Result: detail,
	}, nil
}

// alertOf reads the alert that a record of EventRaised, EventUpdated or EventEnded
// holds; where its body is gone, what the leaf says.
func alertOf(r audit.Record) Alert {
	var a Alert
	if len(r.Result) > 0 && json.Unmarshal(r.Result, &a) == nil && a.ID == r.CallID {
		return a
	}
	a = Alert{
		ID: r.CallID, Rule: r.Rule, Severity: r.Outcome, Began: r.Time, Last: r.Time, Part: 1,
		Subject: Subject{Agent: r.Agent, Service: r.Service, Credential: r.CredentialID, Client: r.ClientID}, Saw: r.Message,
	}
	if r.Event == EventEnded {
		a.Ended = r.Time
	}
	return a
}

// TestAlert is an alert that means nothing.
func TestAlert(now time.Time) Finding {
	now = now.UTC()
	return Finding{EventRaised, Alert{
		ID: alertID(RuleTest, now.UnixNano()), Rule: RuleTest, Severity: High, Began: now, Last: now, Ended: now, Part: 1, Count: 1,
		Saw: "this is a test: somebody ran 'toolvault alerts test'", Normal: "no test",
	}}
}
