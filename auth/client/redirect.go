package client

import (
	"net/url"
	"slices"
	"strings"
)

const maxRedirect = 512 // bytes

// CheckRedirect refuses what a client cannot be sent an answer at: https anywhere,
// http to this machine, or a scheme of the client's own: one with a dot in it, as in
// com.example.app:/cb (RFC 8252 section 7.1), or with a host after it, as in
// editor://host/cb; but none that a browser or a phone would take for a page, a script
// or another program.
func CheckRedirect(uri string) error {
	u, err := url.Parse(uri)
	bad := strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\\\"<>`^{|}", r) })
	switch {
	case uri == "" || len(uri) > maxRedirect || bad || err != nil || u.Scheme == "" || u.Opaque != "":
		return invalid("a redirect URI is absolute, of printable ASCII, and has at most 512 bytes")
	case strings.Contains(uri, "#"):
		return invalid("a redirect URI has no fragment")
	case u.User != nil || strings.Contains(u.Host, "@"):
		return invalid("a redirect URI names no user")
	}
	switch scheme := u.Scheme; {
	case !strings.HasPrefix(uri, scheme+":"):
		return invalid("the scheme of a redirect URI is in small letters")
	case u.Host != "" && !portIsGood(u):
		return invalid("the port of a redirect URI is 1 to 65535, or left out with its colon")
	case scheme == "https" && u.Hostname() != "":
		return nil
	case scheme == "http" && loopback(u.Hostname()):
		return nil
	case scheme == "http" || scheme == "https":
		return invalid("a redirect URI is https with a host, or http to 127.0.0.1, [::1] or localhost")
	case slices.Contains(foreignSchemes(), scheme):
		return invalid("a redirect URI of that scheme is not taken")
	case u.Hostname() == "" && !strings.Contains(scheme, "."):
		return invalid("a redirect URI of a program has a dot in its scheme, as in com.example.app:/cb, or a host, as in editor://host/cb")
	}
	return nil
}

// foreignSchemes are those that run something, read something, or belong to others.
func foreignSchemes() []string {
	return []string{
		"javascript", "vbscript", "data", "file", "filesystem", "blob", "about", "view-source", "jar", "intent", "android-app", "content", "resource",
		"chrome", "ws", "wss", "ftp", "sftp", "smb", "ldap", "ssh", "mailto", "tel", "sms",
	}
}
