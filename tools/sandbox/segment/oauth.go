package segment

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"toolvault/tools/sandbox/double"
)

// granted is an access token: what it may do, and until when.
type granted struct {
	scopes []string
	until  time.Time
}

const tokenLife = 24 * time.Hour

func (s *segment) grants(in *region, token, scope string) bool {
	t, ok := in.tokens[token]
	return ok && s.now().Before(t.until) && slices.Contains(t.scopes, scope)
}

// token is the token endpoint of a region: it takes the private_key_jwt of an app
// that it knows, signed with RS256, made out to this very server, short, and once.
func (s *segment) token(in *region, w http.ResponseWriter, r *http.Request, path string) {
	fail := func(status int, code, text string) {
		answer(w, status, jsonType, map[string]any{"error": code, "error_description": text})
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	switch {
	case path != "/token" || r.Method != http.MethodPost:
		fail(http.StatusNotFound, "not_found", "Not Found")
		return
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		fail(http.StatusUnsupportedMediaType, "invalid_request", "Unsupported media type")
		return
	case r.ParseForm() != nil || r.PostForm.Get("grant_type") != "client_credentials":
		fail(http.StatusBadRequest, "unsupported_grant_type", "grant_type must be client_credentials")
		return
	case r.PostForm.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
		fail(http.StatusBadRequest, "invalid_request", "client_assertion_type is invalid")
		return
	}
	wrong := s.assertion(in, r.PostForm.Get("client_assertion"), "http://"+r.Host+strings.TrimSuffix(r.URL.Path, path))
	if wrong != "" {
		fail(http.StatusUnauthorized, "invalid_client", wrong)
		return
	}
	scopes := strings.Fields(r.PostForm.Get("scope"))
	for _, scope := range scopes {
		if !slices.Contains([]string{"tracking_api:write", "public_api:read_write", "functions:write"}, scope) {
			fail(http.StatusBadRequest, "invalid_scope", "The scope is not known.")
			return
		}
	}
	token := double.Fake("segment access token "+in.name+s.now().String()+strings.Repeat(".", len(in.used)), 64)
	in.tokens[token] = granted{scopes, s.now().Add(tokenLife)}
	answer(w, http.StatusOK, jsonType, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "scope": strings.Join(scopes, " ")})
}

// assertion says what is wrong with a client's assertion; "" nothing.
func (s *segment) assertion(in *region, text, server string) string {
	signed, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || in.app == nil || len(signed.Headers) != 1 || signed.Headers[0].KeyID != in.app.KeyID {
		return "The client assertion is invalid"
	}
	var claims jwt.Claims
	if signed.Claims(in.app.Key, &claims) != nil || claims.Subject != in.app.ID {
		return "The client assertion is invalid"
	}
	now := s.now()
	switch {
	case !slices.Contains(claims.Audience, server):
		return "The audience is invalid"
	case claims.IssuedAt == nil || claims.IssuedAt.Time().After(now):
		return "Token used before issued"
	case claims.Expiry == nil || !now.Before(claims.Expiry.Time()):
		return "Token is expired"
	case claims.Expiry.Time().Sub(claims.IssuedAt.Time()) > time.Minute:
		return "The lifetime of the token is too long"
	case claims.ID == "" || in.used[claims.ID]:
		return "The token was used before"
	}
	in.used[claims.ID] = true
	return ""
}
