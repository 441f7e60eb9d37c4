package upstream

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"toolvault/tools/fault"
)

// maxRedirects is how many times a request for an address is sent on.
const maxRedirects = 3

// hop is a request that is ready to go: its first, or one after a redirect.
type hop struct {
	*http.Request
	carrier http.RoundTripper
	bare    bool // without the credential
}

// address reads and judges an address that the service named. Only these are
// called: https, without a user, on the port of HTTPS, at a host of
// Endpoint.Hosts; and at the very origin of BaseURL what is not of the API, so
// that no address that an outsider put into an answer calls a method.
func (c *Client) address(text string) (*url.URL, *fault.Error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" || !isASCII(u.Host) {
		return nil, c.strange("an address that cannot be read")
	}
	u.Fragment, u.RawFragment = "", ""
	host := strings.ToLower(u.Hostname())
	if u.Scheme == "https" && (u.Port() == "" || u.Port() == "443") && slices.Contains(c.endpoint.Hosts, host) {
		return u, nil
	}
	if base, err := url.Parse(c.endpoint.BaseURL); err == nil && sameOrigin(base, u) && !below(base.Path, u.Path) {
		return u, nil
	}
	return nil, c.strange("an address at a host that is not one of its own, or not over https")
}

// isASCII keeps out names that look, or fold, like another.
func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// strange is the fault of an address that is not called.
func (c *Client) strange(what string) *fault.Error {
	f := fault.New(fault.UpstreamError, "%s named %s, so it is not called. Trying again will not help.", c.endpoint.Service, what)
	f.NotSent = true
	return f
}

// sameOrigin compares scheme, host and port (RFC 6454 section 4).
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// below reports whether a path is that of the API or under it, however it is
// written.
func below(base, p string) bool {
	base, p = path.Clean("/"+base), path.Clean("/"+p)
	base, p = strings.ToLower(base), strings.ToLower(p)
	return base == "/" || p == base || strings.HasPrefix(p, base+"/")
}

// onward is the request after a redirect. The credential goes along only to the
// origin that had it, and once it was left behind it stays so; of the other
// headers none goes along.
func (c *Client) onward(from *hop, r *Response, n int) (*hop, *fault.Error) {
	location := r.Header.Get("Location")
	switch r.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		location = ""
	}
	if location == "" || from.Method != http.MethodGet {
		return nil, redirected(c.endpoint.Service, r.Status)
	}
	next, f := c.next(from, location, n)
	if f != nil {
		f.Status = r.Status
	}
	return next, f
}

func (c *Client) next(from *hop, location string, n int) (*hop, *fault.Error) {
	if n >= maxRedirects {
		return nil, c.strange("one address after another")
	}
	u, err := from.URL.Parse(location)
	if err != nil || c.mask != nil && c.mask(u.String()) != u.String() {
		return nil, c.strange("an address that cannot be read")
	}
	u, f := c.address(u.String())
	if f != nil {
		f.Message += " The credential may lack the right to read files."
		return nil, f
	}
	hr, err := http.NewRequestWithContext(from.Context(), http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, c.strange("an address that cannot be read")
	}
	hr.Header.Set("Accept", from.Header.Get("Accept"))
	hr.Header.Set("User-Agent", agent)
	next, err := c.ready(hr, true, from.bare || !sameOrigin(from.URL, u))
	if err != nil {
		f := fault.From(err)
		f.NotSent = true
		return nil, f
	}
	return next, nil
}

// ready puts the credential on a request, unless it goes bare, and finds who
// carries it. named says that an answer named its host.
func (c *Client) ready(hr *http.Request, named, bare bool) (*hop, error) {
	h := &hop{Request: hr, bare: bare}
	if !bare {
		if err := c.cred.Authorize(hr); err != nil {
			return nil, err
		}
	}
	carrier, f := c.pool.carrier(&c.endpoint, hr.URL, named)
	if f == nil && !bare {
		carrier, f = c.pool.certified(c.cred, carrier, c.endpoint.Service, hr.URL)
	}
	if f != nil {
		return nil, f
	}
	h.carrier = carrier
	return h, nil
}

// unasked is a refusal of a request that went without the credential: it says
// nothing of the credential.
func unasked(f *fault.Error) *fault.Error {
	if f.Kind != fault.CredentialInvalid {
		return f
	}
	g := *f
	g.Kind, g.Retryable = fault.UpstreamError, false
	g.Message = "The address that the service named did not take the request: it may have ended. Begin again with a new one."
	return &g
}
