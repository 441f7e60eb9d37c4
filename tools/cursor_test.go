package tools

import (
	"slices"
	"strconv"
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

func TestPageIsCutAtAWholeItem(t *testing.T) {
	query := []string{"q"}
	upstream := map[string][]string{} // pages by cursor
	for i, cursor := range []string{"", "b", "c"} {
		for j := range 40 {
			upstream[cursor] = append(upstream[cursor], strings.Repeat("x", 5000)+strconv.Itoa(40*i+j))
		}
	}
	next := map[string]string{"": "b", "b": "c", "c": ""}
	var got []string
	calls := 0
	for cursor := ""; ; calls++ {
		at, err := OpenPosition(query, cursor)
		if err != nil {
			t.Fatal(err)
		}
		var page []string
		page, cursor = Page(query, at, upstream[at.Cursor], 40, next[at.Cursor])
		if n := len(strings.Join(page, "")); n > 60_000 || len(page) == 0 {
			t.Fatalf("a page of %d bytes in %d items", n, len(page))
		}
		got = append(got, page...)
		if cursor == "" {
			break
		}
	}
	if want := slices.Concat(upstream[""], upstream["b"], upstream["c"]); !slices.Equal(got, want) {
		t.Errorf("%d items in %d pages, want %d, each once", len(got), calls, len(want))
	}
	if page, _ := Page(query, Position{}, []string{strings.Repeat("x", 100_000), "y"}, 10, ""); len(page) != 1 {
		t.Error("an item that is too large alone stops the list")
	}
	if page, cursor := Page(query, Position{Skip: 99}, []string{"a"}, 10, "n"); len(page) != 0 || cursor == "" {
		t.Error("a list that has become shorter")
	}
	if _, err := OpenPosition(query, Cursor(query, "x y")); err == nil {
		t.Error("a cursor without a position was taken")
	}
}
