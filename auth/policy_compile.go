package auth

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"

	"toolvault/schemas/near"
)

// Bounds on a policy, and on what one rule may do.
const (
	maxRules      = 200
	maxExpression = 4096   // characters
	maxCost       = 50_000 // CEL cost units: about a millisecond
)

// variableNames are what a rule can speak about.
var variableNames = []string{"agent", "user", "task", "tool", "service", "args", "now"}

// CompilePolicy checks rules against the tools that exist, and compiles them. An
// error is a *RuleError with a position inside the rule, except for a tool whose
// schema cannot be read.
func CompilePolicy(rules []Rule, tools []ToolShape) (*Policy, error) {
	p := &Policy{tools: make(map[string]*toolRules, len(tools))}
	if len(rules) == 0 {
		return p, nil
	}
	if len(rules) > maxRules {
		return nil, &RuleError{Index: maxRules, Field: "tools", Message: fmt.Sprintf("a policy has at most %d rules: join some with || or patterns", maxRules)}
	}
	c, err := newCompiler(tools)
	if err != nil {
		return nil, err
	}
	for i, rule := range rules {
		r, err := c.compile(i, rule)
		if err != nil {
			err.Index = i
			return nil, err
		}
		p.rules = append(p.rules, r)
	}
	p.warnings = c.warnings
	for _, t := range tools {
		rules := p.match(t.Name)
		rules.service = t.Service
		rules.hidden = rules.refuse(map[string]any{"tool": t.Name, "service": t.Service})
		p.tools[t.Name] = rules
	}
	return p, nil
}

type compiler struct {
	env    *cel.Env
	zones  *zones
	tools  []ToolShape
	names  []string // of the tools
	shapes []shape

	warnings []string
}

func newCompiler(tools []ToolShape) (*compiler, error) {
	c := &compiler{zones: &zones{}, tools: tools}
	for _, t := range tools {
		s, err := readShape(t)
		if err != nil {
			return nil, err
		}
		c.names, c.shapes = append(c.names, t.Name), append(c.shapes, s)
	}
	options := append(c.zones.options(),
		cel.Variable("agent", cel.StringType),
		cel.Variable("user", cel.StringType),
		cel.Variable("task", cel.StringType),
		cel.Variable("tool", cel.StringType),
		cel.Variable("service", cel.StringType),
		cel.Variable("args", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("now", cel.TimestampType),
		cel.CrossTypeNumericComparisons(true),
		cel.CustomTypeAdapter(jsonAdapter{}),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(50),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateDurationLiterals(), cel.ValidateComprehensionNestingLimit(2)),
	)
	var err error
	c.env, err = cel.NewEnv(options...)
	return c, err
}

// compile makes a rule, which holds for the tools that it concerns.
func (c *compiler) compile(index int, rule Rule) (*compiledRule, *RuleError) {
	field, text := "allow", rule.Allow
	if rule.Deny != "" {
		field, text = "deny", rule.Deny
	}
	switch {
	case rule.Allow != "" && rule.Deny != "":
		return nil, &RuleError{Field: "deny", Message: "a rule has either allow or deny: make two rules of it"}
	case strings.TrimSpace(text) == "":
		return nil, &RuleError{Field: field, Message: "the rule has no expression: write one such as args.channel in [\"#general\"], or true"}
	}
	fits, err := c.matching(rule.Tools)
	if err != nil {
		return nil, err
	}
	parse := func() (*cel.Ast, *RuleError) { return c.parse(field, text, rule.Tools, c.common(fits)) }
	parsed, err := parse()
	if err != nil {
		return nil, err
	}
	cuts, concerned, err := c.cuts(parsed, fits, parse)
	if err != nil {
		return nil, err
	}
	if len(concerned) == 0 {
		return nil, c.noToolHasAll(parsed, field, rule.Tools, fits)
	}
	absent := c.mayBeAbsent(parsed, cuts, fits) // before the checker makes names of args.x
	known := c.common(concerned)
	env, eerr := c.env.Extend(argVariables(known)...)
	if eerr != nil {
		return nil, &RuleError{Field: field, Message: clip(eerr.Error(), 300)}
	}
	r := compiledRule{
		pattern: rule.Tools, deny: field == "deny",
		label: clip(fmt.Sprintf("rule %d: %s %s", index+1, field, text), 120),
		text:  clip(text, 200), args: known.args,
	}
	whole, err := c.plan(env, field, parsed, r)
	if err != nil {
		return nil, err
	}
	whole.cuts = map[string]*compiledRule{}
	for _, cut := range cuts {
		var part *compiledRule
		if cut.rest != nil {
			if part, err = c.plan(env, field, cut.rest, r); err != nil {
				return nil, err
			}
		}
		for _, i := range cut.tools {
			whole.cuts[c.names[i]] = part
		}
	}
	c.warn(whole, absent)
	return whole, nil
}

// plan checks an expression and makes it ready to run.
func (c *compiler) plan(env *cel.Env, field string, parsed *cel.Ast, r compiledRule) (*compiledRule, *RuleError) {
	r.readsArgs = readsArgs(parsed.NativeRep().Expr()) // before the checker makes names of args.x
	ast, rerr := check(env, field, parsed)
	if rerr != nil {
		return nil, rerr
	}
	var err error
	r.program, err = env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.InterruptCheckFrequency(100))
	if err != nil {
		return nil, planError(field, err)
	}
	if r.constant, err = constantValue(env, ast, r.args); err != nil {
		return nil, planError(field, err)
	}
	return &r, nil
}

// planError is a mistake that is found only when the expression is compiled, such
// as a constant that cannot be computed.
func planError(field string, err error) *RuleError {
	return &RuleError{Field: field, Message: fmt.Sprintf("the expression cannot be evaluated: %s", clip(err.Error(), 300))}
}

var patternForm = regexp.MustCompile(`^[A-Za-z0-9_.*-]{1,128}$`)

// matching finds the tools that fit the pattern: places in c.names.
func (c *compiler) matching(pattern string) ([]int, *RuleError) {
	if pattern == "" {
		return nil, &RuleError{Field: "tools", Message: `the rule does not say for which tools: name one, or "*" for all`}
	}
	if !patternForm.MatchString(pattern) {
		return nil, &RuleError{Field: "tools", Message: fmt.Sprintf("%q is not a tool's name or a pattern such as \"slack_*\"", clip(pattern, 80))}
	}
	var fits []int
	for i, name := range c.names {
		if matches(pattern, name) {
			fits = append(fits, i)
		}
	}
	if len(fits) > 0 {
		return fits, nil
	}
	message := fmt.Sprintf("no tool is called %q", pattern)
	if strings.Contains(pattern, "*") {
		message = fmt.Sprintf("no tool matches %q", pattern)
	}
	if near := c.nearPattern(pattern); near != "" {
		return nil, &RuleError{Field: "tools", Message: fmt.Sprintf("%s; did you mean %q?", message, near)}
	}
	return nil, &RuleError{Field: "tools", Message: message + ": `toolvault tools list` shows all"}
}

// nearPattern compares a pattern that ends in "*" with the services' prefixes,
// any other with the names of tools.
func (c *compiler) nearPattern(pattern string) string {
	candidates := slices.Clone(c.names)
	if strings.HasSuffix(pattern, "*") {
		for _, t := range c.tools {
			candidates = append(candidates, t.Service+"_*")
		}
	}
	return near.Match(pattern, candidates)
}

// common is what some of the tools have in common.
func (c *compiler) common(tools []int) shape {
	var shapes []shape
	for _, i := range tools {
		shapes = append(shapes, c.shapes[i])
	}
	return common(shapes)
}

func argVariables(known shape) []cel.EnvOption {
	var options []cel.EnvOption
	for name, t := range known.args {
		if identifier.MatchString(name) {
			options = append(options, cel.Variable("args."+name, t.cel()))
		}
	}
	return options
}

// constant tells a rule's value where that does not depend on more of the call
// than is known.
type constant func(known map[string]any) (value, ok bool)

// constantValue prepares to ask a rule for its value when only some of what it
// can speak about is known.
func constantValue(env *cel.Env, ast *cel.Ast, args map[string]argType) (constant, error) {
	program, err := env.Program(ast, cel.EvalOptions(cel.OptPartialEval), cel.CostLimit(maxCost))
	if err != nil {
		return nil, err
	}
	names := slices.Clone(variableNames)
	for name := range args {
		names = append(names, "args."+name)
	}
	return func(known map[string]any) (value, ok bool) {
		var unknown []*cel.AttributePatternType
		for _, name := range names {
			if _, ok := known[name]; !ok {
				unknown = append(unknown, cel.AttributePattern(name))
			}
		}
		vars, err := cel.PartialVars(known, unknown...)
		if err != nil {
			return false, false
		}
		out, _, err := program.Eval(vars)
		if err != nil || out == nil {
			return false, false
		}
		b, ok := out.Value().(bool)
		return b, ok
	}, nil
}
