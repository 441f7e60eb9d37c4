package auth

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
)

// Policy is an agent's rules, compiled against the tools that exist. It is
// immutable and safe for concurrent use. A nil Policy has no rules.
//
// Rules are CEL (github.com/google/cel-spec) over
//
//	agent, user, task, tool, service   string; user and task may be ""
//	args                               the call's arguments, as in the tool's schema, and args.account
//	now                                timestamp; now.getHours("Europe/Berlin")
//
// A deny that is true beats everything. Of the allows that match a tool at least
// one must be true. A rule that cannot be evaluated, whichever kind it is, denies.
// A tool that no rule matches is left to scopes.
//
// A rule with a pattern matches only the tools that have every argument that it
// reads: args.channel in […] on "slack_*" is a rule about the tools of Slack that
// have a channel. Of "a || b" each part counts for itself, so that a part which
// reads no argument holds for every tool. A read after has(args.x) && asks
// nothing of the tool: there the expression itself says what is without x.
type Policy struct {
	rules    []*compiledRule
	tools    map[string]*toolRules
	warnings []string
	refused  sync.Map // toolAccount → bool: what Refuses found out
}

// Warnings are one sentence for each rule and argument where a call may leave
// out what the rule reads: the rule fails then, and so denies the call.
func (p *Policy) Warnings() []string {
	if p == nil {
		return nil
	}
	return slices.Clone(p.warnings)
}

// toolRules are the rules whose pattern matches a tool.
type toolRules struct {
	denies, allows []*compiledRule
	service        string
	hidden         bool
}

type compiledRule struct {
	pattern string
	deny    bool
	label   string // "rule 2: deny now.getHours(…)", clipped
	text    string // the expression, clipped
	program cel.Program
	args    map[string]argType // what the matching tools agree on

	constant  constant
	readsArgs bool // it looks at arguments other than the account

	// cuts is the rule as it is for tools that fit the pattern and lack an
	// argument that it reads; nil where nothing is left of it.
	cuts map[string]*compiledRule
}

// about is the rule as it is for a tool, or nil if it does not concern the tool.
// One that did not exist when the rule was compiled is held against all of it.
func (r *compiledRule) about(tool string) *compiledRule {
	if !matches(r.pattern, tool) {
		return nil
	}
	if part, ok := r.cuts[tool]; ok {
		return part
	}
	return r
}

// Input is a call to decide on.
type Input struct {
	Agent, User, Task, Tool, Service string
	// Args as encoding/json decodes them; numbers may be json.Number.
	Args map[string]any
	Now  time.Time
}

// Decision is what the rules say to a call.
type Decision struct {
	Allowed bool
	Rule    string // that decided, e.g. `rule 2: deny now.getHours("Europe/Berlin") < 6`; empty: none matches
	Reason  string // of a refusal: one sentence for the model
}

// Decide holds the rules against a call. The context ends an evaluation that
// takes long; its end denies.
func (p *Policy) Decide(ctx context.Context, in Input) Decision {
	if p == nil || len(p.rules) == 0 {
		return Decision{Allowed: true}
	}
	rules := p.matching(in.Tool)
	vars := &variables{in: &in}
	for _, r := range rules.denies {
		yes, err := r.holds(ctx, vars)
		switch {
		case err != nil:
			return r.failed(err)
		case yes:
			return Decision{Rule: r.label, Reason: fmt.Sprintf("The agent's policy denies this call of %s: %s.", in.Tool, r.text)}
		}
	}
	var by *compiledRule
	for _, r := range rules.allows {
		yes, err := r.holds(ctx, vars)
		if err != nil {
			return r.failed(err)
		}
		if yes && by == nil {
			by = r
		}
	}
	switch {
	case by != nil:
		return Decision{Allowed: true, Rule: by.label}
	case len(rules.allows) == 0:
		return Decision{Allowed: true}
	}
	var ways []string
	for _, r := range rules.allows {
		ways = append(ways, r.text)
	}
	return Decision{
		Rule:   rules.allows[0].label,
		Reason: fmt.Sprintf("The agent's policy allows %s only if %s.", in.Tool, clip(strings.Join(ways, ", or "), 300)),
	}
}

func (r *compiledRule) failed(err error) Decision {
	return Decision{
		Rule:   r.label,
		Reason: fmt.Sprintf("The agent's policy could not be evaluated for this call (%s), so it is denied: %s.", clip(err.Error(), 150), clip(r.label, 120)),
	}
}

// Hides reports whether the rules refuse every call of the tool, so that a list
// of tools can leave it out.
func (p *Policy) Hides(tool string) bool {
	if p == nil {
		return false
	}
	return p.matching(tool).hidden
}

// matching finds the rules of a tool. A tool that did not exist when the rules
// were compiled is held against their patterns all the same.
func (p *Policy) matching(tool string) *toolRules {
	if rules, ok := p.tools[tool]; ok {
		return rules
	}
	return p.match(tool)
}

func (p *Policy) match(tool string) *toolRules {
	t := &toolRules{}
	for _, rule := range p.rules {
		switch r := rule.about(tool); {
		case r == nil:
		case r.deny:
			t.denies = append(t.denies, r)
		default:
			t.allows = append(t.allows, r)
		}
	}
	return t
}

// matches reports whether a name fits a pattern, in which "*" stands for any
// number of any characters.
func matches(pattern, name string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	last := parts[len(parts)-1]
	for _, part := range parts[:len(parts)-1] {
		_, after, ok := strings.Cut(name, part)
		if !ok {
			return false
		}
		name = after
	}
	return strings.HasSuffix(name, last)
}
