package toolstest

import (
	"testing"
	"unicode"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// Harmless checks that what a model gets of a failure is at most so many
// characters, in one line, and that all of it can be seen.
func Harmless(t testing.TB, f *fault.Error, most int) {
	t.Helper()
	for _, s := range append([]string{f.Message, f.Code}, f.Needed...) {
		if n := len([]rune(s)); n > most {
			t.Errorf("%d characters: %.100s", n, s)
		}
		for _, r := range s {
			if unicode.IsControl(r) || upstream.Invisible(r) {
				t.Errorf("%U in %q", r, s)
			}
		}
	}
}
