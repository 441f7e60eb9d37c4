package dpop

import (
	"net/url"
	"strings"
)

// sameURL compares what a proof is for with where the request came (RFC 9449
// section 4.3, 9): without query and fragment, and after the normalisation of
// RFC 3986 sections 6.2.2 and 6.2.3.
func sameURL(a, b string) bool {
	x, ok := normal(a)
	y, fine := normal(b)
	return ok && fine && x == y
}

// normal writes a URL of HTTP in one way: scheme and host in small letters, no
// default port, an empty path as "/", escapes only where they are needed, no dot
// segments. One that names a user is none that a request is sent to.
func normal(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return "", false
	}
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	switch scheme + port {
	case "http80", "https443":
		port = ""
	}
	if scheme != "http" && scheme != "https" {
		return "", false
	}
	return scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port + withoutDots(plainEscapes(u.EscapedPath())), true
}

// plainEscapes undoes the escapes of characters that need none, and writes the
// rest in capitals (RFC 3986 sections 6.2.2.1 and 6.2.2.2). A path of url.URL has
// no broken escapes.
func plainEscapes(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b.WriteByte(path[i])
			continue
		}
		if c := unhex(path[i+1])<<4 | unhex(path[i+2]); unreserved(c) {
			b.WriteByte(c)
		} else {
			b.WriteString(strings.ToUpper(path[i : i+3]))
		}
		i += 2
	}
	return b.String()
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// unreserved is RFC 3986 section 2.3.
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// withoutDots removes dot segments (RFC 3986 section 5.2.4).
func withoutDots(path string) string {
	if !strings.Contains(path, "/.") {
		return "/" + strings.TrimPrefix(path, "/")
	}
	var kept []string
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range segments {
		switch s {
		case ".", "..":
			if s == ".." && len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
			if i == len(segments)-1 {
				kept = append(kept, "") // "/a/." is "/a/"
			}
		default:
			kept = append(kept, s)
		}
	}
	return "/" + strings.Join(kept, "/")
}
