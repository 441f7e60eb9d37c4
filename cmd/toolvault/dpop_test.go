package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// proofOf is a proof of possession for a request with a token (RFC 9449 section 4).
func proofOf(t *testing.T, key *ecdsa.PrivateKey, method, target, token string) string {
	t.Helper()
	own := jose.JSONWebKey{Key: key}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", own.Public()))
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": target, "iat": time.Now().Unix()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	payload, _ := json.Marshal(claims)
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestABoundTokenNeedsItsKey: what a thief has of it is worth nothing without the key.
func TestABoundTokenNeedsItsKey(t *testing.T) {
	s, _ := withOAuth(t)
	base := "http://" + s.addr
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	post := func(path, body, kind string, headers ...string) (*http.Response, string) {
		t.Helper()
		req, _ := http.NewRequest("POST", base+path, strings.NewReader(body))
		req.Header.Set("Content-Type", kind)
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp, string(b)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"bot"}, "client_secret": {os.Getenv("BOT")}}.Encode()
	_, body := post("/oauth/token", form, "application/x-www-form-urlencoded", "DPoP", proofOf(t, key, "POST", base+"/oauth/token", ""))
	var answer struct {
		Access string `json:"access_token"`
		Type   string `json:"token_type"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Type != "DPoP" {
		t.Fatalf("%v %s", err, body)
	}
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`
	good := proofOf(t, key, "POST", base+"/mcp", answer.Access)
	for _, c := range []struct {
		name, scheme, proof string
		want                int
		code                string
	}{
		{"with its key", "DPoP", good, 200, ""},
		{"the same proof again", "DPoP", good, 401, `DPoP error="invalid_dpop_proof"`},
		{"as a bearer's", "Bearer", "", 401, `Bearer error="invalid_token"`},
		{"as a bearer's with a proof", "Bearer", proofOf(t, key, "POST", base+"/mcp", answer.Access), 401, `Bearer error="invalid_token"`},
		{"without a proof", "DPoP", "", 401, `DPoP error="invalid_dpop_proof"`},
		{"with a thief's key", "DPoP", proofOf(t, thief, "POST", base+"/mcp", answer.Access), 401, `Bearer error="invalid_token"`},
		{"with a proof for elsewhere", "DPoP", proofOf(t, key, "POST", "https://tools.example.com/mcp", answer.Access), 401, `DPoP error="invalid_dpop_proof"`},
		{"with a proof of another token", "DPoP", proofOf(t, key, "POST", base+"/mcp", "another"), 401, `DPoP error="invalid_dpop_proof"`},
	} {
		headers := []string{"Authorization", c.scheme + " " + answer.Access}
		if c.proof != "" {
			headers = append(headers, "DPoP", c.proof)
		}
		resp, body := post("/mcp", list, "application/json", headers...)
		if resp.StatusCode != c.want || !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), c.code) {
			t.Errorf("%s: %d %q, want %d %s: %s", c.name, resp.StatusCode, resp.Header.Get("WWW-Authenticate"), c.want, c.code, body)
		}
	}
	if resp, body := post("/oauth/token", form, "application/x-www-form-urlencoded", "DPoP", "x.y.z"); resp.StatusCode != 400 || !strings.Contains(body, "invalid_dpop_proof") {
		t.Errorf("a proof that is none: %d %s", resp.StatusCode, body)
	}
}
