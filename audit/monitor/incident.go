package monitor

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// incident is an alert that lasts, and what is needed to tell of it seldom.
type incident struct {
	Alert Alert         `json:"alert"`
	Quiet time.Duration `json:"quiet"` // without a record of it, and it has ended
	Next  time.Time     `json:"next"`  // it is told of again from then on
	Step  int           `json:"step"`
	Held  bool          `json:"held,omitempty"`  // not raised: there were too many
	Acked bool          `json:"acked,omitempty"` // somebody knows
	Due   bool          `json:"due,omitempty"`   // its action has not been taken
	Said  time.Time     `json:"said"`            // Saw is as of then
}

// maxIncidents bounds those that last. At the bound a new one is suppressed.
const maxIncidents = 4096

// again is after how long an incident that lasts is told of again: the longer it
// lasts, the more seldom.
var again = [...]time.Duration{15 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour, 24 * time.Hour}

// quiet is for how long nothing has to happen until an incident of a rule is over.
func quiet(rule string) time.Duration {
	switch rule {
	case RuleHours:
		return 8 * time.Hour
	case RuleFirstUse, RuleNewClient:
		return 24 * time.Hour
	case RuleExpiring:
		return 72 * time.Hour
	case RuleRefresh:
		return 6 * time.Hour
	case RuleSpike, RuleVolume:
		return 2 * time.Hour
	}
	return time.Hour
}

// sign is one record that a rule finds wrong.
type sign struct {
	rule     string
	how      Rule
	severity string // empty: the rule's
	key      string // tells the incident from others of the rule
	subject  Subject
	evidence []Evidence                  // what came before; nil: nothing
	say      func() (saw, normal string) // is called when it is told
}

// sign takes in that a record belongs to an incident.
func (j *Judge) sign(s *seen, g sign) {
	key := g.rule + "\x00" + g.key
	in := j.incidents[key]
	if in == nil {
		j.open(s, key, g)
		return
	}
	a := &in.Alert
	a.Count++
	a.Last = s.time
	if n := len(a.Evidence); n >= maxEvidence {
		a.Evidence[n-1] = s.evidence()
	} else {
		a.Evidence = append(a.Evidence, s.evidence())
	}
	if in.Held {
		if j.mayRaise(s, a.Severity) {
			in.Held = false
			a.Saw, a.Normal = g.say()
			j.raise(in)
		}
		return
	}
	tell := !s.time.Before(in.Next)
	if tell || s.time.Sub(in.Said) >= time.Minute {
		a.Saw, a.Normal = g.say()
		in.Said = s.time
	}
	if tell {
		in.Step++
		in.Next = s.time.Add(again[min(in.Step, len(again)-1)])
		if !in.Acked {
			a.Part++
			j.find(EventUpdated, a)
		}
	}
}

// open begins an incident.
func (j *Judge) open(s *seen, key string, g sign) {
	if len(j.incidents) >= maxIncidents {
		j.suppressed(s, cmp.Or(g.severity, g.how.Severity))
		return
	}
	evidence := append(slices.Clone(g.evidence), s.evidence())
	if n := len(evidence); n > 1 && evidence[n-2].Index == s.index {
		evidence = evidence[:n-1]
	}
	in := &incident{Quiet: quiet(g.rule), Alert: Alert{
		ID: alertID(key, s.index), Rule: g.rule, Severity: cmp.Or(g.severity, g.how.Severity), Subject: g.subject,
		Began: s.time, Last: s.time, Count: int64(len(evidence)), Evidence: evidence,
	}}
	if g.subject.Agent != "" {
		in.Alert.Action = g.how.Action
	}
	j.incidents[key] = in
	if end := s.time.Add(in.Quiet); j.due.IsZero() || end.Before(j.due) {
		j.due = end
	}
	if in.Alert.Action == "" && g.rule != RuleCap && !j.mayRaise(s, in.Alert.Severity) {
		in.Held = true
		return
	}
	in.Alert.Saw, in.Alert.Normal = g.say()
	in.Said = s.time
	j.raise(in)
}

func (j *Judge) raise(in *incident) {
	in.Alert.Part = 1
	in.Due = in.Alert.Action != ""
	in.Next = in.Alert.Last.Add(again[0])
	j.find(EventRaised, &in.Alert)
}

func (j *Judge) find(event string, a *Alert) {
	copied := *a
	copied.Evidence = slices.Clone(a.Evidence)
	j.found = append(j.found, Finding{event, copied})
}

// alertID is the same whenever the same records are read.
func alertID(key string, index int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, index))
	return "alert-" + hex.EncodeToString(sum[:6])
}

// raised counts the alerts of an hour.
type raised struct {
	Hour int64 `json:"hour"`
	N    int   `json:"n"`
}

// mayRaise reports whether one more alert of a severity may be raised in this hour,
// and counts it; where it may not, that is an alert of its own.
func (j *Judge) mayRaise(s *seen, severity string) bool {
	c := j.perHour[severity]
	if hour := hourOf(s.time); c.Hour != hour {
		c = raised{Hour: hour}
	}
	if c.N >= j.settings.PerHour {
		j.suppressed(s, severity)
		return false
	}
	c.N++
	j.perHour[severity] = c
	return true
}

func (j *Judge) suppressed(s *seen, severity string) {
	in := j.incidents[RuleCap+"\x00"+severity]
	n := int64(1)
	if in != nil {
		n += in.Alert.Count
	} else if len(j.incidents) > maxIncidents {
		return
	}
	j.sign(s, sign{rule: RuleCap, how: Rule{Severity: severity}, key: severity, say: func() (string, string) {
		return fmt.Sprintf("%d more records would have raised alerts of severity %s and did not: there were too many", n, severity),
			fmt.Sprintf("at most %d alerts of a severity are raised in an hour", j.settings.PerHour)
	}})
}

// settle ends an incident of which something has said that it is over.
func (j *Judge) settle(rule, key string) {
	if in := j.incidents[rule+"\x00"+key]; in != nil {
		j.end(rule+"\x00"+key, in, j.clock.Now)
	}
}

func (j *Judge) end(key string, in *incident, at time.Time) {
	delete(j.incidents, key)
	if in.Held {
		return
	}
	in.Alert.Ended = at
	in.Alert.Part++
	j.find(EventEnded, &in.Alert)
}

// expire ends the incidents that have been quiet for long enough.
func (j *Judge) expire() {
	if j.due.IsZero() || j.clock.Now.Before(j.due) {
		return
	}
	var over []string
	j.due = time.Time{}
	for key, in := range j.incidents {
		end := in.Alert.Last.Add(in.Quiet)
		switch {
		case !j.clock.Now.Before(end):
			over = append(over, key)
		case j.due.IsZero() || end.Before(j.due):
			j.due = end
		}
	}
	slices.SortFunc(over, func(a, b string) int {
		x, y := j.incidents[a], j.incidents[b]
		return cmp.Or(x.Alert.Last.Add(x.Quiet).Compare(y.Alert.Last.Add(y.Quiet)), cmp.Compare(a, b))
	})
	for _, key := range over {
		in := j.incidents[key]
		j.end(key, in, in.Alert.Last.Add(in.Quiet))
	}
}
