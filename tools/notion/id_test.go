package notion

import (
	"strings"
	"testing"

	"toolvault/tools/toolstest"
)

const someID = "3a91c2d4-5e6f-4708-8192-a3b4c5d6e7f8"

func TestParseID(t *testing.T) {
	hex := strings.ReplaceAll(someID, "-", "")
	for text, want := range map[string]string{
		someID:                            someID,
		strings.ToUpper(someID):           someID,
		hex:                               someID,
		" " + hex + "\t":                  someID,
		"Export-runbook-" + hex:           someID,
		"https://www.notion.so/" + hex:    someID,
		"https://app.notion.com/p/" + hex: someID,
		"https://www.notion.so/northwind/Export-runbook-" + hex + "?pvs=4#" + strings.Repeat("0", 32):                someID,
		"https://northwind.notion.site/Runbook-" + hex:                                                               someID,
		"https://www.notion.so/northwind/" + strings.Repeat("a", 32) + "?v=" + strings.Repeat("b", 32) + "&p=" + hex: someID,
		"https://www.notion.so/northwind/" + hex + "?v=" + strings.Repeat("b", 32):                                   someID,
		"notion://www.notion.so/northwind/Export-" + hex:                                                             someID,
		"Runbook: CSV exports":      "",
		"v1..v2 of the plan":        "",
		"and so on...":              "",
		"deadbeef":                  "",
		"a title ending-" + hex[1:]: "",
	} {
		id, ok, err := parseID("page", text)
		if err != nil || id != want || ok != (want != "") {
			t.Errorf("%q: %q %v %v, want %q", text, id, ok, err, want)
		}
	}
}

// What is made to leave the place of an id in a path, or is an address elsewhere, is
// refused and never looked for as a title.
func TestParseIDRefuses(t *testing.T) {
	hex := strings.ReplaceAll(someID, "-", "")
	for _, text := range []string{
		"", "  ", "..", ".", "../users/me", "..\\users", hex + "/../../users/me", "%2e%2e", "%2E%2E/users", "a%2fb", "x%5Cy", "a\nb", "\x00",
		"https://evil.example/" + hex, "http://www.notion.so/" + hex, "https://notion.so.evil.example/" + hex, "https://evilnotion.so/" + hex,
		"https://user@www.notion.so/" + hex, "https://www.notion.so/", "https://www.notion.so/../" + hex[1:], "file:///etc/passwd", "https://www.notion.so/x?v=" + hex,
	} {
		if id, ok, err := parseID("page", text); err == nil {
			t.Errorf("%q is taken: %q %v", text, id, ok)
		} else if f := toolstest.FaultOf(t, err); f.Kind != "invalid_arguments" || !f.NotSent {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{someID, "https://www.notion.so/A-" + strings.ReplaceAll(someID, "-", ""), "../..", "%2e%2e", "A title", "https://x.notion.site/?p=" + someID} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, ok, err := parseID("page", text)
		switch {
		case err != nil && (ok || id != ""), ok != (id != ""):
			t.Fatalf("%q: %q %v %v", text, id, ok, err)
		case ok && (!dashedID.MatchString(id) || id != strings.ToLower(id)):
			t.Fatalf("%q: %q is no id", text, id)
		case ok && !strings.Contains(strings.ToLower(strings.ReplaceAll(text, "-", "")), strings.ReplaceAll(id, "-", "")) && !strings.Contains(text, "%"):
			t.Fatalf("%q: %q is not in it", text, id)
		}
	})
}
