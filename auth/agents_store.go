package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"toolvault/vault/store"
)

const agentPrefix = "agent/"

const maxReason = 300 // characters

// agentRecord is what the store keeps of an agent under agent/<id>: that it was
// added, or that an agent of the config is suspended, or both.
type agentRecord struct {
	Added     bool      `json:"added,omitempty"`
	Created   time.Time `json:"created,omitzero"`
	Suspended bool      `json:"suspended,omitempty"`
	Reason    string    `json:"reason,omitempty"` // of the suspension
}

// Load reads all records of the store.
func (a *Agents) Load(ctx context.Context) error {
	// The lock is held across the read so that a write of this process, made
	// meanwhile, is not overwritten by what was read before it.
	a.mu.Lock()
	defer a.mu.Unlock()
	records, versions := map[string]agentRecord{}, map[string]int64{}
	err := store.Each(ctx, a.store, agentPrefix, func(item store.Item) error {
		id := strings.TrimPrefix(item.Key, agentPrefix)
		records[id], versions[id] = decodeAgent(item.Value), item.Version
		return nil
	})
	if err != nil {
		return fmt.Errorf("the agents could not be read: %w", err)
	}
	a.records, a.versions = records, versions
	a.publish()
	return nil
}

// decodeAgent reads a record. One that cannot be read suspends its agent: who
// does not understand an order must not act as if it had not been given.
func decodeAgent(value []byte) agentRecord {
	var r agentRecord
	if err := json.Unmarshal(value, &r); err != nil {
		return agentRecord{Added: true, Suspended: true, Reason: "its record in the store cannot be read"}
	}
	return r
}

// Run keeps the agents equal to the store until ctx ends: what another process
// did is in force within a second.
func (a *Agents) Run(ctx context.Context) error {
	return follow(ctx, a.store, []string{agentPrefix}, func(ctx context.Context, key string) error {
		if key == "" {
			return a.Load(ctx)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.refresh(ctx, strings.TrimPrefix(key, agentPrefix))
	}, func(error) {})
}

// refresh reads one record. The caller holds mu.
func (a *Agents) refresh(ctx context.Context, id string) error {
	item, err := a.store.Get(ctx, agentPrefix+id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		delete(a.records, id)
	case err != nil:
		return fmt.Errorf("agent %q could not be read: %w", id, err)
	default:
		a.records[id] = decodeAgent(item.Value)
	}
	a.versions[id] = item.Version
	a.publish()
	return nil
}

// Add makes an agent known to every process. It starts without tasks and rules.
func (a *Agents) Add(ctx context.Context, id string) error {
	if err := CheckAgentID(id); err != nil {
		return err
	}
	return a.change(ctx, id, func(r *agentRecord) error {
		switch {
		case a.inConfig(id):
			return fmt.Errorf("agent %q stands in the config already: choose another id", id)
		case r.Added:
			return fmt.Errorf("agent %q exists already: choose another id, or remove it first", id)
		case r.Suspended:
			return fmt.Errorf("agent %q was suspended when it was not known here: resume it first", id)
		}
		r.Added, r.Created = true, a.now().UTC().Truncate(time.Millisecond)
		return nil
	})
}

// Ensure is Add for an agent that may be there already, as every process with a
// sandbox does for the sandbox's: of several at once each succeeds, and a
// suspension goes on to hold.
func (a *Agents) Ensure(ctx context.Context, id string) error {
	if err := CheckAgentID(id); err != nil {
		return err
	}
	return a.change(ctx, id, func(r *agentRecord) error {
		if !r.Added {
			r.Added, r.Created = true, a.now().UTC().Truncate(time.Millisecond)
		}
		return nil
	})
}

// inConfig reports whether the agent stands in a config. The caller holds mu.
func (a *Agents) inConfig(id string) bool {
	agent, ok := a.configured[id]
	return ok && agent.Origin != OriginSandbox
}

// Suspend takes every right from the agent until Resume. Its tokens are refused
// at once. reason, which may be empty, is shown to whoever asks why, the agent too;
// of a long one the first 300 characters are kept. For an agent that is suspended
// already nothing changes but a reason that is missing.
//
// It works for any id that an agent can have: one that this process does not
// know may stand in the config of another, which must be stopped all the same,
// with no config at hand. Get tells afterwards whether it is known here.
func (a *Agents) Suspend(ctx context.Context, id, reason string) error {
	if err := CheckAgentID(id); err != nil {
		return err
	}
	return a.change(ctx, id, func(r *agentRecord) error {
		if !r.Suspended || r.Reason == "" {
			r.Reason = clip(reason, maxReason)
		}
		r.Suspended = true
		return nil
	})
}

// Resume ends a suspension, also one of an agent that this process does not know.
func (a *Agents) Resume(ctx context.Context, id string) error {
	return a.change(ctx, id, func(r *agentRecord) error {
		if !a.inConfig(id) && !r.Added && !r.Suspended {
			return a.unknown(id)
		}
		r.Suspended, r.Reason = false, ""
		return nil
	})
}

// Remove forgets an added agent, or the sandbox's. Its tokens are refused at once
// and stay refused when an agent of the same id is added later.
func (a *Agents) Remove(ctx context.Context, id string) error {
	return a.change(ctx, id, func(r *agentRecord) error {
		switch {
		case a.inConfig(id):
			return fmt.Errorf("agent %q stands in the config: take it out there, or suspend it", id)
		case !r.Added:
			return a.unknown(id)
		}
		*r = agentRecord{}
		return nil
	})
}

// change edits one record of the store. It reads the record first, and again
// when somebody else wrote in between, so edit sees what is really there.
func (a *Agents) change(ctx context.Context, id string, edit func(*agentRecord) error) error {
	if CheckAgentID(id) != nil {
		return a.unknown(id)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		if err := a.refresh(ctx, id); err != nil {
			return err
		}
		old := a.records[id]
		next := old
		if err := edit(&next); err != nil || next == old {
			return err
		}
		err := a.write(ctx, id, next)
		switch {
		case err == nil:
			return a.refresh(ctx, id)
		case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
		default:
			return fmt.Errorf("agent %q could not be written: %w", id, err)
		}
	}
}

func (a *Agents) write(ctx context.Context, id string, r agentRecord) error {
	if r == (agentRecord{}) {
		return a.store.Delete(ctx, agentPrefix+id, a.versions[id])
	}
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return a.store.Put(ctx, store.Item{Key: agentPrefix + id, Version: a.versions[id] + 1, Value: value}, nil)
}
