package vault

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// signingKey is a private key that signs assertions, and what its holder says of it.
type signingKey struct {
	key       any // *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey
	id        string
	algorithm string // "" where the holder does not say
}

var errNoKey = errors.New("this is no private key: it must be in PEM, beginning with -----BEGIN PRIVATE KEY-----, or a JWK, with nothing cut off")

// parseKey reads a private key in PEM (PKCS #8, PKCS #1 or SEC 1) or as a JWK (RFC
// 7517). Its errors hold nothing of the text.
func parseKey(text string) (signingKey, error) {
	text = strings.TrimSpace(text)
	var k signingKey
	var err error
	if strings.HasPrefix(text, "{") {
		k, err = parseJWK(text)
	} else {
		k.key, err = parsePEMKey(text)
	}
	if err != nil {
		return signingKey{}, err
	}
	if r, ok := k.key.(*rsa.PrivateKey); ok && r.N.BitLen() < 2048 {
		return signingKey{}, fmt.Errorf("the RSA key has %d bits, and 2048 is the least (RFC 7518 section 3.3): make a new one", r.N.BitLen())
	}
	if len(algorithmsOf(k.key)) == 0 {
		return signingKey{}, errors.New("the private key is of a kind that signs no assertion: use RSA, ECDSA (P-256, P-384, P-521) or Ed25519")
	}
	return k, nil
}

func parseJWK(text string) (signingKey, error) {
	var k jose.JSONWebKey
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		return signingKey{}, errors.New("the JSON is no private key: it must be one JWK, with nothing cut off")
	}
	if _, ok := k.Key.([]byte); ok {
		return signingKey{}, errors.New("the JWK is a symmetric key, and an assertion is signed with a private key: use RSA, ECDSA or Ed25519")
	}
	if k.IsPublic() {
		return signingKey{}, errPublic
	}
	return signingKey{k.Key, k.KeyID, k.Algorithm}, nil
}

var errPublic = errors.New("this is a public key: the private one is needed, which signs")

// parsePEMKey finds the one private key in a PEM text.
func parsePEMKey(text string) (any, error) {
	var found any
	other := errNoKey
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		var key any
		var err error
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return nil, errors.New("the private key is encrypted with a passphrase: take it off first (openssl pkey -in KEY), the vault seals the key itself")
		case block.Type == "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case block.Type == "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case block.Type == "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case strings.HasSuffix(block.Type, "PUBLIC KEY"):
			other = errPublic
			continue
		case block.Type == "CERTIFICATE":
			other = errors.New("there is a certificate and no private key: the key is needed too")
			continue
		default:
			continue
		}
		switch {
		case err != nil:
			return nil, errors.New("the private key cannot be read: it is damaged, or was cut off")
		case found != nil:
			return nil, errors.New("there are several private keys in it: give one")
		}
		found = key
	}
	if found == nil {
		return nil, other
	}
	return found, nil
}

// algorithmsOf are the algorithms that a key signs with (RFC 7518, RFC 8037), the
// usual one first.
func algorithmsOf(key any) []string {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case ed25519.PrivateKey:
		return []string{"EdDSA"}
	case *ecdsa.PrivateKey:
		switch key.Curve.Params().BitSize {
		case 256:
			return []string{"ES256"}
		case 384:
			return []string{"ES384"}
		case 521:
			return []string{"ES512"}
		}
	}
	return nil
}

// keyParams are the keys of the config that go with a key that signs.
func keyParams() []Param {
	return []Param{
		{Name: "key_id", Help: "the id under which the service knows the key (kid)", Form: FormID},
		{Name: "algorithm", Help: "how to sign, where the key leaves a choice: RS256, PS256, ES256, EdDSA, …", Check: func(s string) error {
			if known := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}; !slices.Contains(known, s) {
				return fmt.Errorf("this must be one of %s", strings.Join(known, ", "))
			}
			return nil
		}},
	}
}

// with takes up what the config says of the key.
func (k signingKey) with(m Material) (signingKey, error) {
	if id := m.Param("key_id"); id != "" {
		k.id = id
	}
	if a := m.Param("algorithm"); a != "" {
		k.algorithm = a
	}
	can := algorithmsOf(k.key)
	switch {
	case k.algorithm == "":
		k.algorithm = can[0]
	case !slices.Contains(can, k.algorithm):
		return k, fmt.Errorf("the private key does not sign with the algorithm that it is declared for: it can do %s", strings.Join(can, ", "))
	}
	return k, nil
}

// assertion is what a JWT says with which we ask for a token (RFC 7523 section 3).
type assertion struct {
	issuer, subject, audience string
	scope                     string        // "": it is not in there
	life                      time.Duration // from before the clock's error to its end
}

// behind is how far the clock of a token endpoint may be behind ours.
const behind = 10 * time.Second

// sign makes the JWT. It is good once: its jti is drawn by lot.
func (k signingKey) sign(a assertion, now time.Time) (Secret, error) {
	options := (&jose.SignerOptions{}).WithType("JWT")
	if k.id != "" {
		options = options.WithHeader(jose.HeaderKey("kid"), k.id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.algorithm), Key: k.key}, options)
	if err != nil {
		return Secret{}, errors.New("the private key cannot sign")
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails: crypto/rand ends the program first
	issued := now.Add(-behind)
	claims := map[string]any{
		"iss": a.issuer, "aud": a.audience, "jti": base64.RawURLEncoding.EncodeToString(id),
		"iat": issued.Unix(), "exp": issued.Add(a.life).Unix(),
	}
	for name, value := range map[string]string{"sub": a.subject, "scope": a.scope} {
		if value != "" {
			claims[name] = value
		}
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return Secret{}, errors.New("the private key cannot sign")
	}
	return NewSecret(text), nil
}
