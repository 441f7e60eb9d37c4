package vault

import "toolvault/auth/scope"

// Find returns the owner's credential for a service that grants what the call
// needs: first of those for this agent and user, then of the agent's own, each
// in the order of their declaration. It looks in memory only. The error wraps
// ErrNotDeclared, or ErrScope where there are some and none grants enough.
func (v *Vault) Find(owner Owner, service string, need scope.Need) (Declaration, error) {
	c := v.config.Load()
	var other *Declaration
	for _, o := range []Owner{owner, {Agent: owner.Agent}} {
		found := c.byPlace[place{o, service}]
		for i := range found {
			if found[i].Scope.Allows(need) {
				return found[i], nil
			}
			if other == nil {
				other = &found[i]
			}
		}
		if owner.User == "" {
			break
		}
	}
	if other != nil {
		return Declaration{}, because(ErrScope, "%s of agent %s grants %q and the call needs %s: an admin can widen its scope in the config",
			other.ID, owner.Agent, other.Scope, need)
	}
	return Declaration{}, because(ErrNotDeclared, "agent %s has no credential for %s: an admin can add one in the config", owner.Agent, service)
}
