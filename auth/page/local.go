package page

import (
	"net/url"
	"strings"
)

// maxLocal bounds a path that a browser brings along, in bytes.
const maxLocal = 2048

// Local reports whether target is a path of this server, perhaps with a query,
// that a browser cannot take for anything else: it begins with one slash, and has
// no second one after another, no backslash (which browsers read as a slash), no
// character that they drop, and no fragment (RFC 9700, section 4.11).
func Local(target string) bool {
	if len(target) > maxLocal || !strings.HasPrefix(target, "/") {
		return false
	}
	for i := 0; i < len(target); i++ {
		if c := target[i]; c <= ' ' || c >= 0x7f || c == '\\' || c == '#' {
			return false
		}
	}
	path, _, _ := strings.Cut(target, "?")
	if strings.Contains(path, "//") {
		return false
	}
	u, err := url.Parse(target)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil && u.Opaque == ""
}
