package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/vault"
)

var (
	agentID  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	taskName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	userName = regexp.MustCompile(`^[^\s\x00-\x1f\x7f/]{1,128}$`)
)

// declared is a credential with its place, for checks across agents.
type declared struct {
	vault.Declaration
	at    Position
	field string
}

func (r *reader) agents(items []*node, field func(int) string) {
	ids := map[string]Position{}
	seen := newRegistry()
	for i, item := range items {
		f := field(i)
		if item.kind != mapping {
			r.fail(item.at, f, "an agent is a mapping with agentId and credentials")
			continue
		}
		a := r.agent(item, f, seen)
		if a.ID == "" {
			continue
		}
		if before, ok := ids[a.ID]; ok {
			r.fail(r.places[join(f, "agentId")], join(f, "agentId"), "there are two agents %s; the first is on line %d", show(a.ID), before.Line)
			continue
		}
		ids[a.ID] = r.places[join(f, "agentId")]
		r.Agents = append(r.Agents, a)
	}
}

func (r *reader) agent(n *node, field string, seen *registry) Agent {
	m := r.mapping(n, field, append([]string{"agentId", "owners", "users", "client", "delegates", "credentials", "tasks", "policy", "limits"}, offerKeys...)...)
	var a Agent
	id, ok := r.required(m["agentId"], n.at, join(field, "agentId"), "an agent needs an agentId")
	if ok && !agentID.MatchString(id) {
		r.fail(m["agentId"].at, join(field, "agentId"), `an agentId has 1 to 63 characters, small letters, digits, ".", "_" and "-", and begins with a letter or digit`)
	} else if ok {
		a.ID = id
	}
	a.Owners = r.texts(m["owners"], join(field, "owners"), func(s string) (string, error) {
		if !userName.MatchString(s) {
			return "", errors.New("an owner is a person as in toolvault person add: at most 128 characters, without spaces and slashes")
		}
		return s, nil
	})
	a.Users = r.texts(m["users"], join(field, "users"), func(s string) (string, error) {
		if s == "*" {
			return s, nil
		}
		return checkWho(s)
	})
	a.Delegates = r.texts(m["delegates"], join(field, "delegates"), agentName)
	if c := m["client"]; c != nil {
		f := join(field, "client")
		own := r.proof(r.mapping(c, f, "secret", "key", "jwks_url"), f)
		own.ID = a.ID
		if own.public() {
			r.fail(c.at, f, "a program proves who it is: give it a key, a jwks_url or a secret")
		}
		a.Client = &own
	}
	a.Credentials = r.credentials(m["credentials"], join(field, "credentials"), id, seen)
	a.Tasks = r.tasks(m["tasks"], join(field, "tasks"), serviceNames(m["credentials"]), accountsOf(m["credentials"]))
	a.Offer = r.offer(m, field)
	a.Limits = r.limits(m["limits"], join(field, "limits"))
	a.Rules = r.policy(m["policy"], join(field, "policy"), a.ID)
	return a
}

// serviceNames are the services for which a list of credentials has an entry,
// even one with mistakes.
func serviceNames(n *node) map[string]bool {
	names := map[string]bool{}
	if n == nil {
		return names
	}
	for _, item := range n.items {
		for _, p := range item.pairs {
			if p.key == "service" && p.value.kind == text {
				names[p.value.text] = true
			}
		}
	}
	return names
}

func (r *reader) tasks(n *node, field string, services map[string]bool, accounts map[string][]string) map[string]scope.Grants {
	tasks := map[string]scope.Grants{}
	for _, p := range r.pairs(n, field, "a mapping from the name of a task to its scopes") {
		f := join(field, key(p.key))
		if !taskName.MatchString(p.key) {
			r.fail(p.at, f, `the name of a task has 1 to 63 letters, digits, ".", "_" and "-", and begins with a letter or digit`)
			continue
		}
		s, ok := r.required(p.value, p.at, f, "")
		if !ok {
			continue
		}
		named := map[string]string{} // the account, by service
		for _, w := range words(s) {
			r.checkGrant(w.text, r.wordAt(p.value, w), f, services)
			r.checkTaskAccount(w.text, r.wordAt(p.value, w), f, accounts, named)
		}
		if grants, err := r.known.Catalogs.ParseGrants(s); err == nil {
			tasks[p.key] = grants
		}
	}
	return tasks
}

// checkGrant checks one word of a task: SERVICE:SCOPE or SERVICE@ACCOUNT:SCOPE.
func (r *reader) checkGrant(word string, at Position, field string, services map[string]bool) {
	service, _, name, ok := scope.Split(word)
	switch {
	case !ok || name == "":
		r.fail(at, field, "%s names no service or no scope: write SERVICE:SCOPE, such as hubspot:contacts.read", show(word))
	case !r.checkService(service, at, field):
	case !services[service]:
		r.fail(at, field, "the agent has no credential for %s: add one or take %s out", service, show(word))
	default:
		if _, err := r.known.Catalogs[service].Parse(name); err != nil {
			r.unknownScope(err, name, at, field)
		}
	}
}

// unknownScope reports a scope that a service does not have.
func (r *reader) unknownScope(err error, word string, at Position, field string) {
	var unknown *scope.UnknownError
	if !errors.As(err, &unknown) {
		r.fail(at, field, "%s cannot be read as a scope", show(word))
		return
	}
	catalog := r.known.Catalogs[unknown.Service]
	bare := strings.TrimPrefix(unknown.Word, unknown.Service+":")
	hint := didYouMean(bare, catalog.Spellings())
	if hint == "" {
		hint = `; the scopes are ` + some(append([]string{scope.ReadOnly, scope.ReadWrite}, catalog.Names()...))
	}
	r.fail(at, field, "%s has no scope %s%s", unknown.Service, show(unknown.Word), hint)
}

// some lists names, at most eight.
func some(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:8], ", ") + fmt.Sprintf(" and %d more", len(names)-8)
	}
	return strings.Join(names, ", ")
}

func (r *reader) policy(n *node, field, agent string) []auth.Rule {
	var rules []auth.Rule
	var nodes []map[string]*node // of the rules that are well formed
	var index []int              // their places in the list
	for i, item := range r.list(n, field) {
		f := fmt.Sprintf("%s[%d]", field, i)
		m := r.mapping(item, f, "tools", "allow", "deny")
		if item.kind != mapping {
			continue
		}
		before := len(r.errs.all)
		rule := auth.Rule{}
		rule.Tools, _ = r.required(m["tools"], item.at, f, `a rule names its tools: a name or a pattern, such as "slack_*"`)
		rule.Allow, _ = r.text(m["allow"], join(f, "allow"))
		rule.Deny, _ = r.text(m["deny"], join(f, "deny"))
		switch {
		case m["allow"] != nil && m["deny"] != nil:
			r.fail(item.at, f, "a rule has either allow or deny, not both: make two rules of it")
		case m["allow"] == nil && m["deny"] == nil:
			r.fail(item.at, f, "a rule has either allow or deny, with a condition")
		}
		if len(r.errs.all) == before {
			rules, nodes, index = append(rules, rule), append(nodes, m), append(index, i)
		}
	}
	if agent != "" {
		r.compile(n, field, agent, rules, nodes, index)
	}
	return rules
}

// compile has the rules of an agent compiled and says where in the file each
// mistake is. A compiler may stop at the first: then it gets the rules after it.
func (r *reader) compile(n *node, field, agent string, rules []auth.Rule, nodes []map[string]*node, index []int) {
	for from := 0; r.known.Rules != nil && from < len(rules) && len(r.errs.all) <= maxErrors; {
		next := len(rules)
		each(r.known.Rules(agent, rules[from:]), func(err error) {
			var e *auth.RuleError
			if !errors.As(err, &e) || e.Index < 0 || from+e.Index >= len(rules) {
				r.fail(n.at, field, "%v", err)
				return
			}
			i := from + e.Index
			f := fmt.Sprintf("%s[%d]", field, index[i])
			at := r.places[f]
			if v := nodes[i][e.Field]; v != nil {
				f, at = join(f, e.Field), r.src.within(v, e.Line, e.Column)
			}
			r.fail(at, f, "%s", e.Message)
			next = i + 1
		})
		from = next
	}
}

// types are the credential types that a service takes.
func (r *reader) types(service string) []string {
	if t, ok := r.known.Types[service]; ok {
		return slices.Sorted(slices.Values(t))
	}
	return vault.Types()
}

// word is a part of a text, and where in it (in characters, from 1).
type word struct {
	text         string
	line, column int
}

// words splits a text at spaces and commas.
func words(s string) []word {
	var all []word
	line, column, open := 1, 1, false
	for _, c := range s {
		switch {
		case strings.ContainsRune(" ,\t\n\r", c):
			open = false
		case open:
			all[len(all)-1].text += string(c)
		default:
			all, open = append(all, word{string(c), line, column}), true
		}
		column++
		if c == '\n' {
			line, column = line+1, 1
		}
	}
	return all
}

func (r *reader) wordAt(n *node, w word) Position { return r.src.within(n, w.line, w.column) }
