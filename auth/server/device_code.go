package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// userKey is where a user code leads from. The hash is keyed: a code has only 34
// bits, which whoever has the store could try out.
func (s *Server) userKey(code string) string {
	h := hmac.New(sha256.New, s.secret)
	h.Write([]byte("user code\x00" + plainUserCode(code)))
	return userPrefix + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// A user code has eight letters without vowels, which cannot be misread and make
// no words (RFC 8628 section 6.1): 34 bits.
const (
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeLength  = 8
)

func userCode() string {
	var b strings.Builder
	for b.Len() < userCodeLength {
		var one [1]byte
		_, _ = rand.Read(one[:])
		if int(one[0]) < 256/len(userCodeLetters)*len(userCodeLetters) { // each letter is as likely
			b.WriteByte(userCodeLetters[int(one[0])%len(userCodeLetters)])
		}
	}
	return shownUserCode(b.String())
}

func shownUserCode(plain string) string {
	if len(plain) != userCodeLength {
		return plain
	}
	return plain[:userCodeLength/2] + "-" + plain[userCodeLength/2:]
}

// plainUserCode is a code as a person typed it, without what does not count.
func plainUserCode(typed string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z':
			return r
		}
		return -1
	}, clip(typed, 64))
}
