package page_test

import (
	"net/url"
	"strings"
	"testing"

	"toolvault/auth/page"
)

func TestOnlyAPathOfOursIsLocal(t *testing.T) {
	for _, good := range []string{"/", "/connect/x", "/connect/x?a=b&c=https://x.example//y", "/a/", "/%2Fevil.example", "/a@b:c", "/?//"} {
		if !page.Local(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{
		"", "a", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, `\/evil.example`, "/\t/evil.example", "/\n/evil.example",
		" //evil.example", "\t//evil.example", "https://evil.example", "https:evil.example", "javascript:alert(1)", "data:text/html,x", "/a//b", "/.//evil.example",
		"/..//evil.example", "/a\r\nSet-Cookie: x=y", "/a\x00", "/ü", "/a b", "/a#b", "/%zz", "/" + strings.Repeat("a", 2048), "http:///evil", "@evil.example", "/\u2028/evil",
	} {
		if page.Local(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}

// FuzzLocal: what is local stays on our host, read as RFC 3986 or as browsers do
// (URL standard: tabs and line ends dropped, a backslash is a slash).
func FuzzLocal(f *testing.F) {
	for _, seed := range []string{"/a?b", "//evil.example", `/\evil.example`, "/\t/evil.example", "/..//x", "javascript:x", "/a#//b", "/%2f%2fx", "/;@x"} {
		f.Add(seed)
	}
	base, err := url.Parse("https://tools.example.com/tv/signin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if !page.Local(target) {
			return
		}
		loose := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(strings.Trim(target, "\x00\t\n\v\f\r "))
		for _, read := range []string{target, loose} {
			u, err := base.Parse(read)
			if err != nil || u.Scheme != "https" || u.Host != base.Host || u.User != nil {
				t.Errorf("%q leads to %v (%v)", target, u, err)
			}
			if !strings.HasPrefix(read, "/") || strings.HasPrefix(read, "//") {
				t.Errorf("%q is read as %q", target, read)
			}
		}
	})
}
