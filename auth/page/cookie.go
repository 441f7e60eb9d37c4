package page

import "net/http"

// Cookie is a cookie of this server: never readable by script (HttpOnly), not
// sent along by forms of other sites (SameSite=Lax, so that it still comes with
// somebody who is sent back to us by a provider), and for all of our paths. Where
// the public URL is https it is Secure under a "__Host-" name, which no
// neighbour under the same domain and no plain connection can plant (RFC 6265bis,
// section 4.1.3.2). It ends with the browser, or after maxAge seconds if that is
// positive; with a negative one it is removed.
func (s *Set) Cookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteLaxMode,
	}
}

// CookieValue is the value of a cookie that Cookie made; "" if the browser sent
// none, or more than one: the second was planted by somebody else.
func (s *Set) CookieValue(r *http.Request, name string) string {
	cookies := r.CookiesNamed(s.cookieName(name))
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

func (s *Set) secure() bool { return s.public.Scheme == "https" }

func (s *Set) cookieName(name string) string {
	if s.secure() {
		return "__Host-toolvault-" + name
	}
	return "toolvault-" + name
}
