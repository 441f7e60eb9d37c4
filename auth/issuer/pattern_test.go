package issuer_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"toolvault/auth/issuer"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		fits          bool
	}{
		{"abc", "abc", true}, {"abc", "abcd", false}, {"abc", "xabc", false}, {"abc", "ABC", false},
		{"*", "", true}, {"*", "abc", true}, {"*", "a/b", false}, {"*", "a:b", false},
		{"**", "a/b:c", true}, {"a**b", "ab", true}, {"a**b", "a/b/b", true}, {"a**b", "a/b/c", false},
		{"repo:acme/*:ref:**", "repo:acme/x:ref:refs/heads/a", true}, {"repo:acme/*:ref:**", "repo:acme/x:y:ref:z", false},
		{"a.c", "abc", false}, {"a.c", "a.c", true}, {"[ab]", "a", false}, {"(a|b)", "a", false}, {"a?", "a", false}, {`\d`, "1", false}, {"a+", "aa", false}, {"^a$", "a", false},
		{"*@acme.example", "bob@acme.example", true}, {"*@acme.example", "bob@acme.example.evil", false}, {"*@acme.example", "b/ob@acme.example", false},
		{"**", "a\nb", false}, {"**", "a\x00", false}, {"**", "a\xff", false}, {"**", strings.Repeat("a", 1024), true}, {"**", strings.Repeat("a", 1025), false},
		{"ä*", "äö", true}, {"*-*-*", "a-b-c-d", true}, {"*a*a*a*a*a*a*b", strings.Repeat("a", 1000), false},
	} {
		p, err := issuer.ParsePattern(c.pattern)
		if err != nil {
			t.Fatal(c.pattern, err)
		}
		if p.Fits(c.text) != c.fits {
			t.Errorf("%q of %q: %v", c.text, c.pattern, !c.fits)
		}
	}
	for _, bad := range []string{"", "***", "a\n", "\xff", strings.Repeat("a", 513)} {
		if _, err := issuer.ParsePattern(bad); err == nil {
			t.Errorf("%q is a pattern", bad)
		}
	}
	if (issuer.Pattern{}).Fits("") {
		t.Error("the zero pattern fits")
	}
}

// The matcher agrees with one that tries every way.
func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{{"a*b", "axb"}, {"**", "/"}, {"repo:acme/*:ref", "repo:acme/x:y:ref"}, {"*.*", "a.b"}, {"a**/b*", "a/x/bc"}, {"\\Q*\\E", "x"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := issuer.ParsePattern(pattern)
		if err != nil || strings.Count(pattern, "*") > 6 || len(text) > 40 {
			return
		}
		want := utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl) && tryAll([]rune(pattern), []rune(text))
		if got := p.Fits(text); got != want {
			t.Fatalf("%q of %q: %v, want %v", text, pattern, got, want)
		}
	})
}

func tryAll(p, s []rune) bool {
	if len(p) == 0 {
		return len(s) == 0
	}
	if p[0] != '*' {
		return len(s) > 0 && p[0] == s[0] && tryAll(p[1:], s[1:])
	}
	anything, rest := len(p) > 1 && p[1] == '*', p[1:]
	if anything {
		rest = p[2:]
	}
	for i := 0; ; i++ {
		if tryAll(rest, s[i:]) {
			return true
		}
		if i == len(s) || !anything && (s[i] == '/' || s[i] == ':') {
			return false
		}
	}
}

func TestPath(t *testing.T) {
	for text, want := range map[string][]string{
		"a": {"a"}, "a.b": {"a", "b"}, `"kubernetes.io".namespace`: {"kubernetes.io", "namespace"}, `a."b""c".d`: {"a", `b"c`, "d"}, `"https://x/y"`: {"https://x/y"}, `""`: {""},
	} {
		p, err := issuer.ParsePath(text)
		if err != nil || strings.Join(p, "|") != strings.Join(want, "|") {
			t.Errorf("%s: %q, %v", text, p, err)
		}
	}
	for _, bad := range []string{"", ".", "a.", ".a", "a..b", `"a`, `a"b"`, `"a"b`, "a{b", "a.b.c.d.e.f.g.h.i", "a\n"} {
		if p, err := issuer.ParsePath(bad); err == nil {
			t.Errorf("%q is %q", bad, p)
		}
	}
}

func FuzzPath(f *testing.F) {
	f.Add(`a."b.c"`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := issuer.ParsePath(text)
		if err != nil {
			return
		}
		quoted := make([]string, len(p))
		for i, name := range p {
			quoted[i] = `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		}
		again, err := issuer.ParsePath(strings.Join(quoted, "."))
		if len(strings.Join(quoted, ".")) <= 512 && (err != nil || strings.Join(again, "\x00") != strings.Join(p, "\x00")) {
			t.Fatalf("%q: %q, again %q, %v", text, p, again, err)
		}
	})
}
