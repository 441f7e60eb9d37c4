package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"toolvault/auth/client"
	"toolvault/vault/store/storetest"
)

// BenchmarkTokens is client credentials over the handler, 32 at once, with an
// audit log that only counts: what a token costs by a secret and by an ES256 key, on
// both stores. With a key each request leaves a durable record that it was used, so
// there the disk decides.
func BenchmarkTokens(b *testing.B) {
	before := slog.Default() // the library logs to it
	slog.SetDefault(slog.New(slog.DiscardHandler))
	b.Cleanup(func() { slog.SetDefault(before) })
	for _, name := range []string{"sqlite", "redis"} {
		for _, how := range []string{"secret", "key"} {
			b.Run(name+"/"+how, func(b *testing.B) {
				url := ""
				if name == "redis" {
					url = storetest.Redis(b)
				}
				h := newHouse(b, url)
				h.clock.now = time.Now()
				var issued atomic.Int64
				key := newSigningKey(b, "s1")
				p := newPlantIn(b, h, func(o *Options) {
					o.Observe = func(context.Context, Event) error { issued.Add(1); return nil }
				})
				bodies := make([]string, b.N)
				for i := range bodies {
					bodies[i] = "grant_type=client_credentials&client_id=c-bot&client_secret=s3cret"
				}
				if how == "key" {
					c := h.clients["c-bot"]
					c.ID, c.Auth, c.Secrets = "signer", client.AuthKey, nil
					c.Keys.Keys = append(c.Keys.Keys, key.public())
					h.clients["signer"] = c
					for i := range bodies {
						bodies[i] = "grant_type=client_credentials&client_assertion_type=" + oidc.ClientAssertionTypeJWTAssertion + "&client_assertion=" + key.sign(b, nil, p.clientClaims())
					}
				}
				var next atomic.Int64
				b.SetParallelism(16)
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						req := httptest.NewRequest(http.MethodPost, TokenPath, strings.NewReader(bodies[next.Add(1)-1]))
						req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
						w := httptest.NewRecorder()
						p.Handler().ServeHTTP(w, req)
						if w.Code != http.StatusOK {
							b.Errorf("%d %s", w.Code, w.Body)
							return
						}
					}
				})
				b.ReportMetric(float64(issued.Load())/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}
