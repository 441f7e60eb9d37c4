package upstream

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		limit          int
	}{
		{"plain", "Export times out", "Export times out", 300},
		{"empty", "", "", 300},
		{"no room", "abc", "", 0},
		{"exactly fits", "abc", "abc", 3},
		{"cut", "abcd", "ab…", 3},
		{"blanks at the end need no room", "abc  \n", "abc", 3},
		{"cut counts characters", "äöüß", "äö…", 3},
		{"lines become one", "  a\r\n\tb \u2028c\u2029 d\u0085e ", "a b c d e", 300},
		{"control characters", "a\x00b\x1b[31mc\x7fd\u009be", "ab[31mcde", 300},
		{"bidirectional", "user\u202egpj.exe\u2066x\u2069\u200f", "usergpj.exex", 300},
		{"zero width", "pay\u200bpal\ufeff\u2060\u00ad", "paypal", 300},
		{"tags", "hi\U000e0069\U000e0067\U000e007f", "hi", 300},
		{"variation selectors", "a\ufe0f\U000e0100", "a", 300},
		{"fillers", "a\u3164\u115f\uffa0\u2800b", "ab", 300},
		{"private use", "a\ue000\U000f0000b", "ab", 300},
		{"not UTF-8", "a\xffb", "a\ufffdb", 300},
		{"scripts stay", "日本語 čeština العربية 🙂", "日本語 čeština العربية 🙂", 300},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Clean(c.in, c.limit); got != c.want {
				t.Errorf("Clean(%q, %d) = %q, want %q", c.in, c.limit, got, c.want)
			}
		})
	}
}

func TestCleanLinesKeepsLinesAndTabs(t *testing.T) {
	got := CleanLines("a\r\n\tb  c\u2028d\u200b\x07\n", 300)
	if want := "a\n\tb  c\nd\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\u202eb\x00\xff c\n", 3)
	f.Add("plain text", 300)
	f.Add("   ", 1)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit %= 1000
		for name, out := range map[string]string{"Clean": Clean(s, limit), "CleanLines": CleanLines(s, limit)} {
			if !utf8.ValidString(out) {
				t.Errorf("%s(%q) is not UTF-8: %q", name, s, out)
			}
			if n := utf8.RuneCountInString(out); n > max(limit, 0) {
				t.Errorf("%s(%q, %d) has %d characters", name, s, limit, n)
			}
			for _, r := range out {
				if Invisible(r) || r < ' ' && (name == "Clean" || r != '\n' && r != '\t') || r >= 0x7f && r < 0xa0 {
					t.Errorf("%s(%q) kept %U", name, s, r)
				}
			}
			again := Clean(out, limit)
			if name == "CleanLines" {
				again = CleanLines(out, limit)
			}
			if again != out {
				t.Errorf("%s is not stable: %q, then %q", name, out, again)
			}
		}
		if out := Clean(s, limit); strings.TrimSpace(out) != out && strings.Trim(out, " ") != out {
			t.Errorf("Clean(%q) = %q has blanks at an end", s, out)
		}
	})
}

func TestCleanJSON(t *testing.T) {
	for _, c := range []struct {
		in   string
		want any
	}{
		{`"a\u202eb\u0000\nc"`, "ab\nc"},
		{`"abcdefghijklmnop"`, "abcdefghi…"},
		{`9007199254740993`, json.Number("9007199254740993")},
		{`-1.50e3`, json.Number("-1.50e3")},
		{`true`, true}, {`false`, false}, {`null`, nil}, {``, nil}, {` `, nil},
		{`{"a":1}`, `{"a":1}`},
		{`["long","list"]`, `["long","…`},
		{`nonsense`, "nonsense"},
		{strings.Repeat("9", 100), "999999999…"},
	} {
		if got := CleanJSON(json.RawMessage(c.in), 10); got != c.want {
			t.Errorf("CleanJSON(%s) = %#v, want %#v", c.in, got, c.want)
		}
	}
}
