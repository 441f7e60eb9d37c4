package find_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"toolvault/schemas"
	"toolvault/tools/find"
)

func catalogue(t testing.TB) []schemas.Tool {
	t.Helper()
	all, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(t schemas.Tool) bool {
		return slices.Contains([]string{"find_tools", "describe_tool", "call_tool"}, t.Name) // what finds is not found
	})
}

// Every tool has words that people use for it, and few enough to keep what the
// tool is plain.
func TestEveryToolHasWords(t *testing.T) {
	for _, tool := range catalogue(t) {
		if n := len(tool.Words); n == 0 || n > 200 {
			t.Errorf("%s: words has %d bytes, want 1 to 200", tool.Name, n)
		}
	}
}

// enough is the share of requests that have a right tool among the first three.
const enough = 0.9

func TestRequests(t *testing.T) { measure(t, "testdata/requests.txt", 120) }

// TestHeldOut measures with requests to which nothing was tuned.
func TestHeldOut(t *testing.T) { measure(t, "testdata/heldout.txt", 40) }

func measure(t *testing.T, file string, atLeast int) {
	all := catalogue(t)
	exists := map[string]bool{}
	for _, tool := range all {
		exists[tool.Name] = true
	}
	x := find.New(all)
	asked, first, found := 0, 0, 0
	for query, right := range requests(t, file) {
		for _, name := range right {
			if !exists[name] {
				t.Errorf("%s: %q names %s: there is no such tool", file, query, name)
			}
		}
		got := names(x.Search(query, 3, nil))
		asked++
		switch slices.IndexFunc(got, func(name string) bool { return slices.Contains(right, name) }) {
		case 0:
			first++
			found++
		case 1, 2:
			found++
		default:
			t.Logf("miss: %q wants %v, got %v", query, right, got)
		}
	}
	share := float64(found) / float64(asked)
	t.Logf("%s: of %d requests %d have a right tool first, %d among the first three (%.1f %%)", file, asked, first, found, 100*share)
	if asked < atLeast {
		t.Errorf("%d requests, want at least %d", asked, atLeast)
	}
	if share < enough {
		t.Errorf("%.1f %% have a right tool among the first three, want %.0f %%", 100*share, 100*enough)
	}
}

// requests reads lines of "what somebody says => tool tool".
func requests(t testing.TB, file string) func(func(string, []string) bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(string, []string) bool) {
		for line := range strings.Lines(string(b)) {
			line = strings.TrimSpace(line)
			if line == "" || line == "#" || strings.HasPrefix(line, "# ") {
				continue
			}
			i := strings.LastIndex(line, " => ")
			if i < 0 {
				t.Fatalf("%s: no => in %q", file, line)
			}
			if !yield(line[:i], strings.Fields(line[i+4:])) {
				return
			}
		}
	}
}
