package app

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/schemas"
)

// TestAnnotationsAreTrue holds what a tool's file says of it against what the
// double saw: clients ask their users, or do not, by these words.
func TestAnnotationsAreTrue(t *testing.T) {
	everyTool(t, func(t *testing.T, w *whole, tool schemas.Tool) {
		if closed := tool.Service == "toolvault" && tool.Name != "call_tool"; tool.Annotations.Closed != closed {
			t.Errorf("closed is %v: toolvault's own tools reach nobody, all others do", tool.Annotations.Closed)
		}
		if tool.Annotations.Irreversible && !tool.Annotations.Destructive {
			t.Error("what cannot be brought back was destroyed: irreversible without destructive")
		}
		if tool.Name == "call_tool" { // it is annotated as the worst that it may stand for
			return
		}
		before := w.state(t)
		if r, _ := w.do(t.Context(), tool.Name, tool.Example); r.Failure != nil {
			t.Fatalf("%s: %s", r.Failure.Kind, r.Failure.Message)
		}
		first := w.state(t)
		added, gone, changed := differences(before, first)
		said := tool.Annotations
		switch writes := len(added)+len(gone)+len(changed) > 0; {
		case said.ReadOnly && writes:
			t.Errorf("readOnly, but it added %v, removed %v and changed %v", added, gone, changed)
		case !said.ReadOnly && !writes:
			t.Error("not readOnly, but its example changes nothing")
		}
		if destroyed := len(gone)+len(changed) > 0; said.Destructive != destroyed {
			t.Errorf("destructive is %v, but it removed %v and changed %v", said.Destructive, gone, changed)
		}
		time.Sleep(time.Minute) // so that what only says when differs
		again, _ := w.do(t.Context(), tool.Name, tool.Example)
		second := w.state(t)
		same := maps.Equal(first, second)
		switch {
		case said.Idempotent && !same:
			added, gone, changed := differences(first, second)
			t.Errorf("idempotent, but the same again added %v, removed %v and changed %v", added, gone, changed)
		case !said.ReadOnly && !said.Idempotent && same && again.Failure == nil:
			t.Error("not idempotent, but the same again changes nothing")
		case !said.ReadOnly && !said.Idempotent && again.Failure != nil && !said.Destructive:
			t.Logf("the same again fails: %s", again.Failure.Message)
		}
	})
}

// differences are the names of what was added to, taken from, and changed in what a
// double holds.
func differences(before, after map[string]string) (added, gone, changed []string) {
	for _, k := range slices.Sorted(maps.Keys(after)) {
		switch was, there := before[k]; {
		case !there:
			added = append(added, k)
		case was != after[k]:
			changed = append(changed, k+": "+clip(was)+" → "+clip(after[k]))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(before)) {
		if _, there := after[k]; !there {
			gone = append(gone, k)
		}
	}
	return added, gone, changed
}

func clip(s string) string {
	if s = strings.TrimSpace(s); len(s) > 120 {
		s = s[:120] + "…"
	}
	return s
}
