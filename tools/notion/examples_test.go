package notion

import (
	"maps"
	"testing"

	"toolvault/schemas"
	"toolvault/tools/toolstest"
)

// The call that each schema file shows works on the double as it starts; a read leaves
// everything as it was, and every request is one that the description knows.
func TestExamples(t *testing.T) {
	files, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Service != name {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			w, d := sandboxed(t)
			before := d.Snapshot()
			c := w.client()
			out, err := toolstest.Call(t, w.svc, c, f.Name, string(f.Example))
			if err != nil {
				t.Fatal(err)
			}
			t.Log(out.(interface{ Text() string }).Text())
			switch n := c.Stats().Writes; {
			case f.Annotations.ReadOnly && (n > 0 || !maps.Equal(before, d.Snapshot())):
				t.Errorf("a read made %d requests that are not marked as such, or changed something", n)
			case !f.Annotations.ReadOnly && n != 1:
				t.Errorf("%d requests that change something, want 1", n)
			}
		})
	}
}
