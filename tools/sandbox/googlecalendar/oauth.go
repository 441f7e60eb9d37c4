package googlecalendar

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"toolvault/tools/sandbox/double"
)

const scopeBase = "https://www.googleapis.com/auth/"

// The scopes with which each method can be called (discovery document, methods.*.scopes).
var (
	seesList     = named("calendar", "calendar.calendarlist", "calendar.calendarlist.readonly", "calendar.readonly")
	seesBusy     = named("calendar", "calendar.events.freebusy", "calendar.freebusy", "calendar.readonly")
	seesEvents   = named("calendar", "calendar.app.created", "calendar.events", "calendar.events.freebusy", "calendar.events.owned", "calendar.events.owned.readonly", "calendar.events.public.readonly", "calendar.events.readonly", "calendar.readonly")
	writesEvents = named("calendar", "calendar.app.created", "calendar.events", "calendar.events.owned")
)

func named(names ...string) []string {
	for i, n := range names {
		names[i] = scopeBase + n
	}
	return names
}

// scopes are those that the app, and the service account, may ask for.
func scopes() []string {
	return named("calendar.calendarlist.readonly", "calendar.events.readonly", "calendar.events", "calendar.events.freebusy")
}

func clientSecret() string { return "GOCSPX-" + double.Fake("google_calendar client secret", 28) }

// keyPair is the key of the service account. Google makes RSA keys only; one on a
// curve is made a thousand times faster, and a double is made for every test.
type keyPair struct{ private *ecdsa.PrivateKey }

func newKeyPair() keyPair {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return keyPair{k}
}

// account is the JSON file of the service account, without the address of Google's
// token endpoint.
func (k keyPair) account() string {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		panic(err) // of a key that was just made
	}
	b, _ := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "northwind-agents", "client_email": robot, "private_key_id": "sandbox-1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	return string(b)
}

// token is the token endpoint: for a code, a refresh token, which stays the same, or
// an assertion of the service account.
func (s *server) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		deny(w, "invalid_request", "the form cannot be read")
		return
	}
	f := r.PostForm
	grant := f.Get("grant_type")
	if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		s.assertion(w, r)
		return
	}
	if f.Get("client_id") != clientID || f.Get("client_secret") != clientSecret() {
		w.Header().Set("Content-Type", "application/json")
		send(w, http.StatusUnauthorized, answer{"error": "invalid_client", "error_description": "Unauthorized"})
		return
	}
	switch grant {
	case "refresh_token":
		t, ok := s.refresh[f.Get("refresh_token")]
		if !ok {
			deny(w, "invalid_grant", "Token has been expired or revoked.")
			return
		}
		s.issue(w, t, "")
	case "authorization_code":
		asked, fault := s.consents.Redeem(f)
		if fault != "" {
			deny(w, "invalid_grant", "Bad "+fault)
			return
		}
		t := token{user: marta, scopes: asked.Scopes}
		s.issued++
		refresh := "1//" + double.Fake(fmt.Sprintf("google_calendar refresh %d", s.issued), 60)
		s.refresh[refresh] = t
		s.issue(w, t, refresh)
	default:
		deny(w, "unsupported_grant_type", "Invalid grant_type: "+grant)
	}
}

// assertion is a service account's way to a token
// (developers.google.com/identity/protocols/oauth2/service-account).
func (s *server) assertion(w http.ResponseWriter, r *http.Request) {
	parsed, err := jwt.ParseSigned(r.PostForm.Get("assertion"), []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	var claims struct {
		jwt.Claims
		Scope string `json:"scope"`
	}
	if err != nil || parsed.Claims(s.key.private.Public(), &claims) != nil {
		deny(w, "invalid_grant", "Invalid JWT Signature.")
		return
	}
	now, life := s.now(), claims.Expiry.Time().Sub(claims.IssuedAt.Time())
	wanted := strings.Fields(claims.Scope)
	aud := []string{"https://oauth2.googleapis.com/token", "http://" + r.Host + tokenPath}
	user := claims.Subject
	switch {
	case claims.Issuer != robot:
		deny(w, "invalid_grant", "Invalid grant: account not found")
	case len(claims.Audience) != 1 || !slices.Contains(aud, claims.Audience[0]):
		deny(w, "invalid_grant", "Invalid JWT: Failed audience check.")
	case claims.Expiry == nil || claims.IssuedAt == nil || life <= 0 || life > time.Hour || !now.Before(claims.Expiry.Time()) || claims.IssuedAt.Time().After(now.Add(time.Minute)):
		deny(w, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.")
	case len(wanted) == 0:
		deny(w, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
	case user == "" || user == robot:
		s.issue(w, token{user: robot, scopes: wanted}, "")
	case slices.ContainsFunc(wanted, func(one string) bool { return !slices.Contains(scopes(), one) }) || !strings.HasSuffix(user, domain):
		w.Header().Set("Content-Type", "application/json")
		send(w, http.StatusUnauthorized, answer{"error": "unauthorized_client", "error_description": "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."})
	case s.calendar(user) == nil:
		deny(w, "invalid_grant", "Invalid email or User ID")
	default:
		s.issue(w, token{user: user, scopes: wanted}, "")
	}
}

func (s *server) issue(w http.ResponseWriter, t token, refresh string) {
	s.issued++
	t.until = s.now().Add(tokenFor)
	secret := "ya29." + double.Fake(fmt.Sprintf("google_calendar access %d", s.issued), 60)
	s.tokens[secret] = t
	body := answer{"access_token": secret, "expires_in": int(tokenFor.Seconds()) - 1, "scope": strings.Join(t.scopes, " "), "token_type": "Bearer"}
	if refresh != "" {
		body["refresh_token"] = refresh
	}
	send(w, http.StatusOK, body)
}

// revoke ends a token, and with a refresh token all that it stands for.
func (s *server) revoke(w http.ResponseWriter, r *http.Request) {
	t := r.PostFormValue("token")
	_, access := s.tokens[t]
	_, refresh := s.refresh[t]
	if !access && !refresh {
		deny(w, "invalid_token", "Token expired or revoked")
		return
	}
	delete(s.tokens, t)
	delete(s.refresh, t)
	send(w, http.StatusOK, answer{})
}

func deny(w http.ResponseWriter, code, text string) {
	send(w, http.StatusBadRequest, answer{"error": code, "error_description": text})
}
