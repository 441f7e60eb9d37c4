package clearbit

import (
	"net/netip"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
)

// What is looked up is checked here: Clearbit bills a lookup whatever comes of it.

var (
	localPart = pattern.New("^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}$") // RFC 5321 section 4.1.2, unquoted
	label     = pattern.New(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	digits    = pattern.New(`^[0-9]+$`)
)

// email is an e-mail address as it is looked up: in lower case, "Dana <dana@x.com>"
// without what stands around it.
func email(text string) (string, error) {
	s := strings.ToLower(strings.TrimSpace(text))
	if i := strings.LastIndexByte(s, '<'); i >= 0 && strings.HasSuffix(s, ">") {
		s = s[i+1 : len(s)-1]
	}
	s = strings.TrimPrefix(s, "mailto:")
	local, host, ok := strings.Cut(s, "@")
	if !ok || !localPart.MatchString(local) || strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") || !isDomain(host) {
		return "", fault.Wrong("email has to be one address, such as dana@example.com. Nothing was sent.")
	}
	return s, nil
}

// domain is a company's domain as it is looked up. A web address or an e-mail
// address stands for its host.
func domain(text string) (string, error) {
	s := strings.ToLower(strings.TrimSpace(text))
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	s, _, _ = strings.Cut(s, "/")
	s, _, _ = strings.Cut(s, "?")
	s, _, _ = strings.Cut(s, "#")
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = s[i+1:]
	}
	if host, port, ok := strings.Cut(s, ":"); ok && digits.MatchString(port) {
		s = host
	}
	s = strings.TrimSuffix(s, ".")
	if rest, ok := strings.CutPrefix(s, "www."); ok && strings.Contains(rest, ".") {
		s = rest
	}
	if !isDomain(s) {
		return "", fault.Wrong("domain has to be a company's domain, such as example.com; a name with other letters in its ASCII form (xn--…). Nothing was sent. Its name alone: clearbit_find_domain.")
	}
	return s, nil
}

// isDomain reports whether a text is a host name of two labels at least, of which
// the last is no number (RFC 1123 section 2.1).
func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	if len(s) > 253 || len(labels) < 2 || digits.MatchString(labels[len(labels)-1]) {
		return false
	}
	for _, l := range labels {
		if !label.MatchString(l) {
			return false
		}
	}
	return true
}

// nobody are the IPv4 blocks that no company's network has, beside those that netip
// knows (RFC 6890). The blocks for documentation are let through: nobody asks for
// them but manuals and the sandbox.
var nobody = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // within a provider
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
}

// ip is a public IPv4 address: Reveal knows no others.
func ip(text string) (string, error) {
	a, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil || a.Zone() != "" {
		return "", fault.Wrong("ip has to be one IPv4 address, such as 203.0.113.7, without a port. Nothing was sent.")
	}
	if a = a.Unmap(); !a.Is4() {
		return "", fault.Wrong("Clearbit Reveal takes IPv4 addresses only, and this is an IPv6 address. Nothing was sent.")
	}
	private := a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast()
	for _, p := range nobody {
		private = private || p.Contains(a)
	}
	if private {
		return "", fault.Wrong("%s is not a public address, so it is of no company's network. Nothing was sent. Use the address that the visitor came from, as the outermost proxy saw it.", a)
	}
	return a.String(), nil
}
