package connect

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
)

// provider is a strict OAuth authorization server: exact redirect, PKCE wherever a
// challenge came, codes for one use by the client that they were given to.
type provider struct {
	*httptest.Server
	mu      sync.Mutex
	codes   map[string]url.Values // the request that led to the code
	asked   []url.Values          // authorization requests
	redeems int
	revoked []string
	n       int

	describe string // of itself, at the well-known place; "" for nothing

	back   func(q, answer url.Values)                            // edits what is sent back
	answer func(w http.ResponseWriter, asked url.Values) bool    // true: it has answered the token request
	tokens func(asked url.Values, n int) (answer map[string]any) // instead of the usual tokens
}

const clientSecret = "app-secret-canary-5d1f"

func newProvider(t testing.TB) *provider {
	p := &provider{codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, p.describe)
	})
	mux.HandleFunc("POST /revoke", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.revoked = append(p.revoked, r.PostFormValue("token"))
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := r.URL.Query()
	p.asked = append(p.asked, q)
	redirect, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("client_id") != "app" || q.Get("response_type") != "code" || q.Get("state") == "" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	p.n++
	code := fmt.Sprintf("code-canary-%d", p.n)
	p.codes[code] = q
	answer := url.Values{"state": {q.Get("state")}, "code": {code}}
	if p.back != nil {
		p.back(q, answer)
	}
	redirect.RawQuery = answer.Encode()
	http.Redirect(w, r, redirect.String(), http.StatusFound)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = r.ParseForm()
	p.redeems++
	id, secret, _ := r.BasicAuth()
	asked, known := p.codes[r.PostForm.Get("code")]
	delete(p.codes, r.PostForm.Get("code"))
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	refuse := func(code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code})
	}
	switch {
	case id != "app" || secret != clientSecret:
		refuse("invalid_client")
		return
	case r.PostForm.Get("grant_type") != "authorization_code":
		refuse("unsupported_grant_type")
		return
	case !known, r.PostForm.Get("redirect_uri") != asked.Get("redirect_uri"):
		refuse("invalid_grant")
		return
	case asked.Get("code_challenge") == "" || asked.Get("code_challenge_method") != "S256",
		asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]):
		refuse("invalid_grant")
		return
	}
	if p.answer != nil && p.answer(w, asked) {
		return
	}
	p.n++
	answer := map[string]any{
		"access_token": fmt.Sprintf("access-canary-%d", p.n), "refresh_token": fmt.Sprintf("refresh-canary-%d", p.n),
		"expires_in": 3600, "token_type": "Bearer", "scope": asked.Get("scope"), "hub_id": 4711,
	}
	if p.tokens != nil {
		answer = p.tokens(asked, p.n)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (p *provider) last() url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[len(p.asked)-1]
}
