package auth

import "cel.dev/cel-go/common/ast"

// ReadsArguments reports whether a rule about the tool looks at a call's
// arguments, its account aside. Whoever holds the credential itself could call the
// service with any arguments, so such a tool is a reason not to give it out.
func (p *Policy) ReadsArguments(tool string) bool {
	if p == nil {
		return false
	}
	rules := p.matching(tool)
	for _, all := range [][]*compiledRule{rules.denies, rules.allows} {
		for _, r := range all {
			if r.readsArgs {
				return true
			}
		}
	}
	return false
}

// readsArgs reports whether an expression looks at args at all, be it only to
// see whether something is there.
func readsArgs(e ast.Expr) bool {
	if name, ok := argument(e); ok {
		return name != Account
	}
	if e.Kind() == ast.IdentKind && e.AsIdent() == "args" {
		return true
	}
	for _, child := range children(e) {
		if readsArgs(child) {
			return true
		}
	}
	return false
}
