package vault

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"toolvault/auth/scope"
)

// ErrAccount: the owner has several accounts of the service and it is not said
// which one is meant, or the one that is named is not among them. What Find
// returns is an *AccountError.
var ErrAccount = errors.New("it is not decided which account is meant")

// AccountError says among which accounts there is to choose.
type AccountError struct {
	Agent, Service string
	Given          string   // the name that was given; "" for none
	Names          []string // to choose from, sorted; empty: the credentials there name none
}

func (e *AccountError) Error() string {
	switch {
	case len(e.Names) == 0:
		return fmt.Sprintf("agent %s has no account %s of %s: its credentials there name no account", e.Agent, e.Given, e.Service)
	case e.Given != "":
		return fmt.Sprintf("agent %s has no account %s of %s: it has %s", e.Agent, e.Given, e.Service, strings.Join(e.Names, ", "))
	}
	return fmt.Sprintf("agent %s has several accounts of %s: say which of %s is meant", e.Agent, e.Service, strings.Join(e.Names, ", "))
}

// Is makes errors.Is(err, ErrAccount) true.
func (e *AccountError) Is(target error) bool { return target == ErrAccount }

// Find returns the owner's credential for an account of a service that grants
// what the call needs: first of those for this agent and user, then of the
// agent's own, each in the order of their declaration. Those of another user are
// never looked at. It looks in memory only.
//
// The account is the config's name for it. "" stands for the only one that there
// is: with more than one nothing is chosen in silence, not even where only one of
// them grants enough.
//
// The error wraps ErrNotDeclared, or ErrAccount, or ErrScope where there are some
// and none grants enough.
func (v *Vault) Find(owner Owner, service, account string, need scope.Need) (Declaration, error) {
	c := v.config.Load()
	var first, other *Declaration // that grants enough; that is there at all
	several := false
	for _, held := range c.held(owner, service) {
		for i := range held {
			d := &held[i]
			if account != "" && d.Account != account {
				continue
			}
			if other == nil {
				other = d
			}
			several = several || d.Account != other.Account
			if first == nil && d.Scope.Allows(need) {
				first = d
			}
		}
	}
	switch {
	case other == nil && (account == "" || !c.any(owner, service)):
		return Declaration{}, because(ErrNotDeclared, "agent %s has no credential for %s: an admin can add one in the config", owner.Agent, service)
	case other == nil:
		return Declaration{}, &AccountError{Agent: owner.Agent, Service: service, Given: account, Names: c.accountsOf(owner, service)}
	case several:
		return Declaration{}, &AccountError{Agent: owner.Agent, Service: service, Names: c.accountsOf(owner, service)}
	case first == nil:
		return Declaration{}, because(ErrScope, "%s of agent %s grants %q and the call needs %s: an admin can widen its scope in the config",
			other.ID, owner.Agent, other.Scope, need)
	}
	return *first, nil
}

// Held returns every credential of a service that calls of the owner may be made
// with, in the order in which Find tries them. The caller must not change it.
func (v *Vault) Held(owner Owner, service string) []Declaration {
	held := v.config.Load().held(owner, service)
	switch {
	case len(held[0]) == 0:
		return held[1]
	case len(held[1]) == 0:
		return held[0]
	}
	return slices.Concat(held[0], held[1])
}

// Accounts returns the names of the accounts of a service among which calls of
// the owner can choose, sorted; none where its credentials name no account. The
// caller must not change it.
func (v *Vault) Accounts(owner Owner, service string) []string {
	return v.config.Load().accountsOf(owner, service)
}

// held is the credentials for agent and user, and the agent's own.
func (c *config) held(owner Owner, service string) [2][]Declaration {
	var held [2][]Declaration
	if owner.User != "" {
		held[0] = c.byPlace[place{owner, service}]
	}
	held[1] = c.byPlace[place{Owner{Agent: owner.Agent}, service}]
	return held
}

func (c *config) any(owner Owner, service string) bool {
	held := c.held(owner, service)
	return len(held[0])+len(held[1]) > 0
}

func (c *config) accountsOf(owner Owner, service string) []string {
	if len(c.accounts) == 0 {
		return nil
	}
	own := c.accounts[place{Owner{Agent: owner.Agent}, service}]
	if owner.User == "" {
		return own
	}
	users := c.accounts[place{owner, service}]
	switch {
	case len(users) == 0:
		return own
	case len(own) == 0:
		return users
	}
	all := slices.Concat(users, own)
	slices.Sort(all)
	return slices.Compact(all)
}

// accountsIn sorts out which accounts are named at which place.
func accountsIn(byPlace map[place][]Declaration) map[place][]string {
	accounts := map[place][]string{}
	for p, held := range byPlace {
		var names []string
		for _, d := range held {
			if d.Account != "" {
				names = append(names, d.Account)
			}
		}
		if len(names) > 0 {
			slices.Sort(names)
			accounts[p] = slices.Compact(names)
		}
	}
	return accounts
}
