package importfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"toolvault/vault"
)

// secret reads the secret of a credential: of an oauth_token its tokens, as a token
// endpoint answers (RFC 6749 section 5.1); of all others {"value": "…"}, or, where
// the type's secret is a JSON document, that itself.
func (o Options) secret(typ string, raw json.RawMessage) (vault.Stored, error) {
	m, err := readMembers(raw)
	if err != nil {
		return vault.Stored{}, errors.New(`this must be an object, such as {"value": "…"}`)
	}
	if typ == vault.TypeOAuthToken {
		return o.tokens(m)
	}
	s := vault.Stored{Type: typ}
	if value, ok := m["value"]; ok && len(m) == 1 {
		var text string
		if json.Unmarshal(value, &text) != nil {
			return s, errors.New("value must be a text")
		}
		s.Secret = vault.NewSecret(text)
	} else {
		if !vault.TakesDocument(typ) {
			if err := m.only("value"); err != nil {
				return s, err
			}
			return s, errors.New(`it has no value: write {"value": "…"}`)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return s, errors.New("this must be an object")
		}
		s.Secret = vault.NewSecret(compact.String())
	}
	return s, vault.CheckSecret(typ, s.Secret, o.Now)
}

func (o Options) tokens(m members) (vault.Stored, error) {
	s := vault.Stored{Type: vault.TypeOAuthToken}
	if err := m.only("access_token", "refresh_token", "expires_at", "expires_in", "scope", "token_type", "id_token"); err != nil {
		return s, err
	}
	var access, refresh string
	if err := m.texts(map[string]*string{"access_token": &access, "refresh_token": &refresh, "scope": &s.Scope}); err != nil {
		return s, err
	}
	s.Secret, s.Refresh = vault.NewSecret(access), vault.NewSecret(refresh)
	if access == "" && refresh == "" {
		return s, errors.New("there is neither an access_token nor a refresh_token")
	}
	for _, token := range []struct {
		key  string
		text vault.Secret
	}{{"access_token", s.Secret}, {"refresh_token", s.Refresh}} {
		if token.text.Empty() {
			continue
		}
		if err := vault.CheckSecret(s.Type, token.text, o.Now); err != nil {
			return s, fmt.Errorf("%s: %w", token.key, err)
		}
	}
	if len(s.Scope) > 8<<10 {
		return s, errors.New("scope is longer than 8192 bytes")
	}
	at, in := m["expires_at"], m["expires_in"]
	var err error
	switch {
	case at != nil && in != nil:
		return s, errors.New("there are both expires_at and expires_in: leave one out")
	case at != nil:
		s.Expires, err = moment(at)
	case in != nil:
		s.Expires, err = o.after(in)
	}
	if err != nil {
		return s, err
	}
	if !s.Expires.IsZero() && s.Refresh.Empty() && !o.Now.Before(s.Expires) {
		return s, fmt.Errorf("the access token ended at %s and there is no refresh token: it is of no use", s.Expires.UTC().Format(time.RFC3339))
	}
	return s, nil
}

// moment reads a time: RFC 3339, or the seconds or milliseconds since 1970. What
// is as large as 100,000,000,000 is milliseconds, since as seconds it would be in
// the year 5138.
func moment(raw json.RawMessage) (time.Time, error) {
	bad := errors.New("expires_at must be a time, such as 2026-01-31T12:00:00Z, or the seconds since 1970")
	if string(raw) == "null" {
		return time.Time{}, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			if t.Year() < 2000 || t.Year() > 9000 {
				return time.Time{}, bad
			}
			return t.UTC(), nil
		}
		raw = json.RawMessage(text)
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case err != nil || math.IsNaN(n) || n < 0 || n > 1e14:
		return time.Time{}, bad
	case n == 0:
		return time.Time{}, nil
	case n >= 1e11:
		return time.UnixMilli(int64(n)).UTC(), nil
	}
	return time.Unix(int64(n), 0).UTC(), nil
}

// maxLife bounds expires_in, in seconds.
const maxLife = 10 * 365 * 24 * 3600

func (o Options) after(raw json.RawMessage) (time.Time, error) {
	if string(raw) == "null" {
		return time.Time{}, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > maxLife {
		return time.Time{}, errors.New("expires_in must be a number of seconds, ten years at most")
	}
	if n == 0 {
		return time.Time{}, nil
	}
	return o.Now.Add(time.Duration(n) * time.Second).UTC(), nil
}
