package server

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

const (
	refreshPrefix = "tvr_"
	familySize    = 16 // bytes of a family's id
	nonceSize     = 16 // random bytes of a refresh token
	macSize       = 16
	refreshSize   = familySize + nonceSize + macSize
)

var errNoFamily = errors.New("a consent has no such id")

var strict = base64.RawURLEncoding.Strict()

// newRefresh makes a refresh token of a family. Its end is an HMAC by a secret of
// the server's, so that what somebody made up never touches a family.
func (s *Server) newRefresh(id string) (string, error) {
	raw, err := strict.DecodeString(id)
	if err != nil || len(raw) != familySize {
		return "", errNoFamily
	}
	nonce, err := strict.DecodeString(random(nonceSize))
	if err != nil {
		return "", err
	}
	raw = append(raw, nonce...)
	return refreshPrefix + strict.EncodeToString(append(raw, s.mac(raw)...)), nil
}

// familyOf is the id of the family that a refresh token is of, if it is one of ours.
func (s *Server) familyOf(token string) (id string, ok bool) {
	text, ok := strings.CutPrefix(token, refreshPrefix)
	if !ok || len(text) != strict.EncodedLen(refreshSize) || strings.ContainsAny(text, "\r\n") {
		return "", false
	}
	raw, err := strict.DecodeString(text)
	if err != nil || len(raw) != refreshSize {
		return "", false
	}
	body := raw[:familySize+nonceSize]
	if !hmac.Equal(raw[len(body):], s.mac(body)) {
		return "", false
	}
	return strict.EncodeToString(raw[:familySize]), true
}

func (s *Server) mac(body []byte) []byte {
	h := hmac.New(sha256.New, s.secret)
	h.Write([]byte("refresh token\x00"))
	h.Write(body)
	return h.Sum(nil)[:macSize]
}

// sealAnswer hides an answer under the refresh token that it is an answer to. The
// store has only the token's hash: without the token nobody can read the answer.
func sealAnswer(token, id string, a tokenAnswer) ([]byte, error) {
	plain, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	aead, err := answerKey(token, id)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, plain, []byte(id)), nil
}

func openAnswer(token, id string, sealed []byte) (a tokenAnswer, err error) {
	aead, err := answerKey(token, id)
	if err != nil {
		return a, err
	}
	plain, err := aead.Open(nil, nil, sealed, []byte(id))
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(plain, &a)
}

func answerKey(token, id string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(token), []byte(id), "toolvault: answer to a refresh token", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
