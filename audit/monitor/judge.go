package monitor

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"toolvault/audit"
)

// Judge holds records against what it has learned from those before. It is for one
// goroutine. Its memory is bounded (see maxAgents and what stands beside it), and
// it never asks for the time.
type Judge struct {
	settings    Settings
	next        int64 // the index that it expects
	clock       clock
	agents      map[string]*agent
	credentials map[string]*credential
	origins     map[string]*origin
	incidents   map[string]*incident // by rule and key
	perHour     map[string]raised    // by severity
	swept       int64                // the hour in which old origins were last forgotten
	due         time.Time            // no incident ends before; zero: there is none
	found       []Finding
	seen        seen
}

// NewJudge returns one that has learned nothing.
func NewJudge(s Settings) *Judge {
	return &Judge{
		settings: s.filled(), agents: map[string]*agent{}, credentials: map[string]*credential{}, origins: map[string]*origin{},
		incidents: map[string]*incident{}, perHour: map[string]raised{},
	}
}

// Set changes how it judges from now on.
func (j *Judge) Set(s Settings) {
	j.settings = s.filled()
	for _, a := range j.agents {
		a.hour, a.how = 0, nil // what follows from the settings is found anew
	}
}

// Next is the index of the record that it expects.
func (j *Judge) Next() int64 { return j.next }

// Observe takes in the next record, and returns what that changes about alerts.
// A record that it has seen before counts for nothing. What it returns is valid
// until the next call.
func (j *Judge) Observe(r audit.Raw) []Finding {
	j.found = j.found[:0]
	if r.Index < j.next {
		return nil
	}
	j.next = r.Index + 1
	s := &j.seen
	if !s.read(r) {
		return nil
	}
	s.time = j.clock.at(s.time)
	j.expire()
	if string(s.phase) == string(audit.PhaseEvent) {
		j.event(s)
	} else {
		j.call(s)
	}
	return j.found
}

// Tick tells that no record older than now will come: incidents end though
// nothing is recorded.
func (j *Judge) Tick(now time.Time) []Finding {
	j.found = j.found[:0]
	if now.After(j.clock.Now) {
		j.clock.Now = now
		j.expire()
	}
	return j.found
}

// Open returns the incidents that last.
func (j *Judge) Open() (n int) {
	for _, in := range j.incidents {
		if !in.Held {
			n++
		}
	}
	return n
}

// Due returns the alerts whose action has not been taken, as far as the log says.
func (j *Judge) Due() (list []Alert) {
	for _, in := range j.incidents {
		if in.Due {
			list = append(list, in.Alert)
		}
	}
	return list
}

// forget ends all incidents without a word: what was learned stays.
func (j *Judge) forget() {
	clear(j.incidents)
	clear(j.perHour)
	j.due = time.Time{}
}

// call judges a call. An agent's own tools (toolvault_whoami) count like others.
func (j *Judge) call(s *seen) {
	if len(s.agent) == 0 {
		return
	}
	a := j.agent(s)
	if s.begins() {
		j.rate(s, a)
	}
	if s.ends() {
		j.denied(s, a)
		if s.worked() {
			j.volume(s, a)
			j.firstUse(s, a)
		}
		if len(s.credential) > 0 {
			j.credential(s, a)
		}
	}
}

// event judges what is no call.
func (j *Judge) event(s *seen) {
	name, kind, _ := bytes.Cut(s.event, []byte("."))
	switch string(name) {
	case "alert":
		j.noted(s)
	case "agent":
		if string(kind) == "resumed" {
			for _, in := range j.incidents {
				if in.Alert.Subject.Agent == string(s.agent) {
					in.Due = false // a person has decided
				}
			}
		}
	case "credential":
		j.credentialEvent(s, string(kind))
	case "token":
		j.tokenEvent(s, string(kind))
	case "person", "login":
		j.signIn(s, string(kind))
	}
}

// noted takes in what was written about an alert.
func (j *Judge) noted(s *seen) {
	acked, acted := string(s.event) == EventAcknowledged, string(s.event) == EventActed && s.worked()
	if !acked && !acted {
		return
	}
	for _, in := range j.incidents {
		if in.Alert.ID == string(s.callID) {
			in.Acked = in.Acked || acked
			in.Due = in.Due && !acted
		}
	}
}

// agent finds the agent of a record.
func (j *Judge) agent(s *seen) *agent {
	a := j.agents[string(s.agent)]
	if a == nil {
		if len(j.agents) >= maxAgents {
			dropOldest(j.agents, func(a *agent) int64 { return a.Last })
		}
		a = &agent{First: s.time.Unix(), Used: map[uint64]bool{}, Reads: map[string]*flow{}}
		j.agents[string(s.agent)] = a
	}
	if a.how == nil {
		a.name = string(s.agent)
		a.how = j.settings.howto(a.name)
	}
	a.Last = s.time.Unix()
	return a
}

// dropOldest makes room by forgetting what was seen least lately: an eighth at once, so
// that names that never end do not have all of them compared for each.
func dropOldest[T any](m map[string]T, last func(T) int64) {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(last(m[a]), last(m[b])), cmp.Compare(a, b))
	})
	for _, key := range keys[:len(keys)/8+1] {
		delete(m, key)
	}
}
