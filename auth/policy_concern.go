package auth

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
)

// ruleCut is what is left of a rule for tools that lack the same arguments.
type ruleCut struct {
	tools []int    // places in compiler.names
	rest  *cel.Ast // nil: nothing, the rule does not concern them
}

// cuts sorts the tools that fit a rule's pattern by the arguments that the rule
// reads and they lack. It returns what is left of the rule for those that lack
// some, and every tool that the rule concerns.
func (c *compiler) cuts(parsed *cel.Ast, fits []int, parse func() (*cel.Ast, *RuleError)) (cuts []*ruleCut, concerned []int, err *RuleError) {
	read := names{}
	reads(parsed.NativeRep().Expr(), nil, func(_ int64, name string) { read[name] = true })
	byMissing := map[string]*ruleCut{}
	for _, i := range fits {
		missing := names{}
		for name := range read {
			if c.shapes[i].lacks(name) {
				missing[name] = true
			}
		}
		if len(missing) == 0 {
			concerned = append(concerned, i)
			continue
		}
		key := fmt.Sprintf("%q", slices.Sorted(maps.Keys(missing)))
		if byMissing[key] == nil {
			rest, err := parse()
			if err != nil {
				return nil, nil, err
			}
			if !cut(rest.NativeRep(), missing) {
				rest = nil
			}
			byMissing[key] = &ruleCut{rest: rest}
			cuts = append(cuts, byMissing[key])
		}
		byMissing[key].tools = append(byMissing[key].tools, i)
		if byMissing[key].rest != nil {
			concerned = append(concerned, i)
		}
	}
	return cuts, concerned, nil
}

// noToolHasAll is the mistake of a rule that concerns no tool: each argument
// that it reads exists, but no tool has them together. It stands at the first
// one that no tool with the arguments before it has.
func (c *compiler) noToolHasAll(parsed *cel.Ast, field, pattern string, fits []int) *RuleError {
	e := &RuleError{Field: field, Line: 1, Column: 1}
	left := slices.Clone(fits)
	var read []string
	reads(parsed.NativeRep().Expr(), nil, func(id int64, name string) {
		if !slices.Contains(read, name) {
			read = append(read, name)
		}
		before := len(left)
		left = slices.DeleteFunc(left, func(i int) bool { return c.shapes[i].lacks(name) })
		if before > 0 && len(left) == 0 {
			at := parsed.NativeRep().SourceInfo().GetStartLocation(id)
			e.Line, e.Column = max(at.Line(), 1), max(at.Column(), 0)+1
		}
	})
	e.Message = fmt.Sprintf("no tool that matches %q has all the arguments that the expression reads (%s): make a rule for each kind of tool, or join the conditions with ||",
		pattern, clip(strings.Join(read, ", "), 200))
	return e
}

// mayBeAbsent lists, by argument, the tools of which a call may leave it out
// although the rule reads it without has().
func (c *compiler) mayBeAbsent(parsed *cel.Ast, cuts []*ruleCut, fits []int) map[string][]string {
	rest := map[int]*cel.Ast{}
	for _, cut := range cuts {
		for _, i := range cut.tools {
			rest[i] = cut.rest
		}
	}
	absent := map[string][]string{}
	for _, i := range fits {
		expr, isCut := rest[i]
		switch {
		case isCut && expr == nil:
			continue
		case !isCut:
			expr = parsed
		}
		reads(expr.NativeRep().Expr(), nil, func(_ int64, name string) {
			if !c.shapes[i].there[name] && !slices.Contains(absent[name], c.names[i]) {
				absent[name] = append(absent[name], c.names[i])
			}
		})
	}
	return absent
}

// warn says what a rule reads and a call may leave out.
func (c *compiler) warn(r *compiledRule, absent map[string][]string) {
	for _, name := range slices.Sorted(maps.Keys(absent)) {
		tools := absent[name]
		of := strings.Join(tools[:min(3, len(tools))], ", ")
		if more := len(tools) - 3; more > 0 {
			of += fmt.Sprintf(" and %d more", more)
		}
		has, hasNot := "has(args."+name+")", "!has(args."+name+")"
		if !identifier.MatchString(name) {
			has = fmt.Sprintf("%q in args", clip(name, 60))
			hasNot = "!(" + has + ")"
		}
		mend := fmt.Sprintf("begin it with %s && to let such calls through", has)
		if !r.deny {
			mend = fmt.Sprintf("begin it with %s || to let such calls through, or with %s && to refuse them", hasNot, has)
		}
		c.warnings = append(c.warnings, fmt.Sprintf("%s: a call of %s may leave out %s, and then the rule fails and denies the call: %s", r.label, of, clip(name, 60), mend))
	}
}
