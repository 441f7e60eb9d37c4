package notion

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"toolvault/tools/toolstest"
)

// checkParts holds parts against what splitting promises: in order and without a gap,
// none over the bounds, no block of code that is open at the end of one, and nothing
// added but fences that are closed and opened again.
func checkParts(t *testing.T, markdown string, parts []part, b bounds) {
	t.Helper()
	at := 0
	for i, p := range parts {
		if p.from != at || p.to <= p.from {
			t.Fatalf("part %d is from %d to %d, after %d", i, p.from, p.to, at)
		}
		at = p.to
		raw, err := json.Marshal(p.text)
		if err != nil || len(raw)-2 > b.bytes {
			t.Fatalf("part %d has %d bytes, more than %d", i, len(raw), b.bytes)
		}
		if n, _ := counted(p.text); n > b.lines {
			t.Fatalf("part %d has %d lines, more than %d", i, n, b.lines)
		}
		if !utf8.ValidString(p.text) {
			t.Fatalf("part %d is cut within a character", i)
		}
		stands := markdown[p.from:p.to]
		if core := strings.TrimSuffix(stands, "\n"); !strings.Contains(p.text, core) {
			t.Fatalf("part %d does not hold what stands there:\n%q\n%q", i, p.text, stands)
		}
		if p.text != stands && !strings.Contains(p.text, "```") && !strings.Contains(p.text, "~~~") {
			t.Fatalf("part %d has something added that is no fence:\n%q\n%q", i, p.text, stands)
		}
		if open := openAt(p.text); open != "" && i < len(parts)-1 {
			t.Fatalf("part %d ends within a block of code (%q):\n%q", i, open, p.text)
		}
	}
	if at != len(markdown) {
		t.Fatalf("the parts end at %d of %d", at, len(markdown))
	}
}

// openAt is the fence that is open at the end of a text.
func openAt(text string) string {
	open, depth := "", 0
	for line := range strings.Lines(text) {
		open, depth = after(strings.TrimRight(line, "\r\n"), open, depth)
	}
	return open
}

func TestSplit(t *testing.T) {
	b := bounds{lines: 4, bytes: 120}
	lines := func(form string, n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(form, i))
		}
		return strings.Join(all, "\n")
	}
	for _, c := range []struct {
		name, markdown string
		parts          []string
	}{
		{"nothing", "", nil},
		{"what fits is one part", "# A\n\nb\n\nc", []string{"# A\n\nb\n\nc"}},
		{"between paragraphs", "a\n\nb\n\nc\n\nd\n\ne", []string{"a\n\nb\n\nc\n\nd\n\n", "e"}},
		{"a paragraph of several lines stays whole", "a\n\nb\n\nc\nd\ne", []string{"a\n\nb\n\n", "c\nd\ne"}},
		{"between items", lines("- %d", 6), []string{"- 0\n- 1\n- 2\n- 3\n", "- 4\n- 5"}},
		{"an item keeps what is below it", "- a\n- b\n- c\n- d\n\t- under d\n- e", []string{"- a\n- b\n- c\n", "- d\n\t- under d\n- e"}},
		{"a tag stays whole", "a\n\nb\n\n<toggle>\nt\n\n</toggle>\n\nc", []string{"a\n\nb\n\n", "<toggle>\nt\n\n</toggle>\n\nc"}},
		{"a table stays whole", "a\n\nb\n\n| a |\n| - |\n| 1 |\n\nc", []string{"a\n\nb\n\n", "| a |\n| - |\n| 1 |\n\nc"}},
		{"a block of code stays whole", "a\n\nb\n\n```go\n\nx\n```\n\nc", []string{"a\n\nb\n\n", "```go\n\nx\n```\n\nc"}},
		{"code that is too large is closed and opened again", "```go\n" + lines("%d", 4) + "\n```", []string{"```go\n0\n```\n", "```go\n1\n2\n```\n", "```go\n3\n```"}},
		{"a heading within code begins nothing", "```\n# a\n\n# b\n```\n# c", []string{"```\n# a\n\n# b\n```\n", "# c"}},
		{"a paragraph that is too large is divided at a blank", strings.Repeat("word ", 40), []string{strings.Repeat("word ", 24), strings.Repeat("word ", 16)}},
		{"a word that is too large is divided anywhere", strings.Repeat("x", 200), []string{strings.Repeat("x", 120), strings.Repeat("x", 80)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			parts, err := split(c.markdown, b)
			if err != nil {
				t.Fatal(err)
			}
			checkParts(t, c.markdown, parts, b)
			var got []string
			for _, p := range parts {
				got = append(got, p.text)
			}
			if strings.Join(got, "|") != strings.Join(c.parts, "|") {
				t.Errorf("got  %q\nwant %q", got, c.parts)
			}
		})
	}
}

func TestSplitExplainsWhatItCannot(t *testing.T) {
	for name, markdown := range map[string]string{
		"table": strings.Repeat("| a | b |\n", 900),
		"list":  "- a\n" + strings.Repeat("\t- b\n", 900),
		"tag":   "<toggle>\nt\n" + strings.Repeat("\nb\n", 900) + "\n</toggle>",
		"parts": strings.Repeat("a\n\n", 800*26),
		"fence": "```" + strings.Repeat("x", 300_000) + "\n" + strings.Repeat("a\n", 900) + "```",
	} {
		_, err := split(markdown, bounds{maxPartLines, maxPartBytes})
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		if f := toolstest.FaultOf(t, err); f.Kind != "invalid_arguments" || !f.NotSent {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		"# A\n\nb\nc\n\n- d\n\t- e\n", "```go\nx\n\ny\n```\n", "~~~\n```\n~~~\na", "| a |\n| - |\n\nx", "<toggle>\na\n\n</toggle>\nb", "<page url=\"x\">t</page>",
		strings.Repeat("- [ ] x\n", 30), "```\n" + strings.Repeat("<&>\n", 40), strings.Repeat("é\u2028 ", 60), "    ```\n> a\n> b", "``` `a`\nb\n\n```", "\r\n\r\na\r\n```\r\nb\r\n```\r\n",
	} {
		f.Add(s, 5, 200)
	}
	f.Fuzz(func(t *testing.T, markdown string, lines, bytes int) {
		if len(markdown) > 20_000 || !utf8.ValidString(markdown) {
			return
		}
		b := bounds{max(3, lines%50), max(100, bytes%5000)}
		parts, err := split(markdown, b)
		if err == nil {
			checkParts(t, markdown, parts, b)
		}
	})
}
