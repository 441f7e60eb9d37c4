package hubspot

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/toolstest"
)

// TestEveryToolIsWhatItsFileSays makes the example call of every tool on a fresh
// account and looks what became of it: a reader changes nothing, what only adds
// leaves all that was there, what destroys does not, and the same again leaves the
// same.
func TestEveryToolIsWhatItsFileSays(t *testing.T) {
	files, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Service != name {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			w := newWorld(t)
			before := w.double.Snapshot()
			if len(f.Example) == 0 || f.Words == "" || len(f.Words) > 200 {
				t.Fatal("it has no example, or no words, or too many")
			}
			out := w.must(f.Name, string(f.Example))
			text := out.(tools.Texter).Text()
			if text == "" || strings.Contains(text, "Note: "+notes("")) && strings.HasSuffix(text, "Note: ") {
				t.Errorf("text %q", text)
			}
			t.Log(text)
			after := w.double.Snapshot()
			changed := slices.ContainsFunc(slices.Collect(maps.Keys(before)), func(k string) bool { v, ok := after[k]; return !ok || v != before[k] })
			same := maps.Equal(before, after)
			switch a := f.Annotations; {
			case a.ReadOnly && !same:
				t.Error("it only reads, and something is different")
			case !a.ReadOnly && same:
				t.Error("it writes, and nothing is different")
			case !a.ReadOnly && a.Destructive != changed:
				t.Errorf("destructive: %v; something that was there is different: %v", a.Destructive, changed)
			}
			if f.Annotations.ReadOnly || !f.Annotations.Idempotent {
				return
			}
			if _, err := w.call(f.Name, string(f.Example)); err != nil {
				t.Errorf("again: %v", err)
			} else if !maps.Equal(after, w.double.Snapshot()) {
				t.Error("the same again leaves another state")
			}
		})
	}
}

func TestTheCatalogueIsSmall(t *testing.T) {
	files, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	n, total := 0, 0
	for _, f := range files {
		if f.Service == name {
			n, total = n+1, total+len(f.Listing())
		}
	}
	t.Logf("%d tools, %d bytes, %d on average", n, total, total/n)
	if total > 600*n {
		t.Errorf("%d bytes a tool on average, more than 600", total/n)
	}
	toolstest.Sizes(t, New(), 800)
}
