package tools

import (
	"strings"
	"testing"
)

func TestACursorBelongsToItsQuery(t *testing.T) {
	type query struct{ Text string }
	c := Cursor(query{"a"}, "dGVhbTpDMDYx")
	if got, err := OpenCursor(query{"a"}, c); err != nil || got != "dGVhbTpDMDYx" {
		t.Errorf("%q, %v", got, err)
	}
	for name, cursor := range map[string]string{"another query's": Cursor(query{"b"}, "x"), "the service's own": "dGVhbTpDMDYx", "no base64": "%%%", "cut short": c[:8], "too long": strings.Repeat("A", 9000)} {
		if got, err := OpenCursor(query{"a"}, cursor); err == nil {
			t.Errorf("%s cursor was taken: %q", name, got)
		}
	}
	if Cursor(query{"a"}, "") != "" || Cursor(query{"a"}, strings.Repeat("x", maxCursorBytes+1)) != "" {
		t.Error("no next page, and yet a cursor")
	}
	if got, err := OpenCursor(query{"a"}, ""); got != "" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzOpenCursor(f *testing.F) {
	f.Add(Cursor("q", "next"))
	f.Add("%%%")
	f.Fuzz(func(t *testing.T, cursor string) {
		if got, err := OpenCursor("q", cursor); err == nil && cursor != "" && Cursor("q", got) == "" {
			t.Errorf("%q opened to %q, which no cursor holds", cursor, got)
		}
	})
}
