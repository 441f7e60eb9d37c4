package auth

import (
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// names is a set of arguments.
type names map[string]bool

func (n names) with(more names) names {
	if len(more) == 0 {
		return n
	}
	all := maps.Clone(more)
	maps.Copy(all, n)
	return all
}

func (n names) and(other names) names {
	both := names{}
	for name := range n {
		if other[name] {
			both[name] = true
		}
	}
	return both
}

// reads calls f for every place at which the expression fails if the argument is
// not there: args.x and args["x"], but not under has(args.x) && …, nor after
// !has(args.x) || …. sure are the arguments that are known to be there.
//
// CEL's && and || take both sides in any order (false && error is false), so a
// guard on either side guards the other.
func reads(e ast.Expr, sure names, f func(id int64, name string)) {
	if name, ok := argument(e); ok {
		if !sure[name] {
			f(e.ID(), name)
		}
		return
	}
	if parts, and, ok := logical(e); ok {
		for i, part := range parts {
			reads(part, sure.with(others(parts, i, and)), f)
		}
		return
	}
	if c, yes, no, ok := conditional(e); ok {
		reads(c, sure, f)
		reads(yes, sure.with(present(c, true)), f)
		reads(no, sure.with(present(c, false)), f)
		return
	}
	for _, child := range children(e) {
		reads(child, sure, f)
	}
}

// present are the arguments that are there if the expression has the value.
func present(e ast.Expr, value bool) names {
	if name, ok := asked(e); ok && value {
		return names{name: true}
	}
	if not, ok := negated(e); ok {
		return present(not, !value)
	}
	if parts, and, ok := logical(e); ok {
		all := present(parts[0], value)
		for _, part := range parts[1:] {
			if and == value {
				all = all.with(present(part, value))
			} else {
				all = all.and(present(part, value))
			}
		}
		return all
	}
	if _, yes, no, ok := conditional(e); ok {
		return present(yes, value).and(present(no, value))
	}
	return nil
}

// others is what the other parts of a && or a || vouch for wherever this one
// decides the whole.
func others(parts []ast.Expr, i int, and bool) names {
	var sure names
	for j, part := range parts {
		if j != i {
			sure = sure.with(present(part, and))
		}
	}
	return sure
}

// maxCut bounds what a condition may grow to when it is taken apart: its parts are
// doubled where the test of a ?: is one itself. One that would be larger stays as
// it is, and so denies.
const maxCut = 20_000

// cutter takes out of a condition what cannot be true of a tool without the
// missing arguments: of "a || b" a part that reads one of them, of "a && b" both.
// What is taken out is replaced by what leaves the rest as it is. What cannot be
// taken apart, as an "a || b" inside a function, stays, fails, and so denies.
type cutter struct {
	missing names
	lastID  int64 // of the expression
}

// cut changes the AST, and reports whether anything is left of it.
func cut(a *ast.AST, missing names) bool {
	c := &cutter{missing: missing, lastID: ast.MaxID(a)}
	return c.cut(a.Expr(), nil, true)
}

// cut does so for a part. positive is false below a negation, where && and ||
// swap.
func (c *cutter) cut(e ast.Expr, sure names, positive bool) bool {
	if !c.touches(e, sure) {
		return true
	}
	left := false
	if not, ok := negated(e); ok {
		return c.cut(not, sure, !positive)
	} else if parts, and, ok := logical(e); ok {
		all := and == positive // one part that is out takes the others with it
		left = all
		for i, part := range parts {
			ok := c.cut(part, sure.with(others(parts, i, and)), positive)
			if all {
				left = left && ok
			} else {
				left = left || ok
			}
		}
	} else if test, yes, no, ok := conditional(e); ok {
		if c.touches(test, sure) {
			if c.lastID > maxCut {
				return true
			}
			c.expand(e, test, yes, no)
			return c.cut(e, sure, positive)
		}
		leftYes := c.cut(yes, sure.with(present(test, true)), positive)
		leftNo := c.cut(no, sure.with(present(test, false)), positive)
		left = leftYes || leftNo
	} else if c.mixed(e, sure) {
		return true
	}
	if !left {
		e.SetKindCase(ast.NewExprFactory().NewLiteral(e.ID(), types.Bool(!positive)))
	}
	return left
}

// expand turns test ? yes : no into (test && yes) || (!test && no).
func (c *cutter) expand(e, test, yes, no ast.Expr) {
	f := ast.NewExprFactory()
	id := func(int64) int64 { c.lastID++; return c.lastID }
	again := f.CopyExpr(test)
	again.RenumberIDs(id)
	e.SetKindCase(f.NewCall(e.ID(), operators.LogicalOr,
		f.NewCall(id(0), operators.LogicalAnd, test, yes),
		f.NewCall(id(0), operators.LogicalAnd, f.NewCall(id(0), operators.LogicalNot, again), no)))
}

// mixed reports whether an expression holds choices of which one could be made
// without a missing argument: it may have a value although another choice fails.
func (c *cutter) mixed(e ast.Expr, sure names) bool {
	free := func(part ast.Expr) bool { return !c.touches(part, sure) && !isAccumulator(part) }
	if parts, _, ok := logical(e); ok && c.touches(e, sure) && slices.ContainsFunc(parts, free) {
		return true
	}
	if test, yes, no, ok := conditional(e); ok && !c.touches(test, sure) && c.touches(e, sure) && (free(yes) || free(no)) {
		return true
	}
	return slices.ContainsFunc(children(e), func(child ast.Expr) bool { return c.mixed(child, sure) })
}

// isAccumulator reports whether e is what exists() and its like carry from one
// element to the next.
func isAccumulator(e ast.Expr) bool {
	return e.Kind() == ast.IdentKind && strings.HasPrefix(e.AsIdent(), "@")
}

func (c *cutter) touches(e ast.Expr, sure names) (yes bool) {
	reads(e, sure, func(_ int64, name string) { yes = yes || c.missing[name] })
	return yes
}

// argument is the name in args.x or args["x"].
func argument(e ast.Expr) (string, bool) {
	switch e.Kind() {
	case ast.SelectKind:
		if s := e.AsSelect(); !s.IsTestOnly() && isArgs(s.Operand()) {
			return s.FieldName(), true
		}
	case ast.CallKind:
		if parts := e.AsCall().Args(); e.AsCall().FunctionName() == operators.Index && len(parts) == 2 && isArgs(parts[0]) {
			return text(parts[1])
		}
	}
	return "", false
}

// asked is the name in has(args.x) or "x" in args.
func asked(e ast.Expr) (string, bool) {
	switch e.Kind() {
	case ast.SelectKind:
		if s := e.AsSelect(); s.IsTestOnly() && isArgs(s.Operand()) {
			return s.FieldName(), true
		}
	case ast.CallKind:
		if parts := e.AsCall().Args(); e.AsCall().FunctionName() == operators.In && len(parts) == 2 && isArgs(parts[1]) {
			return text(parts[0])
		}
	}
	return "", false
}

func negated(e ast.Expr) (ast.Expr, bool) {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.LogicalNot && len(e.AsCall().Args()) == 1 {
		return e.AsCall().Args()[0], true
	}
	return nil, false
}

// logical takes a && or a || apart.
func logical(e ast.Expr) (parts []ast.Expr, and, ok bool) {
	if e.Kind() != ast.CallKind {
		return nil, false, false
	}
	call := e.AsCall()
	and = call.FunctionName() == operators.LogicalAnd
	return call.Args(), and, (and || call.FunctionName() == operators.LogicalOr) && len(call.Args()) > 0
}

func conditional(e ast.Expr) (c, yes, no ast.Expr, ok bool) {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Conditional && len(e.AsCall().Args()) == 3 {
		parts := e.AsCall().Args()
		return parts[0], parts[1], parts[2], true
	}
	return nil, nil, nil, false
}

func children(e ast.Expr) []ast.Expr {
	switch e.Kind() {
	case ast.SelectKind:
		return []ast.Expr{e.AsSelect().Operand()}
	case ast.CallKind:
		if call := e.AsCall(); call.IsMemberFunction() {
			return slices.Concat([]ast.Expr{call.Target()}, call.Args())
		}
		return e.AsCall().Args()
	case ast.ListKind:
		return e.AsList().Elements()
	case ast.MapKind:
		var all []ast.Expr
		for _, entry := range e.AsMap().Entries() {
			all = append(all, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
		return all
	case ast.StructKind:
		var all []ast.Expr
		for _, field := range e.AsStruct().Fields() {
			all = append(all, field.AsStructField().Value())
		}
		return all
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		return []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()}
	}
	return nil
}
