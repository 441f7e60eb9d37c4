package config

import (
	"fmt"
	"slices"
	"strings"

	"toolvault/schemas/near"
)

// reader turns the tree of a file into a Config and collects what is wrong.
type reader struct {
	*Config
	known Known
	errs  *collector
	src   *source
}

func (r *reader) fail(at Position, field, format string, args ...any) {
	r.errs.add(at, field, format, args...)
}

// file reads the whole: either the sections, or one agent.
func (r *reader) file(root *node) {
	if root.kind != mapping {
		r.fail(root.at, "", "a config is a mapping: server, storage, keys, services and agents, or one agent with agentId and credentials")
		return
	}
	if r.isAgent(root) {
		r.agents([]*node{root}, func(int) string { return "" })
		return
	}
	m := r.mapping(root, "", "server", "storage", "keys", "notify", "telemetry", "audit", "services", "auth", "limits", "alerts", "agents")
	r.server(m["server"])
	r.storage(m["storage"])
	r.keys(m["keys"])
	r.notify(m["notify"])
	r.telemetry(m["telemetry"])
	r.audit(m["audit"])
	r.services(m["services"])
	r.auth(m["auth"])
	r.Limits = r.limits(m["limits"], "limits")
	r.agents(r.list(m["agents"], "agents"), func(i int) string { return fmt.Sprintf("agents[%d]", i) })
	r.agentsNamed()
	r.alerts(m["alerts"])
	r.alertsNamed()
}

// isAgent reports whether the file is one agent without the sections.
func (r *reader) isAgent(root *node) bool {
	has := func(name string) bool {
		return slices.ContainsFunc(root.pairs, func(p pair) bool { return p.key == name })
	}
	return has("agentId") || has("credentials") && !has("agents")
}

// mapping gives the values of the keys that are allowed at a place, and reports
// all others and those that stand twice. No value, or an empty one, has no keys.
func (r *reader) mapping(n *node, field string, allowed ...string) map[string]*node {
	values := map[string]*node{}
	for _, p := range r.pairs(n, field, "a mapping with the keys "+strings.Join(allowed, ", ")) {
		if !slices.Contains(allowed, p.key) {
			hint := didYouMean(p.key, allowed)
			if hint == "" {
				hint = "; the keys here are " + strings.Join(allowed, ", ")
			}
			r.fail(p.at, join(field, key(p.key)), "unknown key %s%s", show(p.key), hint)
			continue
		}
		values[p.key] = p.value
	}
	return values
}

// pairs are the entries of a mapping, without those whose key stood before.
func (r *reader) pairs(n *node, field, want string) []pair {
	if n == nil || n.kind == nothing {
		return nil
	}
	if n.kind != mapping {
		r.fail(n.at, field, "this must be %s", want)
		return nil
	}
	seen := map[string]Position{}
	var pairs []pair
	for _, p := range n.pairs {
		if before, ok := seen[p.key]; ok {
			r.fail(p.at, join(field, key(p.key)), "the key %s stands twice; the first is on line %d", show(p.key), before.Line)
			continue
		}
		seen[p.key] = p.at
		r.places[join(field, p.key)] = p.value.at
		pairs = append(pairs, p)
	}
	return pairs
}

// list gives the items of a list. No value, or an empty one, has none.
func (r *reader) list(n *node, field string) []*node {
	if n == nil || n.kind == nothing {
		return nil
	}
	if n.kind != list {
		r.fail(n.at, field, "this must be a list")
		return nil
	}
	for i, item := range n.items {
		r.places[fmt.Sprintf("%s[%d]", field, i)] = item.at
	}
	return n.items
}

// text gives the text of a value; ok is false if there is none, or none that can
// be used.
func (r *reader) text(n *node, field string) (s string, ok bool) {
	switch {
	case n == nil:
		return "", false
	case n.kind == text && strings.TrimSpace(n.text) != "":
		return n.text, true
	case n.kind == text || n.kind == nothing:
		r.fail(n.at, field, "this has no value: give one or leave the key out")
	case n.kind == literal:
		r.fail(n.at, field, "this must be a text: put it in quotes")
	default:
		r.fail(n.at, field, "this must be a text, not a list or a mapping")
	}
	return "", false
}

// required is text, and an error at the place of the whole if the key is absent.
func (r *reader) required(n *node, whole Position, field, message string) (string, bool) {
	if n == nil {
		r.fail(whole, field, "%s", message)
		return "", false
	}
	return r.text(n, field)
}

// texts reads a list of texts, each of which check takes or complains about.
func (r *reader) texts(n *node, field string, check func(string) (string, error)) []string {
	var all []string
	for i, item := range r.list(n, field) {
		at := fmt.Sprintf("%s[%d]", field, i)
		s, ok := r.text(item, at)
		if !ok {
			continue
		}
		s, err := check(s)
		switch {
		case err != nil:
			r.fail(item.at, at, "%v", err)
		case slices.Contains(all, s):
			r.fail(item.at, at, "this stands in the list twice")
		default:
			all = append(all, s)
		}
	}
	return all
}

func join(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}

// didYouMean is "; did you mean X?" with the candidate nearest to the word, or
// "" if none is near.
func didYouMean(word string, candidates []string) string {
	if best := near.Match(word, candidates); best != "" {
		return `; did you mean "` + best + `"?`
	}
	return ""
}
