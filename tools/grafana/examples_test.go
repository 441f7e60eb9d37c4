package grafana

import (
	"testing"

	"toolvault/schemas"
)

// exampleFiles are the schema files of the tools.
func exampleFiles(t testing.TB) []schemas.Tool {
	t.Helper()
	all, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	var mine []schemas.Tool
	for _, f := range all {
		if f.Service == name {
			mine = append(mine, f)
		}
	}
	return mine
}

// The call that each schema file shows works, at a current Grafana and at an old
// one; all that is sent fits the official description.
func TestExamples(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		for _, f := range exampleFiles(t) {
			w := with(t, options(legacy))
			out, err := w.call(f.Name, string(f.Example))
			if err != nil {
				t.Errorf("%s, legacy %v: %v", f.Name, legacy, err)
				continue
			}
			if text := out.(interface{ Text() string }).Text(); text == "" {
				t.Errorf("%s: no text", f.Name)
			} else if !legacy {
				t.Logf("%s %s\n%s", f.Name, f.Example, text)
			}
		}
	}
}
