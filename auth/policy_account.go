package auth

import "slices"

// Account is the argument that says which account of its service a call is
// about, by its name in the config; "" where the agent's credentials name none.
// Rules read it for every tool, whether or not a call has to give it.
const Account = "account"

type toolAccount struct{ tool, account string }

// Refuses reports whether the rules refuse every call of the tool that is about
// the account, whatever else it says: then the account need not be offered. A
// rule that looks at more than tool, service and account is left to Decide.
//
// What it finds out it keeps: the accounts that it is asked about have to come
// from the config, not from a call.
func (p *Policy) Refuses(tool, account string) bool {
	if p == nil || len(p.rules) == 0 {
		return false
	}
	key := toolAccount{tool, account}
	if found, ok := p.refused.Load(key); ok {
		return found.(bool)
	}
	rules, isKnown := p.tools[tool]
	if !isKnown {
		return false // nothing is known of it but the name
	}
	refused := rules.hidden || rules.refuse(map[string]any{"tool": tool, "service": rules.service, "args." + Account: account})
	p.refused.Store(key, refused)
	return refused
}

// refuse reports whether no call of which that much is known can pass.
func (t *toolRules) refuse(known map[string]any) bool {
	denied := slices.ContainsFunc(t.denies, func(r *compiledRule) bool {
		value, ok := r.constant(known)
		return ok && value
	})
	return denied || len(t.allows) > 0 && !slices.ContainsFunc(t.allows, func(r *compiledRule) bool {
		value, ok := r.constant(known)
		return !ok || value
	})
}
