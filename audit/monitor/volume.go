package monitor

import (
	"fmt"
	"math"
)

// fade is how much of the highest is forgotten in a day: after three weeks half.
const fade = 0.97

// top is the highest value that was normal lately: what grows is followed, and
// what was an incident is not taken for normal.
type top struct {
	Value float64 `json:"v"`
	Today float64 `json:"t"`
	Day   int64   `json:"d"`
	Days  int     `json:"n"` // that had any
}

// on moves to a day. limit is from where on a value was an incident.
func (p *top) on(day int64, limit float64) {
	if p.Day == 0 || day < p.Day-1 { // or the clock was set back
		p.Day = day
	}
	if day <= p.Day {
		return
	}
	if p.Today > 0 {
		learn := p.Today
		if learn >= limit {
			learn = min(limit/2, max(1.5*p.Value, limit/4))
		}
		p.Value = max(p.Value, learn)
		p.Days++
	}
	p.Value *= math.Pow(fade, float64(min(day-p.Day, 1000)))
	p.Today, p.Day = 0, day
}

// settled is how many days it takes to know what is normal.
const settled = 3

// limit is the value from which on it is too much.
func (p *top) limit(least, ratio float64) float64 {
	if p.Days < settled {
		least *= 4
	}
	return max(least, ratio*p.Value)
}

// flow is what an agent reads of a service.
type flow struct {
	Hour  int64   `json:"h"`
	Bytes float64 `json:"b"`
	Calls int64   `json:"c"`
	Top   top     `json:"top"` // of Bytes
	Last  int64   `json:"l"`
}

const megabyte = 1e6

// volume judges how much an agent reads.
func (j *Judge) volume(s *seen, a *agent) {
	if s.bytes == 0 || len(s.service) == 0 {
		return
	}
	f := a.Reads[string(s.service)]
	if f == nil {
		if len(a.Reads) >= maxServices {
			dropOldest(a.Reads, func(f *flow) int64 { return f.Last })
		}
		f = &flow{}
		a.Reads[string(s.service)] = f
	}
	name, rule := a.name, &a.how.volume
	f.Last = s.time.Unix()
	hour := hourOf(s.time)
	f.Top.on(hour/24, f.Top.limit(rule.Count*megabyte, rule.Ratio))
	if hour != f.Hour {
		f.Hour, f.Bytes, f.Calls = hour, 0, 0
	}
	f.Bytes += float64(s.bytes)
	f.Calls++
	f.Top.Today = max(f.Top.Today, f.Bytes)
	limit := f.Top.limit(rule.Count*megabyte, rule.Ratio)
	if rule.Off || f.Bytes < limit {
		return
	}
	service := string(s.service)
	j.sign(s, sign{rule: RuleVolume, how: *rule, key: name + "\x00" + service, subject: Subject{Agent: name, Service: service}, say: func() (string, string) {
		return fmt.Sprintf("agent %s has read %.1f MB from %s in %d calls in the hour from %s", name, f.Bytes/megabyte, service, f.Calls, timeOf(hour)),
			fmt.Sprintf("in its fullest hour of the last weeks %.1f MB; %.1f MB would have been too much", f.Top.Value/megabyte, limit/megabyte)
	}})
}
