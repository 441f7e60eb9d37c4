package clearbit

import (
	"strings"
	"testing"

	"toolvault/tools/fault"
)

func TestWhatIsLookedUp(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, c := range []struct {
		check    func(string) (string, error)
		in, want string // "": refused
	}{
		{email, "dana@acme.example", "dana@acme.example"},
		{email, " Dana.W+x@ACME.example ", "dana.w+x@acme.example"},
		{email, "Dana Whitfield <dana@acme.example>", "dana@acme.example"},
		{email, "mailto:dana@acme.example", "dana@acme.example"},
		{email, "dana@xn--bcher-kva.example", "dana@xn--bcher-kva.example"},
		{email, long + "@a.example", long + "@a.example"},
		{email, long + "a@a.example", ""},
		{email, "dana", ""}, {email, "dana@", ""}, {email, "@acme.example", ""}, {email, "dana@acme", ""}, {email, "a@b@c.example", ""},
		{email, "a..b@acme.example", ""}, {email, ".a@acme.example", ""}, {email, "a.@acme.example", ""}, {email, "dana@acme.example, marcus@acme.example", ""},
		{email, "dana@10.0.0.1", ""}, {email, "dana@bücher.example", ""}, {email, "dana@acme.example\nx: y", ""}, {email, "\u202edana@acme.example", ""}, {email, "", ""},
		{domain, "acme.example", "acme.example"}, {domain, "ACME.example.", "acme.example"}, {domain, "www.acme.example", "acme.example"}, {domain, "www.example", "www.example"},
		{domain, "https://www.acme.example:443/pricing?x=1#y", "acme.example"}, {domain, "dana@acme.example", "acme.example"}, {domain, "https://user:pw@acme.example/", "acme.example"},
		{domain, "acme", ""}, {domain, "acme.example/../x", "acme.example"}, {domain, "203.0.113.7", ""}, {domain, "localhost", ""}, {domain, "-a.example", ""}, {domain, "a_b.example", ""},
		{domain, "acme .example", ""}, {domain, "bücher.example", ""}, {domain, strings.Repeat("a.", 130) + "example", ""}, {domain, "a..example", ""}, {domain, "https://", ""},
		{ip, "203.0.113.7", "203.0.113.7"}, {ip, " 203.0.113.7 ", "203.0.113.7"}, {ip, "::ffff:203.0.113.7", "203.0.113.7"}, {ip, "8.8.8.8", "8.8.8.8"},
		{ip, "10.1.2.3", ""}, {ip, "172.16.0.1", ""}, {ip, "192.168.1.1", ""}, {ip, "127.0.0.1", ""}, {ip, "169.254.169.254", ""}, {ip, "100.64.0.1", ""}, {ip, "0.0.0.0", ""},
		{ip, "224.0.0.1", ""}, {ip, "255.255.255.255", ""}, {ip, "198.18.0.1", ""}, {ip, "::ffff:10.0.0.1", ""}, {ip, "2001:db8::1", ""}, {ip, "::1", ""}, {ip, "fe80::1%eth0", ""},
		{ip, "203.0.113.7:80", ""}, {ip, "203.0.113", ""}, {ip, "203.0.113.07", ""}, {ip, "acme.example", ""}, {ip, "", ""},
	} {
		got, err := c.check(c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

// What cannot be looked up is refused before it is billed.
func TestNothingIsSentForNothing(t *testing.T) {
	w := sandboxed(t)
	for tool, args := range map[string]string{
		"clearbit_enrich_person": `{"email":"dana@acme"}`, "clearbit_enrich_company": `{"domain":"10.0.0.1"}`, "clearbit_reveal_ip": `{"ip":"192.168.0.10"}`,
		"clearbit_find_domain": `{"name":"  "}`, "clearbit_suggest_companies": `{"query":"\t"}`, "clearbit_search_people": `{"domain":"acme"}`,
	} {
		if f := w.refused(fault.InvalidArguments, tool, args); !strings.Contains(f.Message, "Nothing was sent.") || !f.NotSent {
			t.Errorf("%s: %+v", tool, f)
		}
	}
	w.came()
}

func FuzzKeys(f *testing.F) {
	for _, s := range []string{"dana@acme.example", "https://www.acme.example/x", "203.0.113.7", "A <a@b.c>", "::ffff:10.0.0.1", "\u212aa@b.example", "a@b.example>", "http://[::1]/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, check := range []func(string) (string, error){email, domain, ip} {
			got, err := check(s)
			if err != nil {
				if len(err.Error()) > 400 {
					t.Errorf("%q: %v", s, err)
				}
				continue
			}
			for _, r := range got {
				if r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>"()[]\,;:`, r) {
					t.Errorf("%q became %q", s, got)
				}
			}
			if again, err := check(got); err != nil || again != got {
				t.Errorf("%q became %q and then %q, %v", s, got, again, err)
			}
		}
	})
}
