package scope

import (
	"slices"
	"testing"
)

// The names are the fewest that say what a set grants.
func TestNames(t *testing.T) {
	c := NewCatalog("calendar", Def{Name: "list"}, Def{Name: "read"}, Def{Name: "write", Write: true, Implies: []string{"read"}}, Def{Name: "same", Implies: []string{"twin"}}, Def{Name: "twin", Implies: []string{"same"}})
	for text, want := range map[string][]string{
		ReadWrite:           {"list", "write", "same", "twin"},
		ReadOnly:            {"list", "read", "same", "twin"},
		"write":             {"write"},
		"read write list":   {"list", "write"},
		ReadOnly + " write": {"list", "write", "same", "twin"},
		"":                  nil,
	} {
		set, err := c.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := set.Names(); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := (Set{}).Names(); got != nil {
		t.Errorf("the zero set: %q", got)
	}
}
