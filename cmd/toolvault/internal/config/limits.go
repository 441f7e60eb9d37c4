package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"toolvault/auth"
	"toolvault/tools/limits"
)

var toolPattern = regexp.MustCompile(`^[A-Za-z0-9_.*-]{1,128}$`)

// uncounted is the tool that no limit stops.
const uncounted = "toolvault_whoami"

// limits reads a list of budgets: those of all agents, or of one.
func (r *reader) limits(n *node, field string) []limits.Limit {
	var all []limits.Limit
	for i, item := range r.list(n, field) {
		f := fmt.Sprintf("%s[%d]", field, i)
		if item.kind != mapping {
			r.fail(item.at, f, "a limit is a mapping, such as { calls: 60, per: minute }")
			continue
		}
		l, ok := r.limit(item, f)
		if !ok {
			continue
		}
		if before := slices.IndexFunc(all, l.Same); before >= 0 {
			r.fail(item.at, f, "there are two limits of %s", counting(all[before]))
			continue
		}
		all = append(all, l)
	}
	return all
}

// counting is what a limit counts, without how much it allows.
func counting(l limits.Limit) string {
	text := fmt.Sprintf("%s per %s", l.Kind, l.Per)
	if l.Service != "" || l.Tool != "" {
		text += " with " + l.Service + l.Tool
	}
	return text
}

func (r *reader) limit(n *node, field string) (limits.Limit, bool) {
	before := len(r.errs.all)
	m := r.mapping(n, field, "calls", "writes", "bytes", "per", "service", "tool")
	var l limits.Limit
	counted := 0
	for _, kind := range []limits.Kind{limits.Calls, limits.Writes, limits.Bytes} {
		v := m[string(kind)]
		if v == nil {
			continue
		}
		l.Kind, l.Max = kind, r.most(v, join(field, string(kind)), kind)
		counted++
	}
	if counted != 1 {
		r.fail(n.at, field, "a limit counts one thing: give it calls, writes or bytes")
	}
	if per, ok := r.required(m["per"], n.at, field, "a limit says per what: per: minute, hour or day"); ok {
		l.Per = limits.Period(per)
		if l.Per.Length() == 0 {
			r.fail(m["per"].at, join(field, "per"), "this must be minute, hour or day")
		}
	}
	if s, ok := r.text(m["service"], join(field, "service")); ok && r.checkService(s, m["service"].at, join(field, "service")) {
		l.Service = s
	}
	if s, ok := r.text(m["tool"], join(field, "tool")); ok {
		if err := r.toolsLike(s); err != nil {
			r.fail(m["tool"].at, join(field, "tool"), "%v", err)
		}
		if l.Tool = s; strings.Trim(s, "*") == "" {
			l.Tool = "" // of every tool
		}
	}
	if m["service"] != nil && m["tool"] != nil {
		r.fail(n.at, field, `a limit is of a service or of tools, not of both: leave service out, a pattern such as "slack_*" says which tools`)
	}
	return l, len(r.errs.all) == before
}

// most reads how much a limit allows.
func (r *reader) most(n *node, field string, kind limits.Kind) int64 {
	if kind == limits.Bytes {
		size, err := limits.ParseSize(n.text)
		if err != nil || size < 1 || n.kind != literal && n.kind != text {
			r.fail(n.at, field, `this must be a size, from 1B to 1000000GB, such as "50MB"`)
		}
		return size
	}
	count, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil || count < 1 || count > limits.MaxCount || n.kind != literal && n.kind != text {
		r.fail(n.at, field, "this must be a number from 1 to %d; what an agent must not do at all is for its policy or read_only to say", limits.MaxCount)
	}
	return count
}

// toolsLike checks the name of a tool, or a pattern as in a policy: there has to be one
// that fits.
func (r *reader) toolsLike(pattern string) error {
	if !toolPattern.MatchString(pattern) {
		return fmt.Errorf(`this is not a tool's name or a pattern such as "slack_*"`)
	}
	if pattern == uncounted {
		return fmt.Errorf("%s is never limited: it is how an agent sees its limits", uncounted)
	}
	if r.known.Tools == nil {
		return nil
	}
	names := slices.Sorted(maps.Keys(r.known.Tools))
	if slices.ContainsFunc(names, func(name string) bool { return auth.Matches(pattern, name) }) {
		return nil
	}
	if strings.HasSuffix(pattern, "*") {
		for _, service := range slices.Sorted(maps.Keys(r.known.Catalogs)) {
			names = append(names, service+"_*")
		}
	}
	hint := didYouMean(pattern, names)
	if hint == "" {
		hint = ": 'toolvault tools list' shows them all"
	}
	if strings.Contains(pattern, "*") {
		return fmt.Errorf("no tool matches %s%s", show(pattern), hint)
	}
	return fmt.Errorf("there is no tool %s%s", show(pattern), hint)
}
