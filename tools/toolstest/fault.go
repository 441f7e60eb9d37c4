package toolstest

import (
	"errors"
	"testing"

	"toolvault/tools/fault"
)

// FaultOf is the fault that a call ended in; there has to be one.
func FaultOf(t testing.TB, err error) *fault.Error {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("want a fault, got %v", err)
	}
	return f
}
