package config

import (
	"slices"
	"strings"

	"toolvault/auth/scope"
	"toolvault/vault"
)

// account reads the name of a credential's account.
func (r *reader) account(n *node, field string) string {
	name, ok := r.text(n, field)
	if ok && (!scope.IsAccount(name) || looksSecret(name)) {
		r.fail(n.at, field, `the name of an account has 1 to 40 characters, small letters, digits, ".", "_" and "-", and begins with a letter or digit`)
	}
	return name
}

// named checks that the credentials of a service either all name their account or
// none does: beside one that is named, one that is not would be a default that
// nobody chose. items are where the credentials stand.
func (r *reader) named(all []vault.Declaration, items []*node, fields []string) {
	for i, d := range all {
		if d.Account != "" {
			continue
		}
		other := slices.IndexFunc(all, func(o vault.Declaration) bool { return o.Service == d.Service && o.Account != "" })
		if other >= 0 {
			r.fail(items[i].at, fields[i], "the credential on line %d names its account of %s, so this one has to name its own: add account", items[other].at.Line, d.Service)
		}
	}
}

// registry is every credential of the file so far, for checks across agents.
type registry struct {
	byID   map[string]declared
	grants map[string]declared // those of type oauth_token, by source
}

func newRegistry() *registry {
	return &registry{byID: map[string]declared{}, grants: map[string]declared{}}
}

func (g *registry) add(d declared) {
	g.byID[d.ID] = d
	if d.Type == vault.TypeOAuthToken {
		g.grants[d.Source] = d
	}
}

// usersOwn checks that what belongs to one person is not declared for another, nor
// for an agent that acts for nobody, and that no id stands for both.
func (r *reader) usersOwn(d vault.Declaration, at Position, field string, seen *registry) bool {
	if other, ok := seen.grants[d.Source]; ok && d.Type == vault.TypeOAuthToken && other.Owner.User != d.Owner.User {
		r.fail(at, field, "the credential on line %d takes its grant from the same place for %s, and this one for %s: a grant is never used for another person, so give each their own",
			other.at.Line, whose(other.Owner.User), whose(d.Owner.User))
		return false
	}
	if other, ok := seen.byID[d.ID]; ok && other.Owner.User != d.Owner.User {
		r.fail(at, field, "the credential on line %d has the id %s and is for %s, and this one is for %s: give one another id", other.at.Line, show(d.ID), whose(other.Owner.User), whose(d.Owner.User))
		return false
	}
	return true
}

func whose(user string) string {
	if user == "" {
		return "the agent itself"
	}
	return "the user " + show(user)
}

// accountsOf are the names of the accounts, by service, that a list of
// credentials names, even where it has mistakes.
func accountsOf(n *node) map[string][]string {
	names := map[string][]string{}
	if n == nil {
		return names
	}
	for _, item := range n.items {
		said := map[string]string{}
		for _, p := range item.pairs {
			if p.value.kind == text {
				said[p.key] = p.value.text
			}
		}
		if service, account := said["service"], said["account"]; scope.IsAccount(account) && !looksSecret(account) && !slices.Contains(names[service], account) {
			names[service] = append(names[service], account)
		}
	}
	return names
}

// checkTaskAccount checks the account in a word of a task: SERVICE@ACCOUNT:SCOPE.
// All words of a service name the same one, or none does.
func (r *reader) checkTaskAccount(word string, at Position, field string, accounts map[string][]string, named map[string]string) {
	service, account, _, ok := scope.Split(word)
	if !ok || r.known.Catalogs[service] == nil {
		return // checkGrant says so
	}
	head, _, _ := strings.Cut(word, ":")
	if before, ok := named[service]; ok && before != account {
		r.fail(at, field, "%s: all scopes of %s in a task have to name the same account, or none", show(word), service)
		return
	}
	named[service] = account
	if !strings.Contains(head, "@") || slices.Contains(accounts[service], account) {
		return
	}
	if account == "" {
		r.fail(at, field, "%s names no account after the @: write %s@ACCOUNT:SCOPE", show(word), service)
		return
	}
	hint := didYouMean(account, accounts[service])
	switch {
	case hint != "":
	case len(accounts[service]) > 0:
		hint = "; it has " + some(accounts[service])
	default:
		hint = ": no credential for " + service + " has the key account"
	}
	r.fail(at, field, "the agent has no account %s of %s%s", show(account), service, hint)
}
