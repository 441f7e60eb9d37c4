package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Name is the monitor's as an audit.Subscription.
const Name = "monitor"

// statePath is where what was learned lies, beside the subscription's bookmark.
func statePath(dir string) string { return filepath.Join(dir, "subscribers", Name+".state") }

const (
	stateVersion = 1
	maxState     = 256 << 20 // bytes
)

// state is the file. Next says up to where it goes: the bookmark may stand behind
// or before it after a crash.
type state struct {
	Version     int                    `json:"version"`
	Next        int64                  `json:"next"`
	Book        *Book                  `json:"book"`
	Clock       clock                  `json:"clock"`
	Agents      map[string]*agent      `json:"agents"`
	Credentials map[string]*credential `json:"credentials"`
	Origins     map[string]*origin     `json:"origins"`
	Incidents   map[string]*incident   `json:"incidents"`
	PerHour     map[string]raised      `json:"per_hour"`
	Due         time.Time              `json:"due"`
}

// writeState keeps what a judge has learned, all or nothing.
func writeState(dir string, j *Judge, b *Book) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("what the monitor has learned cannot be kept: %w", err)
		}
	}()
	text, err := json.Marshal(state{
		Version: stateVersion, Next: j.next, Book: b, Clock: j.clock, Agents: j.agents, Credentials: j.credentials,
		Origins: j.origins, Incidents: j.incidents, PerHour: j.perHour, Due: j.due,
	})
	if err != nil {
		return err
	}
	path := statePath(dir)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// readState returns what was learned. The error is fs.ErrNotExist where there is
// nothing.
func readState(dir string) (*state, error) {
	path := statePath(dir)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxState {
		return nil, fmt.Errorf("%s is larger than %d MB", path, maxState>>20)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var st state
	if err := json.Unmarshal(text, &st); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	if st.Version != stateVersion || st.Next < 0 || st.Book == nil {
		return nil, fmt.Errorf("%s is not of this version", path)
	}
	alerts := map[string]*Alert{}
	fill(alerts, st.Book.Alerts)
	st.Book.Alerts = alerts
	return &st, nil
}

// judge is the one that the state is of.
func (st *state) judge(s Settings) *Judge {
	j := NewJudge(s)
	j.next, j.clock, j.due = st.Next, st.Clock, st.Due
	fill(j.agents, st.Agents)
	fill(j.credentials, st.Credentials)
	fill(j.origins, st.Origins)
	fill(j.incidents, st.Incidents)
	for k, v := range st.PerHour {
		j.perHour[k] = v
	}
	for _, a := range j.agents {
		if a.Used == nil {
			a.Used = map[uint64]bool{}
		}
		if a.Reads == nil {
			a.Reads = map[string]*flow{}
		}
		for name, f := range a.Reads {
			if f == nil {
				delete(a.Reads, name)
			}
		}
	}
	for _, c := range j.credentials {
		if c.Clients == nil {
			c.Clients = map[uint64]bool{}
		}
	}
	return j
}

// fill copies what is not nil.
func fill[T any](into, from map[string]*T) {
	for k, v := range from {
		if v != nil {
			into[k] = v
		}
	}
}
