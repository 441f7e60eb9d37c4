package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

// TestEveryKindOfFailureCanBeAskedFor reads the constants of package fault, so
// that a new kind is not refused as a slip of the pen.
func TestEveryKindOfFailureCanBeAskedFor(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../tools/fault/fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Kind" {
			return true
		}
		for _, v := range spec.Values {
			text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found++
			if !slices.Contains(outcomes(), text) {
				t.Errorf("--outcome %s is refused", text)
			}
		}
		return true
	})
	if found < 10 {
		t.Errorf("only %d kinds were found", found)
	}
}
