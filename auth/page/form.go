package page

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	// MaxForm bounds a form that is sent to a page, in bytes.
	MaxForm = 16 << 10

	tokenField  = "csrf" // as in layout.html
	tokenCookie = "csrf"
	secretSize  = 32
	saltSize    = 16
)

// encoding is strict: with the length checked too, one token has one form.
var encoding = base64.RawURLEncoding.Strict()

// Token is for the hidden field of a form ({{template "token" .Token}}): a
// signature by a secret that only this browser has, in a cookie that is set here
// if there is none. It is another one each time, so that a compressed page does
// not give it away piece by piece. Call it before the page is written.
func (s *Set) Token(w http.ResponseWriter, r *http.Request) string {
	secret, ok := s.givenSecret(w)
	if !ok {
		secret, ok = s.formSecret(r)
	}
	if !ok {
		return s.RenewToken(w)
	}
	return sign(secret)
}

// givenSecret is the secret that this answer gives to the browser already.
func (s *Set) givenSecret(w http.ResponseWriter) (secret []byte, ok bool) {
	for _, line := range slices.Backward(w.Header()["Set-Cookie"]) {
		if c, err := http.ParseSetCookie(line); err == nil && c.Name == s.cookieName(tokenCookie) {
			return decodeSecret(c.Value)
		}
	}
	return nil, false
}

// RenewToken gives the browser a new secret, and returns a token of it. All
// tokens made before are void. Call it when somebody signs in or out: whatever
// was planted or seen before then is of no use after.
func (s *Set) RenewToken(w http.ResponseWriter) string {
	secret := random(secretSize)
	http.SetCookie(w, s.Cookie(tokenCookie, encoding.EncodeToString(secret), 0))
	return sign(secret)
}

func (s *Set) formSecret(r *http.Request) ([]byte, bool) {
	return decodeSecret(s.CookieValue(r, tokenCookie))
}

func decodeSecret(text string) (secret []byte, ok bool) {
	secret, err := encoding.DecodeString(text)
	return secret, err == nil && len(secret) == secretSize
}

func sign(secret []byte) string {
	salt := random(saltSize)
	return encoding.EncodeToString(append(salt, mac(secret, salt)...))
}

func mac(secret, salt []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write(salt)
	return h.Sum(nil)
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program first
	return b
}

// Checked reports whether a request is a form of ours, sent from a page of ours
// in this browser: a POST whose token fits the browser's cookie, and which the
// browser, where it says so, calls same-origin (Origin; Sec-Fetch-Site of Fetch
// Metadata). It reads the body, at most MaxForm bytes.
func (s *Set) Checked(r *http.Request) bool {
	return readForm(nil, r) == nil && s.checked(r)
}

func (s *Set) checked(r *http.Request) bool {
	if r.Method != http.MethodPost || !s.fromHere(r) {
		return false
	}
	secret, ok := s.formSecret(r)
	sent := r.PostForm[tokenField]
	if !ok || len(sent) != 1 || len(sent[0]) != encoding.EncodedLen(saltSize+sha256.Size) {
		return false
	}
	token, err := encoding.DecodeString(sent[0])
	return err == nil && len(token) == saltSize+sha256.Size && hmac.Equal(token[saltSize:], mac(secret, token[:saltSize]))
}

// fromHere holds against each other what a browser says of a request's origin
// and where the request arrived. The Host has been checked by the server.
func (s *Set) fromHere(r *http.Request) bool {
	if site := r.Header["Sec-Fetch-Site"]; len(site) > 1 || len(site) == 1 && site[0] != "same-origin" {
		return false
	}
	origin := r.Header["Origin"]
	if len(origin) == 0 {
		return true
	}
	scheme := s.public.Scheme + "://"
	return len(origin) == 1 && (strings.EqualFold(origin[0], scheme+s.public.Host) || strings.EqualFold(origin[0], scheme+r.Host))
}

// Form is the form that was sent, if it is Checked. If it is not, or cannot be
// read (400), or is larger than MaxForm (413), the visitor has been told so, and
// there is nothing left to do.
func (s *Set) Form(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	err := readForm(w, r)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		s.Error(w, r, http.StatusRequestEntityTooLarge, tooLargeTitle, tooLargeWhat, tooLargeTodo)
	case err != nil:
		s.Error(w, r, http.StatusBadRequest, unreadableTitle, unreadableWhat, unreadableTodo)
	case !s.checked(r):
		s.Error(w, r, http.StatusForbidden, forgedTitle, forgedWhat, forgedTodo)
	default:
		return r.PostForm, true
	}
	return nil, false
}

var errNoForm = errors.New("not a form")

// readForm reads the body into r.PostForm. What stands in the URL is no part of
// it. w may be nil.
func readForm(w http.ResponseWriter, r *http.Request) error {
	if r.PostForm != nil {
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return errNoForm
	}
	if r.ContentLength > MaxForm {
		return &http.MaxBytesError{Limit: MaxForm}
	}
	r.Body = http.MaxBytesReader(w, r.Body, MaxForm)
	return r.ParseForm()
}
