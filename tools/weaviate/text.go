package weaviate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"toolvault/tools/upstream"
)

// orNone is a name, or a dash where there is none.
func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// list is the first n of some names.
func list(all []string, n int) string {
	if len(all) == 0 {
		return "none"
	}
	if more := len(all) - n; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:n], ", "), more)
	}
	return strings.Join(all, ", ")
}

// cleaned are the first n of some texts of the server.
func cleaned(all []string, n int) []string {
	out := make([]string, 0, min(len(all), n))
	for _, s := range all[:min(len(all), n)] {
		out = append(out, upstream.Clean(s, 200))
	}
	return out
}

// sorted are the names in a map, in order.
func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
