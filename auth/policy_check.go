package auth

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"toolvault/schemas/near"
)

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// parse reads an expression, and holds the arguments and time zones that it
// names against those that exist.
func (c *compiler) parse(field, text, pattern string, known shape) (*cel.Ast, *RuleError) {
	if utf8.RuneCountInString(text) > maxExpression {
		return nil, &RuleError{Field: field, Message: fmt.Sprintf("the expression has more than %d characters: make several rules of it", maxExpression)}
	}
	if !utf8.ValidString(text) {
		return nil, &RuleError{Field: field, Message: "the expression is not UTF-8 text"}
	}
	parsed, issues := c.env.Parse(text)
	if issues.Err() != nil {
		return nil, issueError(field, issues)
	}
	l := &linter{field: field, pattern: pattern, known: known, zones: c.zones, ast: parsed.NativeRep()}
	ast.PreOrderVisit(l.ast.Expr(), ast.NewExprVisitor(l.visit))
	if l.err != nil {
		return nil, l.err
	}
	return parsed, nil
}

// check checks the types of an expression.
func check(env *cel.Env, field string, parsed *cel.Ast) (*cel.Ast, *RuleError) {
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return nil, issueError(field, issues)
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) && t.Kind() != types.DynKind {
		return nil, &RuleError{Field: field, Line: 1, Column: 1, Message: fmt.Sprintf("the expression gives %s, not true or false: compare it with something", article(cel.FormatCELType(t)))}
	}
	return checked, nil
}

// linter finds mistakes that CEL itself would find only when a call comes.
type linter struct {
	field, pattern string
	known          shape
	zones          *zones
	ast            *ast.AST
	err            *RuleError // the first one
}

func (l *linter) fail(id int64, format string, values ...any) {
	if l.err != nil {
		return
	}
	at := l.ast.SourceInfo().GetStartLocation(id)
	l.err = &RuleError{Field: l.field, Line: max(at.Line(), 1), Column: max(at.Column(), 0) + 1, Message: fmt.Sprintf(format, values...)}
}

func (l *linter) visit(e ast.Expr) {
	switch e.Kind() {
	case ast.SelectKind:
		if s := e.AsSelect(); isArgs(s.Operand()) {
			at := e.ID()
			if s.IsTestOnly() {
				at = s.Operand().ID() // its own place is that of has(
			}
			l.argument(at, s.FieldName())
		}
	case ast.ComprehensionKind:
		for _, name := range []string{e.AsComprehension().IterVar(), e.AsComprehension().IterVar2()} {
			if slices.Contains(variableNames, name) {
				l.fail(e.ID(), "%q is the name of a variable already: choose another one for the elements", name)
			}
		}
	case ast.CallKind:
		l.call(e)
	}
}

func (l *linter) call(e ast.Expr) {
	call := e.AsCall()
	parts := call.Args()
	switch name := call.FunctionName(); {
	case name == operators.Index && len(parts) == 2 && isArgs(parts[0]):
		if key, ok := text(parts[1]); ok {
			l.argument(parts[1].ID(), key)
			if identifier.MatchString(key) {
				// args["x"] and args.x are the same, and only of the latter is
				// the type known.
				e.SetKindCase(ast.NewExprFactory().NewSelect(e.ID(), parts[0], key))
			}
		}
	case name == operators.In && len(parts) == 2 && isArgs(parts[1]):
		if key, ok := text(parts[0]); ok {
			l.argument(parts[0].ID(), key)
		}
	case call.IsMemberFunction() && len(parts) == 1:
		if _, takesZone := zoneFunctions[name]; takesZone {
			if zone, ok := text(parts[0]); ok {
				if _, err := l.zones.load(zone); err != nil {
					l.fail(parts[0].ID(), "there is no time zone %q: write an IANA name such as \"Europe/Berlin\", or an offset such as \"+02:00\"", clip(zone, 60))
				}
			}
		}
	}
}

func (l *linter) argument(at int64, name string) {
	if _, ok := l.known.args[name]; ok || l.known.open {
		return
	}
	message := fmt.Sprintf("no tool that matches %q has an argument %q", l.pattern, clip(name, 60))
	if !strings.Contains(l.pattern, "*") {
		message = fmt.Sprintf("%s has no argument %q", l.pattern, clip(name, 60))
	}
	names := slices.Sorted(maps.Keys(l.known.args))
	switch meant := near.Match(name, names); {
	case meant != "":
		l.fail(at, "%s; did you mean %q?", message, meant)
	case len(names) == 0:
		l.fail(at, "%s: it takes none", message)
	default:
		l.fail(at, "%s: there are %s", message, clip(strings.Join(names, ", "), 200))
	}
}

func isArgs(e ast.Expr) bool {
	return e.Kind() == ast.IdentKind && strings.TrimPrefix(e.AsIdent(), ".") == "args"
}

func text(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	overload   = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '([^']*)'`)
	literal    = regexp.MustCompile(`^invalid (matches|timestamp|duration) argument$`)
)

var literalHints = map[string]string{
	"matches":   "this is not a regular expression in the syntax of RE2",
	"timestamp": `this is not a timestamp: write it as "2006-01-02T15:04:05Z"`,
	"duration":  `this is not a duration: write it as "90s" or "1h30m"`,
}

// issueError makes one sentence of the first of CEL's complaints.
func issueError(field string, issues *cel.Issues) *RuleError {
	all := slices.Clone(issues.Errors())
	if len(all) == 0 {
		return &RuleError{Field: field, Message: clip(issues.Err().Error(), 300)}
	}
	first := slices.MinFunc(all, func(a, b *cel.Error) int {
		if d := a.Location.Line() - b.Location.Line(); d != 0 {
			return d
		}
		return a.Location.Column() - b.Location.Column()
	})
	e := &RuleError{Field: field, Message: sentence(first.Message)}
	if first.Location.Line() > 0 {
		e.Line, e.Column = first.Location.Line(), max(first.Location.Column(), 0)+1
	}
	return e
}

func sentence(message string) string {
	if m := undeclared.FindStringSubmatch(message); m != nil {
		if meant := near.Match(m[1], variableNames); meant != "" {
			return fmt.Sprintf("there is no %q; did you mean %q?", clip(m[1], 60), meant)
		}
		return fmt.Sprintf("there is no %q: a rule knows %s, and the functions of CEL", clip(m[1], 60), strings.Join(variableNames, ", "))
	}
	if m := overload.FindStringSubmatch(message); m != nil {
		operator, ok := operators.FindReverse(m[1])
		if !ok || operator == "" {
			operator = m[1]
		}
		hint := ""
		if strings.Contains(m[2], "double") && strings.Contains(m[2], "int") {
			hint = ": write the number with a decimal point, as in 100.0"
		}
		return clip(fmt.Sprintf("%q cannot be applied to %s%s", operator, m[2], hint), 300)
	}
	if m := literal.FindStringSubmatch(message); m != nil {
		return literalHints[m[1]]
	}
	message, _, _ = strings.Cut(message, " expecting {") // a list of every token there is
	return clip(strings.Replace(message, "Syntax error: ", "the expression cannot be read: ", 1), 300)
}

func article(noun string) string {
	if strings.ContainsAny(noun[:min(1, len(noun))], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
}
