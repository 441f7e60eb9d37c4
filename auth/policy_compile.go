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
	constants := map[*compiledRule]func(ToolShape) (bool, bool){}
	for i, rule := range rules {
		r, constant, err := c.compile(i, rule)
		if err != nil {
			err.Index = i
			return nil, err
		}
		p.rules = append(p.rules, r)
		constants[r] = constant
	}
	for _, t := range tools {
		rules := p.match(t.Name)
		rules.hidden = slices.ContainsFunc(rules.denies, func(r *compiledRule) bool {
			value, known := constants[r](t)
			return known && value
		}) || len(rules.allows) > 0 && !slices.ContainsFunc(rules.allows, func(r *compiledRule) bool {
			value, known := constants[r](t)
			return !known || value
		})
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

// compile returns the rule, and a function that tells its value for a tool where
// that does not depend on the call.
func (c *compiler) compile(index int, rule Rule) (*compiledRule, func(ToolShape) (value, known bool), *RuleError) {
	field, text := "allow", rule.Allow
	if rule.Deny != "" {
		field, text = "deny", rule.Deny
	}
	switch {
	case rule.Allow != "" && rule.Deny != "":
		return nil, nil, &RuleError{Field: "deny", Message: "a rule has either allow or deny: make two rules of it"}
	case strings.TrimSpace(text) == "":
		return nil, nil, &RuleError{Field: field, Message: "the rule has no expression: write one such as args.channel in [\"#general\"], or true"}
	}
	known, rerr := c.matching(rule.Tools)
	if rerr != nil {
		return nil, nil, rerr
	}
	env, err := c.env.Extend(argVariables(known)...)
	if err != nil {
		return nil, nil, &RuleError{Field: field, Message: clip(err.Error(), 300)}
	}
	ast, rerr := c.check(env, field, text, rule.Tools, known)
	if rerr != nil {
		return nil, nil, rerr
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.InterruptCheckFrequency(100))
	if err != nil {
		return nil, nil, c.planError(field, err)
	}
	r := &compiledRule{
		pattern: rule.Tools, deny: field == "deny",
		label: clip(fmt.Sprintf("rule %d: %s %s", index+1, field, text), 120),
		text:  clip(text, 200), program: program, args: known.args,
	}
	constant, err := constantValue(env, ast, known)
	if err != nil {
		return nil, nil, c.planError(field, err)
	}
	return r, constant, nil
}

// planError is a mistake that is found only when the expression is compiled, such
// as a constant that cannot be computed.
func (c *compiler) planError(field string, err error) *RuleError {
	return &RuleError{Field: field, Message: fmt.Sprintf("the expression cannot be evaluated: %s", clip(err.Error(), 300))}
}

var patternForm = regexp.MustCompile(`^[A-Za-z0-9_.*-]{1,128}$`)

// matching is what the tools that fit the pattern have in common.
func (c *compiler) matching(pattern string) (shape, *RuleError) {
	if pattern == "" {
		return shape{}, &RuleError{Field: "tools", Message: `the rule does not say for which tools: name one, or "*" for all`}
	}
	if !patternForm.MatchString(pattern) {
		return shape{}, &RuleError{Field: "tools", Message: fmt.Sprintf("%q is not a tool's name or a pattern such as \"slack_*\"", clip(pattern, 80))}
	}
	var shapes []shape
	for i, name := range c.names {
		if matches(pattern, name) {
			shapes = append(shapes, c.shapes[i])
		}
	}
	if len(shapes) > 0 {
		return common(shapes), nil
	}
	message := fmt.Sprintf("no tool is called %q", pattern)
	if strings.Contains(pattern, "*") {
		message = fmt.Sprintf("no tool matches %q", pattern)
	}
	if near := c.nearPattern(pattern); near != "" {
		return shape{}, &RuleError{Field: "tools", Message: fmt.Sprintf("%s; did you mean %q?", message, near)}
	}
	return shape{}, &RuleError{Field: "tools", Message: message + ": `toolvault tools list` shows all"}
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

func argVariables(known shape) []cel.EnvOption {
	var options []cel.EnvOption
	for name, t := range known.args {
		if identifier.MatchString(name) {
			options = append(options, cel.Variable("args."+name, t.cel()))
		}
	}
	return options
}

// constantValue prepares to ask a rule for its value when only tool and service
// are known.
func constantValue(env *cel.Env, ast *cel.Ast, known shape) (func(ToolShape) (bool, bool), error) {
	program, err := env.Program(ast, cel.EvalOptions(cel.OptPartialEval), cel.CostLimit(maxCost))
	if err != nil {
		return nil, err
	}
	var unknown []*cel.AttributePatternType
	for _, name := range variableNames {
		if name != "tool" && name != "service" {
			unknown = append(unknown, cel.AttributePattern(name))
		}
	}
	for name := range known.args {
		unknown = append(unknown, cel.AttributePattern("args."+name))
	}
	return func(t ToolShape) (value, constant bool) {
		vars, err := cel.PartialVars(map[string]any{"tool": t.Name, "service": t.Service}, unknown...)
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
