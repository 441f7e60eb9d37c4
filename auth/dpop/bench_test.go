package dpop_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/dpop"
	"toolvault/vault/store/storetest"
)

// BenchmarkCheck is good proofs of one key each, all in, for one request after the
// other and for 32 at once: nobody waits for the disk alone. "verify" is the
// signature only, by the library, which is the floor.
func BenchmarkCheck(b *testing.B) {
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	for _, k := range []struct {
		name string
		key  any
		alg  jose.SignatureAlgorithm
	}{{"ES256", p256(b), jose.ES256}, {"EdDSA", edKey, jose.EdDSA}} {
		c := newClock()
		proofs := func(b *testing.B) []string {
			out := make([]string, b.N)
			for i := range out {
				out[i] = prove(b, k.key, k.alg, c.Now(), nil, nil)
			}
			return out
		}
		b.Run(k.name+"/verify", func(b *testing.B) {
			own := jose.JSONWebKey{Key: k.key}
			public := own.Public().Key
			parsed := make([]*jose.JSONWebSignature, b.N)
			for i, p := range proofs(b) {
				parsed[i], _ = jose.ParseSignedCompact(p, []jose.SignatureAlgorithm{k.alg})
			}
			spend := watchCPU(b)
			for _, p := range parsed {
				if _, err := p.Verify(public); err != nil {
					b.Fatal(err)
				}
			}
			spend()
		})
		for _, kind := range []string{"SQLite", "Redis"} {
			for _, n := range []struct {
				name string
				at   int
			}{{"1", 1}, {"32", 32}} {
				b.Run(k.name+"/"+kind+"/"+n.name, func(b *testing.B) {
					url := "file:" + b.TempDir()
					if kind == "Redis" {
						url = storetest.Redis(b)
					}
					v := verifier(b, open(b, url), c)
					all := proofs(b)
					spend := watchCPU(b)
					checkAll(b, v, all, n.at)
					spend()
				})
			}
		}
	}
}

func checkAll(b *testing.B, v *dpop.Verifier, proofs []string, at int) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range at {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(proofs) {
					return
				}
				if _, err := v.Check(context.Background(), proofs[i:i+1], "POST", target, token); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
