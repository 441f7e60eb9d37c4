package issuer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func BenchmarkWarm(b *testing.B) {
	w := newWorld(b)
	w.trust(b, nil)
	token := w.token(b, nil)
	w.try(b, token)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := w.Authenticate(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCold(b *testing.B) {
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for name, k := range map[string]struct {
		alg jose.SignatureAlgorithm
		key any
	}{"RS256": {jose.RS256, rsaKey}, "ES256": {jose.ES256, ecKey}} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			public := jose.JSONWebKey{Key: k.key, KeyID: "k"}
			w.provider.set(func(p *provider) { p.keys = []jose.JSONWebKey{public.Public()} })
			w.trust(b, nil)
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.alg, Key: public}, (&jose.SignerOptions{}).WithType("at+jwt"))
			if err != nil {
				b.Fatal(err)
			}
			tokens := make([]string, 5000) // more than are remembered
			for i := range tokens {
				if tokens[i], err = jwt.Signed(signer).Claims(with(w.claims(), map[string]any{"n": i})).Serialize(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				if _, _, err := w.Authenticate(b.Context(), tokens[i%len(tokens)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
