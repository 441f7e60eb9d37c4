package client

import (
	"net/url"
	"slices"
	"strings"
)

const maxRedirect = 512 // bytes

// CheckRedirect refuses what a client cannot be sent an answer at: https anywhere,
// http to this machine, or a scheme of the client's own (RFC 8252 section 7.1), but
// none that a browser would take for a page or a script.
func CheckRedirect(uri string) error {
	u, err := url.Parse(uri)
	bad := strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' || r == '"' || r == '<' || r == '>' })
	switch {
	case uri == "" || len(uri) > maxRedirect || bad || err != nil || u.Scheme == "" || u.Opaque != "":
		return invalid("a redirect URI is absolute, of printable ASCII, and has at most 512 bytes")
	case strings.Contains(uri, "#"):
		return invalid("a redirect URI has no fragment")
	case u.User != nil || strings.Contains(u.Host, "@"):
		return invalid("a redirect URI names no user")
	}
	switch scheme := strings.ToLower(u.Scheme); {
	case scheme == "https" && u.Hostname() != "":
		return nil
	case scheme == "http" && loopback(u.Hostname()):
		return nil
	case scheme == "http" || scheme == "https":
		return invalid("a redirect URI is https with a host, or http to 127.0.0.1, [::1] or localhost")
	case slices.Contains([]string{"javascript", "data", "file", "blob", "about", "vbscript", "ws", "wss", "ftp", "view-source", "mailto", "filesystem"}, scheme):
		return invalid("a redirect URI of that scheme is not taken")
	}
	return nil
}
