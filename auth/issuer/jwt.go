package issuer

import (
	"bytes"
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth"
)

const (
	maxToken = 8 << 10          // bytes
	ahead    = 30 * time.Second // how far the clock of an issuer may be ahead of ours
	maxAge   = auth.MaxTTL      // revocations are remembered for as long
)

// unverified is what a JWT says, before anything of it is known to be true.
type unverified struct {
	text    string
	payload []byte
	alg     jose.SignatureAlgorithm
	kid     string
	typ     string // in small letters, without "application/"
	claims  Claims
}

// isJWT reports whether a token has the form of a JWT in compact serialisation: it
// is then never taken for one of which nothing can be read.
func isJWT(token string) bool {
	header, rest, ok := strings.Cut(token, ".")
	if !ok || strings.Count(rest, ".") != 1 {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(header)
	return err == nil && bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{"))
}

// parse takes a JWT apart.
func parse(token string) (*unverified, error) {
	if len(token) > maxToken {
		return nil, refused(reasonTooLong)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, refused(reasonForm)
	}
	decoded := make([][]byte, 3)
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil || len(part) == 0 || strings.ContainsAny(part, "\r\n") {
			return nil, refused(reasonForm)
		}
	}
	header, err := parseClaims(decoded[0])
	if err != nil {
		return nil, refused(reasonForm)
	}
	for _, name := range []string{"crit", "jwk", "b64", "zip", "enc"} {
		if _, there := header[name]; there {
			return nil, refused(reasonHeader)
		}
	}
	u := &unverified{text: token, payload: decoded[1]}
	alg, ok := header.text("alg")
	if !ok {
		return nil, refused(reasonForm)
	}
	u.alg = jose.SignatureAlgorithm(alg)
	if u.kid, ok = header.text("kid"); !ok {
		return nil, refused(reasonForm)
	}
	if u.typ, ok = header.text("typ"); !ok {
		return nil, refused(reasonForm)
	}
	u.typ = strings.TrimPrefix(strings.ToLower(u.typ), "application/") // RFC 7515 section 4.1.9
	if u.claims, err = parseClaims(decoded[1]); err != nil {
		return nil, refused(reasonClaims)
	}
	return u, nil
}

// verify checks the signature with a key that the issuer publishes.
func (s *Set) verify(ctx context.Context, t *trusted, u *unverified) error {
	if !slices.Contains(t.algorithms, u.alg) {
		return refused(reasonAlgorithm)
	}
	keys, err := t.keys.find(ctx, u.kid, u.alg)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return refused(reasonKey)
	}
	signed, err := jose.ParseSignedCompact(u.text, []jose.SignatureAlgorithm{u.alg})
	if err != nil {
		return refused(reasonForm)
	}
	for _, key := range keys {
		// The payload is compared since claims were read before it was known to be good.
		if payload, err := signed.Verify(key); err == nil && bytes.Equal(payload, u.payload) {
			return nil
		}
	}
	return refused(reasonSignature)
}

// times checks exp, nbf and iat. iat has to be there if needed.
func (s *Set) times(c Claims, needed bool) (issued, expires time.Time, err error) {
	now := s.Now()
	expires, ok1 := c.when("exp")
	issued, ok2 := c.when("iat")
	starts, ok3 := c.when("nbf")
	switch {
	case !ok1 || !ok2 || !ok3 || expires.IsZero() || needed && issued.IsZero():
		err = refused(reasonClaims)
	case !now.Before(expires):
		err = refused(reasonExpired)
	case now.Add(ahead).Before(starts) || now.Add(ahead).Before(issued):
		err = refused(reasonEarly)
	case !issued.IsZero() && now.Sub(issued) > maxAge:
		err = refused(reasonOld)
	case !issued.IsZero() && !issued.Before(expires):
		err = refused(reasonClaims)
	}
	return issued, expires, err
}

// audience checks that aud has a value among its own, compared byte by byte.
func (c Claims) audience(want string) error {
	list, ok := c.texts("aud")
	switch {
	case !ok:
		return refused(reasonClaims)
	case want == "" || !slices.Contains(list, want):
		return refused(reasonAudience)
	}
	return nil
}

// describe is what a token says of itself that the rules do not decide.
func (t *trusted) describe(c Claims, issued, expires time.Time) (Match, error) {
	m := Match{Issuer: t.URL, Issued: issued, Expires: expires}
	for _, e := range []struct {
		to   *string
		name string
		most int
	}{{&m.Subject, "sub", maxValue}, {&m.ID, "jti", maxName}, {&m.Client, "client_id", maxName}} {
		var ok bool
		if *e.to, ok = c.text(e.name); !ok || len(*e.to) > e.most {
			return Match{}, refused(reasonClaims)
		}
	}
	if m.Client == "" {
		var ok bool
		if m.Client, ok = c.text("azp"); !ok || len(m.Client) > maxName {
			return Match{}, refused(reasonClaims)
		}
	}
	var err error
	m.Key, err = c.key()
	return m, err
}

// key is the thumbprint of the key to which a token is bound. One that is bound in
// another way is refused: it would be taken from whoever has it (RFC 7800 section
// 3.1, RFC 8705).
func (c Claims) key() (string, error) {
	if c["cnf"] == nil {
		return "", nil
	}
	cnf, ok := c["cnf"].(map[string]any)
	if !ok || len(cnf) != 1 {
		return "", refused(reasonBound)
	}
	jkt, ok := cnf["jkt"].(string)
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(jkt); !ok || err != nil || len(raw) != 32 {
		return "", refused(reasonBound)
	}
	return jkt, nil
}
