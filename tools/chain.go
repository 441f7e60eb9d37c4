package tools

import (
	"context"

	"toolvault/auth"
	"toolvault/tools/fault"
)

// rules are the policies that hold for an identity: its agent's, and those of the
// agents that passed the right on, so that none can do through another what it may
// not do itself.
type rules struct {
	own    *auth.Policy
	before []*auth.Policy
}

func (g *Gateway) rules(id auth.Identity) rules {
	r := rules{own: g.policy(id.Agent)}
	for _, agent := range id.Chain {
		if p := g.policy(agent); p != nil {
			r.before = append(r.before, p)
		}
	}
	return r
}

// Decide is the first refusal, or the decision of the agent's own policy.
func (r rules) Decide(ctx context.Context, in auth.Input) auth.Decision {
	d := r.own.Decide(ctx, in)
	for _, p := range r.before {
		if !d.Allowed {
			break
		}
		if other := p.Decide(ctx, in); !other.Allowed {
			d = other
		}
	}
	return d
}

func (r rules) any(refuses func(*auth.Policy) bool) bool {
	if refuses(r.own) {
		return true
	}
	for _, p := range r.before {
		if refuses(p) {
			return true
		}
	}
	return false
}

func (r rules) Hides(tool string) bool {
	return r.any(func(p *auth.Policy) bool { return p.Hides(tool) })
}

func (r rules) Refuses(tool, account string) bool {
	return r.any(func(p *auth.Policy) bool { return p.Refuses(tool, account) })
}

func (r rules) ReadsArguments(tool string) bool {
	return r.any(func(p *auth.Policy) bool { return p.ReadsArguments(tool) })
}

// mayNot is the answer to an agent that may not act.
func (g *Gateway) mayNot(agent string) *fault.Error {
	why := ""
	if g.Why != nil {
		why = g.Why(agent)
	}
	return fault.New(fault.NotPermitted, "Agent %s is suspended or was removed%s. An admin can let it in again (toolvault agent resume).", agent, why)
}

// idle is the first of the identity's agents that may not act now; "" if all may.
func (g *Gateway) idle(id auth.Identity) string {
	if !g.Active(id.Agent) {
		return id.Agent
	}
	for _, agent := range id.Chain {
		if !g.Active(agent) {
			return agent
		}
	}
	return ""
}
