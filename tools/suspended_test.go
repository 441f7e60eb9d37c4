package tools_test

import (
	"strings"
	"testing"

	"toolvault/tools/fault"
)

// TestASuspendedAgentIsToldWhy, whatever it calls: over stdio, where no token is
// refused before, toolvault_whoami too.
func TestASuspendedAgentIsToldWhy(t *testing.T) {
	w := newWorldOf(t, nil, ownFiles(t))
	w.active = false
	w.Gateway.Why = func(agent string) string { return " (alert-1, denials: " + agent + " ran wild)" }
	for tool, args := range map[string]string{"shelf_get": `{"title":"x"}`, "toolvault_whoami": `{}`} {
		r := w.call(t, tool, args)
		if kind(r) != fault.NotPermitted || !strings.Contains(r.Text, "removed (alert-1, denials: a1 ran wild). An admin") {
			t.Errorf("%s: %+v %s", tool, r.Failure, r.Text)
		}
	}
}
