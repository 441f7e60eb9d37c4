package vault

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// idp is a company's provider that trades a person's refresh token or ID token for an
// assertion.
func idp(t *testing.T, trade func(r *http.Request) (assertion, refusal string)) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "application/json")
		assertion, code := trade(r)
		if code != "" {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": r.PostForm.Encode()})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"issued_token_type": tokenTypeIDJAG, "access_token": assertion, "token_type": "N_A", "expires_in": 300})
	}))
	t.Cleanup(s.Close)
	return s, &asked
}

const (
	personsRefresh = "persons-refresh-token-canary"
	providerSecret = "provider-secret-canary"
	clientSecret   = "client-secret-canary"
)

func TestIDJAG(t *testing.T) {
	provider, asked := idp(t, func(r *http.Request) (string, string) {
		f := r.PostForm
		id, secret, _ := r.BasicAuth()
		want := url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "requested_token_type": {tokenTypeIDJAG}, "subject_token": {personsRefresh},
			"subject_token_type": {tokenTypeRefresh}, "audience": {"https://as.example.com"}, "resource": {"https://api.example.com"}, "scope": {"read write"},
		}
		if id != "toolvault" || secret != providerSecret {
			return "", "invalid_client"
		}
		if f.Encode() != want.Encode() {
			t.Logf("asked for %s", f.Encode())
			return "", "invalid_request"
		}
		return "the-assertion-canary", ""
	})
	s := newCounterpart(t)
	s.prove = func(r *http.Request) string {
		id, secret, _ := r.BasicAuth()
		if id != "our-client" || secret != clientSecret {
			return "invalid_client"
		}
		if r.PostForm.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || r.PostForm.Get("assertion") != "the-assertion-canary" {
			return "invalid_grant"
		}
		return ""
	}
	q := newQuiet(t, Service{App: App{Provider: Provider{TokenURL: s.URL + "/token"}}})
	secret := `{"refresh_token":"` + personsRefresh + `","provider_client_secret":"` + providerSecret + `","client_secret":"` + clientSecret + `"}`
	q.hide(personsRefresh, providerSecret, clientSecret, "the-assertion-canary")
	params := map[string]string{
		"provider_token_url": provider.URL, "provider_client_id": "toolvault", "audience": "https://as.example.com", "resource": "https://api.example.com",
		"client_id": "our-client", "token_scope": "read write",
	}
	d := q.put(t, TypeIDJAG, secret, params)
	c := s.works(t, q.Vault, d)
	holds(t, c, secret, "issued-token-1")
	q.say(c)
	if asked.Load() != 1 {
		t.Errorf("the provider was asked %d times", asked.Load())
	}
	s.end()
	if next, err := q.Renew(t.Context(), c); err != nil || s.try(t, next) != http.StatusOK || asked.Load() != 2 {
		t.Errorf("it was not renewed: %v, asked %d times", err, asked.Load())
	}

	// A person who has left: the provider refuses, and says so in one sentence.
	params["audience"] = "https://elsewhere.example.com"
	d.Params = params
	if got := q.fails(t, d, ErrInvalid); !strings.Contains(got, "company's provider gave no assertion") {
		t.Errorf("got %s", got)
	}
}

func TestIDJAGOfAnIDTokenAndPublicClients(t *testing.T) {
	provider, _ := idp(t, func(r *http.Request) (string, string) {
		if _, _, basic := r.BasicAuth(); basic || r.PostForm.Get("client_id") != "toolvault" || r.PostForm.Get("subject_token_type") != tokenTypeID {
			return "", "invalid_client"
		}
		return "an-assertion", ""
	})
	s := newCounterpart(t)
	s.prove = func(r *http.Request) string {
		if r.PostForm.Get("client_id") != "our-client" {
			return "invalid_client"
		}
		return ""
	}
	q := newQuiet(t, Service{App: App{Provider: Provider{TokenURL: s.URL + "/token"}}})
	d := q.put(t, TypeIDJAG, `{"id_token":"an.id.token"}`, map[string]string{
		"provider_token_url": provider.URL, "provider_client_id": "toolvault", "audience": "https://as.example.com", "client_id": "our-client",
	})
	s.works(t, q.Vault, d)
}

func TestSecretsOfIDJAG(t *testing.T) {
	for text, good := range map[string]bool{
		`{"refresh_token":"r"}`:                  true,
		`{"id_token":"i","client_secret":"s"}`:   true,
		`{}`:                                     false,
		`{"refresh_token":"r","id_token":"i"}`:   false,
		`{"refresh_token":"r","x":1}`:            false,
		`{"refresh_token":"r"} {}`:               false,
		`{"refresh_token":"a\nb"}`:               false,
		`refresh-token-canary`:                   false,
		`{"refresh_token":"refresh-token-canary`: false,
	} {
		_, err := parseIdentitySecret(text)
		if (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("a secret is shown: %v", err)
		}
	}
}
