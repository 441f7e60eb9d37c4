package auth

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"toolvault/auth/scope"
	"toolvault/schemas/near"
	"toolvault/vault/store"
)

// Where an agent comes from.
const (
	OriginConfig  = "config"  // the config file
	OriginAdded   = "added"   // `agent add`
	OriginSandbox = "sandbox" // --sandbox
)

// Agent is a caller that an admin has made known.
type Agent struct {
	ID        string
	Tasks     map[string]scope.Grants // by name: the least that the task needs
	Rules     []Rule
	Origin    string
	Suspended bool      // may do nothing until it is resumed
	Reason    string    // why it is suspended; may be empty
	Created   time.Time // of an agent in the store; zero for one of the config
}

// Why is the reason of a suspension as part of a sentence: " (REASON)"; empty where
// there is none.
func (a Agent) Why() string {
	if a.Reason == "" {
		return ""
	}
	return " (" + a.Reason + ")"
}

var agentID = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// CheckAgentID refuses what cannot be an agent's id: it is part of store keys
// and file names, and people read it in tables.
func CheckAgentID(id string) error {
	if !agentID.MatchString(id) {
		return fmt.Errorf("%q cannot be an agent's id: use 1 to 63 of a-z, 0-9, '.', '_' and '-', and begin with a letter or digit", clip(id, 80))
	}
	return nil
}

// Agents are all known agents: those of the config and those in the store. It is
// safe for concurrent use; reads take no lock.
type Agents struct {
	store store.Store
	now   func() time.Time
	epoch atomic.Int64
	view  atomic.Pointer[map[string]Agent]

	mu         sync.Mutex
	configured map[string]Agent
	records    map[string]agentRecord // by id
	versions   map[string]int64       // of the records, and of deletions that were seen
}

// NewAgents knows nobody until Configure and Load have been called.
func NewAgents(st store.Store, now func() time.Time) *Agents {
	a := &Agents{
		store: st, now: now,
		configured: map[string]Agent{}, records: map[string]agentRecord{}, versions: map[string]int64{},
	}
	a.view.Store(&map[string]Agent{})
	return a
}

// Configure replaces the agents of the config, all at once. The caller has
// checked their ids; a suspension in the store goes on to hold. An agent of
// OriginSandbox exists only while the store has it too (Ensure), so that any
// process can remove it: it stands in no file from which it could be taken out.
func (a *Agents) Configure(agents []Agent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.configured = make(map[string]Agent, len(agents))
	for _, agent := range agents {
		a.configured[agent.ID] = agent
	}
	a.publish()
}

// Get returns the agent as it is at this moment.
func (a *Agents) Get(id string) (Agent, bool) {
	agent, ok := (*a.view.Load())[id]
	return agent, ok
}

// List returns all agents, sorted by id.
func (a *Agents) List() []Agent {
	return slices.SortedFunc(maps.Values(*a.view.Load()), func(x, y Agent) int { return cmp.Compare(x.ID, y.ID) })
}

// Epoch grows with every change, for those who cache what they derive.
func (a *Agents) Epoch() int64 { return a.epoch.Load() }

// Lookup is Get for those who need the agent: an *UnknownAgentError says that
// there is none, and whose id is written nearly so.
func (a *Agents) Lookup(id string) (Agent, error) {
	if agent, ok := a.Get(id); ok {
		return agent, nil
	}
	return Agent{}, a.unknown(id)
}

// Suspended lists, sorted by id, those that are suspended and of which this process
// knows no more: agents of a config that it has not read, or mistyped ones.
func (a *Agents) Suspended() []Agent {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []Agent
	for id, r := range a.records {
		if _, known := a.Get(id); r.Suspended && !known {
			list = append(list, Agent{ID: id, Suspended: true, Reason: r.Reason})
		}
	}
	slices.SortFunc(list, func(x, y Agent) int { return cmp.Compare(x.ID, y.ID) })
	return list
}

// publish makes the state visible to readers. The caller holds mu.
func (a *Agents) publish() {
	view := make(map[string]Agent, len(a.configured)+len(a.records))
	for id, r := range a.records {
		if r.Added {
			view[id] = Agent{ID: id, Origin: OriginAdded, Created: r.Created, Suspended: r.Suspended, Reason: r.Reason}
		}
	}
	for id, agent := range a.configured {
		r := a.records[id]
		switch agent.Origin {
		case "":
			agent.Origin = OriginConfig
		case OriginSandbox:
			if !r.Added {
				continue
			}
			agent.Created = r.Created
		}
		agent.Suspended, agent.Reason = agent.Suspended || r.Suspended, r.Reason
		view[id] = agent
	}
	a.view.Store(&view)
	a.epoch.Add(1)
}

// UnknownAgentError says that there is no such agent.
type UnknownAgentError struct {
	ID   string
	Near string // an id that is written nearly so, or empty
}

func (e *UnknownAgentError) Error() string {
	if e.Near != "" {
		return fmt.Sprintf("there is no agent %q; did you mean %q?", clip(e.ID, 80), e.Near)
	}
	return fmt.Sprintf("there is no agent %q: add it to the config or with `toolvault agent add`", clip(e.ID, 80))
}

func (a *Agents) unknown(id string) error {
	return &UnknownAgentError{ID: id, Near: near.Match(id, slices.Collect(maps.Keys(*a.view.Load())))}
}
