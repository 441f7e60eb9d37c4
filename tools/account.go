package tools

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"toolvault/auth"
	"toolvault/schemas"
	"toolvault/schemas/near"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// Account says whose account of the service a call acted in.
type Account struct {
	Name   string // the config's: "emea"; "" where the credential names none
	Label  string // the service's: "workspace Acme EMEA"; "" where that is not known
	OfMany bool   // the caller has others there
}

// String is "emea (workspace Acme EMEA)", or what there is of it.
func (a Account) String() string {
	switch {
	case a.Name == "":
		return a.Label
	case a.Label == "":
		return a.Name
	}
	return a.Name + " (" + a.Label + ")"
}

const maxLabel = 120 // characters of what a service calls an account

func owner(id auth.Identity) vault.Owner { return vault.Owner{Agent: id.Agent, User: id.User} }

// choice is what there is to choose from where credentials name their accounts.
type choice struct {
	all   []string // that the identity has of the service, sorted; none: they are not named
	only  string   // the one that the token is for; "": any
	fixed string   // the one that is left where there is one, or token or rules leave one
	names []string // those of which a credential can serve the tool
}

// choice finds out about which accounts the identity's calls of a tool can be.
// That only one credential grants enough fixes nothing: a caller who means the
// other account has to be told so.
func (g *Gateway) choice(id auth.Identity, b *bound) choice {
	c := choice{all: g.Vault.Accounts(owner(id), b.service.Name), only: id.Grants.Account(b.service.Name)}
	if len(c.all) == 0 {
		return c
	}
	policy := g.rules(id)
	left := make([]string, 0, len(c.all))
	for _, name := range c.all {
		if (c.only == "" || c.only == name) && !policy.Refuses(b.schema.Name, name) {
			left = append(left, name)
		}
	}
	if len(left) == 1 {
		c.fixed = left[0]
	}
	held := g.Vault.Held(owner(id), b.service.Name)
	for _, name := range left {
		if slices.ContainsFunc(held, func(d vault.Declaration) bool { return d.Account == name && d.Scope.AllowsAny(b.template) }) {
			c.names = append(c.names, name)
		}
	}
	return c
}

// offer is a tool as the identity may call it, if a credential that is registered
// for it can serve the tool. Where there are several accounts to choose from, the
// tool asks which.
func (g *Gateway) offer(id auth.Identity, b *bound) (schemas.Tool, bool) {
	c := g.choice(id, b)
	switch {
	case len(c.all) == 0 && c.only == "":
		for _, d := range g.Vault.Held(owner(id), b.service.Name) {
			if d.Scope.AllowsAny(b.template) {
				return b.schema, true
			}
		}
		return schemas.Tool{}, false
	case len(c.names) == 0:
		return schemas.Tool{}, false
	case c.fixed != "":
		return b.schema, true
	}
	return b.asking(c.names), true
}

// choose finds out which account the call is about. It returns the arguments
// without it, since the schema is about the rest, and what is wrong with it, as a
// line of the answer to arguments that do not fit.
func (c *passage) choose() (rest json.RawMessage, wrong string, failure *fault.Error) {
	rest = c.call.Arguments
	options := c.g.choice(c.id, c.bound)
	c.account = options.only
	if len(options.all) == 0 {
		return rest, "", nil
	}
	c.ofMany = len(options.all) > 1
	rest, given, isGiven := takeAccount(rest)
	name, isText := given.(string)
	switch {
	case !c.id.Grants.AllowsAny(c.bound.template): // will be refused, and need not learn what there is
		return rest, "", nil
	case isGiven && isText && slices.Contains(options.all, name):
		if options.only != "" && options.only != name {
			return rest, "", fault.New(fault.NotPermitted, "The token of agent %s is for the %s account %s alone. Leave account out to use that one.", c.id.Agent, c.bound.service.Title, options.only)
		}
		c.account = name
	case options.fixed == "" && options.only == "" && len(options.names) == 0:
		return rest, "", fault.New(fault.NotPermitted, "No %s account of agent %s can be used with this tool. An admin has to widen the scope of a credential, or the rules.", c.bound.service.Title, c.id.Agent)
	case isGiven:
		names := options.names
		if len(names) == 0 {
			names = []string{cmp.Or(options.fixed, options.only)}
		}
		wrong = "account: must be " + oneOf(names)
		if meant := near.Match(name, names); meant != "" {
			wrong += fmt.Sprintf(" (did you mean %q?)", meant)
		}
	case options.fixed != "":
		c.account = options.fixed
	case options.only == "":
		wrong = "account: missing; " + c.bound.service.Title + " has several here, and it must be " + oneOf(options.names)
	}
	return rest, wrong, nil
}

// chosen puts the account among the arguments for whoever looks at them next: the
// rules, which may be about it, and, where there was a choice, all that tells one
// call from another.
func (c *passage) chosen() *fault.Error {
	c.args.Map[auth.Account] = c.account
	if !c.ofMany {
		return nil
	}
	raw, err := json.Marshal(c.args.Map)
	if err != nil {
		return fault.From(err)
	}
	c.args.Raw = raw
	return nil
}

func oneOf(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return "one of " + strings.Join(names, ", ")
}

// takeAccount takes the account out of arguments, and writes the others anew:
// each once, so that nobody reads another than was taken out. What is no object
// it leaves to the schema.
func takeAccount(raw json.RawMessage) (rest json.RawMessage, account any, ok bool) {
	var args map[string]json.RawMessage
	if json.Unmarshal(raw, &args) != nil || args == nil {
		return raw, nil, false
	}
	given, ok := args[auth.Account]
	if !ok {
		return raw, nil, false
	}
	delete(args, auth.Account)
	rest, err := json.Marshal(args)
	if err != nil || json.Unmarshal(given, &account) != nil {
		return raw, nil, false
	}
	return rest, account, true
}

// acted is the account that a call has used; nothing where it came to none.
func (c *passage) acted() Account {
	if c.cred == nil && c.repeatOf == "" {
		return Account{}
	}
	return Account{Name: c.decl.Account, Label: c.label, OfMany: c.ofMany}
}

// labelled is what the service calls the account, on one line and bounded: the
// text is the service's, and stands before every answer where there are several
// accounts. So it has no order to a model in it, and no marks of a quotation.
func (c *passage) labelled(text string) string {
	quoted := upstream.Quote(upstream.Clean(c.secrets.Text(text), maxLabel))
	return strings.TrimSuffix(strings.TrimPrefix(quoted, "«"), "»")
}
