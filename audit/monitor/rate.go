package monitor

import (
	"fmt"
	"time"
)

// week is how long an agent is here until it has a normal of its own.
const week = 7 * 24 * time.Hour

// rate judges how much an agent calls, and when.
func (j *Judge) rate(s *seen, a *agent) {
	a.Calls++
	name, spike, hours, given := a.name, &a.how.spike, &a.how.hours, a.how.given
	p := &a.Profile
	if hour := hourOf(s.time); hour != a.hour {
		known := a.known(s.time, week)
		p.advance(hour, func(h int64) float64 { return p.limit(h, known, *spike) })
		a.hour, a.limit = hour, p.limit(hour, known, *spike)
		idle, sure := p.idle(hour)
		a.idle = idle && sure && p.surprise < regular && a.known(s.time, hours.After)
	}
	p.calls++
	if !spike.Off && p.calls >= a.limit {
		j.sign(s, sign{rule: RuleSpike, how: *spike, key: name, subject: Subject{Agent: name}, say: func() (string, string) {
			mean, dev := p.normal(a.hour)
			return fmt.Sprintf("agent %s has made %.0f calls in the hour from %s", name, p.calls, timeOf(a.hour)),
				fmt.Sprintf("at this hour of the week about %.0f, give or take %.0f; %.0f would have been a spike", mean, dev, a.limit)
		}})
	}
	if hours.Off {
		return
	}
	if outside := given != nil && !given.contain(s.time) || given == nil && a.idle; !outside {
		return
	}
	n := a.Outside.add(s, time.Hour, 1)
	if n < hours.Count {
		return
	}
	j.sign(s, sign{rule: RuleHours, how: *hours, key: name, subject: Subject{Agent: name}, evidence: a.Outside.Recent, say: func() (string, string) {
		normal := fmt.Sprintf("at this hour of the week it never works; it has been here for %d days", (s.time.Unix()-a.First)/86400)
		if given != nil {
			normal = "the config says when it works, and this is outside"
		}
		return fmt.Sprintf("agent %s has made %.0f calls within an hour, at %s", name, n, s.time.UTC().Format("Mon 15:04 UTC")), normal
	}})
}

func timeOf(hour int64) string { return time.Unix(hour*3600, 0).UTC().Format("Mon 15:04 UTC") }
