package dpop_test

import (
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth"
	"toolvault/auth/dpop"
	"toolvault/auth/scope"
	"toolvault/vault/store"
)

// counting counts what a store is asked for.
type counting struct {
	store.Store
	gets atomic.Int64
}

func (s *counting) Get(ctx context.Context, key string) (store.Item, error) {
	s.gets.Add(1)
	return s.Store.Get(ctx, key)
}

// TestThroughGuard: a token and its proof, as a request brings them.
func TestThroughGuard(t *testing.T) {
	onEach(t, func(t *testing.T, url string) {
		c, st := newClock(), open(t, url)
		catalogs := scope.Catalogs{"notes": scope.NewCatalog("notes", scope.Def{Name: "read"})}
		grants, err := catalogs.ParseGrants("notes:read")
		if err != nil {
			t.Fatal(err)
		}
		agents := auth.NewAgents(st, c.Now)
		agents.Configure([]auth.Agent{{ID: "bot", Tasks: map[string]scope.Grants{"read": grants}}})
		tokens, err := auth.NewTokens(t.Context(), auth.TokenOptions{
			Store: st, Sealer: newSealer(t, 1), Agents: agents, Issuer: "https://tools.example.com", Audience: target,
			Admin: "https://tools.example.com/v1/admin", Catalogs: catalogs, Now: c.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		key, other := p256(t), p256(t)
		sum, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		thumbprint := base64.RawURLEncoding.EncodeToString(sum)
		mint := func(key string) string {
			out, _, err := tokens.Mint(t.Context(), auth.Request{Agent: "bot", Task: "read", Key: key})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		bound, loose := mint(thumbprint), mint("")
		proof := func(key any, of string) []string {
			return []string{prove(t, key, jose.ES256, c.Now(), nil, m{"ath": ath(of)})}
		}
		replayed := proof(key, bound)
		guard := &auth.Guard{Tokens: tokens, Prover: verifier(t, st, c)}
		bare := &auth.Guard{Tokens: tokens}
		for _, row := range []struct {
			name         string
			guard        *auth.Guard
			token        string
			scheme       string
			proofs       []string
			method       string
			proved, says string // codes and reasons of a *dpop.Error, or of a *auth.TokenError
		}{
			{"a bound token with its proof", guard, bound, "DPoP", replayed, "POST", "", ""},
			{"a replay", guard, bound, "DPoP", replayed, "POST", dpop.InvalidProof, "used before"},
			{"a loose token as Bearer", guard, loose, "Bearer", nil, "POST", "", ""},
			{"a bound token as Bearer", guard, bound, "Bearer", nil, "POST", "", "without a proof"},
			{"a bound token as Bearer, with a proof", guard, bound, "Bearer", proof(key, bound), "POST", "", "without a proof"},
			{"a bound token without a proof", guard, bound, "DPoP", nil, "POST", dpop.InvalidProof, "exactly one"},
			{"a bound token with two", guard, bound, "DPoP", append(proof(key, bound), proof(key, bound)...), "POST", dpop.InvalidProof, "exactly one"},
			{"a loose token as DPoP", guard, loose, "DPoP", proof(key, loose), "POST", "", "not bound"},
			{"the proof of another key", guard, bound, "DPoP", proof(other, bound), "POST", "", "another key"},
			{"the proof for another token", guard, bound, "DPoP", proof(key, loose), "POST", dpop.InvalidProof, "ath"},
			{"the proof for another method", guard, bound, "DPoP", proof(key, bound), "GET", dpop.InvalidProof, "htm"},
			{"where nobody checks proofs", bare, bound, "DPoP", proof(key, bound), "POST", "", "without a proof"},
			{"no token of ours", guard, token, "DPoP", proof(key, token), "POST", "", "not a token"},
		} {
			id, err := row.guard.Authenticate(t.Context(), auth.Presented{Token: row.token, Scheme: row.scheme, Proofs: row.proofs, Method: row.method, URL: target})
			var p *dpop.Error
			var tok *auth.TokenError
			switch {
			case row.says == "":
				if err != nil || id.Agent != "bot" || id.Key != map[string]string{bound: thumbprint}[row.token] {
					t.Errorf("%s: %+v %v", row.name, id, err)
				}
			case err == nil || !strings.Contains(err.Error(), row.says) || id.Agent != "":
				t.Errorf("%s: %+v %v, want %q", row.name, id, err, row.says)
			case row.proved != "" && (!errors.As(err, &p) || p.Code != row.proved), row.proved == "" && !errors.As(err, &tok):
				t.Errorf("%s: %T %v", row.name, err, err)
			}
		}

		admin, _, err := tokens.MintAdmin(t.Context(), auth.AdminRequest{Name: "ann", Client: "c", Scopes: []string{auth.ScopeAudit}, Key: thumbprint})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			scheme, says string
			proofs       []string
		}{{"DPoP", "", proof(key, admin)}, {"Bearer", "without a proof", nil}, {"DPoP", "another key", proof(other, admin)}} {
			_, err := guard.AuthenticateAdmin(t.Context(), auth.Presented{Token: admin, Scheme: row.scheme, Proofs: row.proofs, Method: "POST", URL: target})
			if (err == nil) != (row.says == "") || err != nil && !strings.Contains(err.Error(), row.says) {
				t.Errorf("an administrator's token: %v, want %q", err, row.says)
			}
		}
	})
}
