package salesforce

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"toolvault/tools/sandbox/double"
)

var vendorScopes = []string{"api", "refresh_token"}

func clientID() string     { return "3MVG9" + double.Fake("salesforce consumer key", 80) }
func clientSecret() string { return double.Fake("salesforce consumer secret", 64) }
func firstRefresh() string { return "5Aep861" + double.Fake("salesforce refresh", 60) }

// Username is whom a JWT bearer assertion can be for.
const Username = "supportbot@northwind.example"

// grant is what a token stands for.
type grant struct {
	user   string
	scopes []string
}

func (g grant) has(scope string) bool { return slices.Contains(g.scopes, scope) }

// oauth answers what is asked of the authorization server.
func (o *org) oauth(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		o.deny(w, "invalid_request", "malformed form")
		return
	}
	switch path := strings.TrimPrefix(r.URL.Path, "/services/oauth2"); {
	case path == "/authorize" && r.Method == http.MethodGet:
		if r.URL.Query().Get("code_challenge") == "" {
			http.Error(w, "error=invalid_request&error_description=missing required code challenge", http.StatusBadRequest)
			return
		}
		o.consent.Show(w, r, double.Words(r.URL.Query().Get("scope")), nil, nil)
	case path == "/authorize" && r.Method == http.MethodPost:
		o.consent.Answered(w, r)
	case path == "/token" && r.Method == http.MethodPost:
		o.token(w, r)
	case path == "/revoke" && r.Method == http.MethodPost:
		token := r.PostForm.Get("token")
		_, access := o.tokens[token]
		_, refresh := o.refresh[token]
		delete(o.tokens, token)
		delete(o.refresh, token)
		if !access && !refresh {
			o.deny(w, "unsupported_token_type", "this token type is not supported")
		}
	default:
		o.identity(w, r)
	}
}

// identity is who a token is of, at the address that a token answer names.
func (o *org) identity(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	g, ok := o.tokens[token]
	user := o.find("User", g.user)
	if !ok || user == nil || r.Method != http.MethodGet || r.URL.Path != "/id/"+orgID+"/"+g.user && r.URL.Path != "/services/oauth2/userinfo" {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("Bad_OAuth_Token"))
		return
	}
	send(w, 200, answer{
		"user_id": g.user, "organization_id": orgID, "sub": o.base + "/id/" + orgID + "/" + g.user, "name": user.fields["Name"],
		"preferred_username": user.fields["Username"], "username": user.fields["Username"], "email": user.fields["Email"], "zoneinfo": user.fields["TimeZoneSidKey"],
	})
}

func (o *org) deny(w http.ResponseWriter, code, description string) {
	send(w, http.StatusBadRequest, answer{"error": code, "error_description": description})
}

// token issues tokens: for a code, a refresh token (which is then spent), the app's
// own secret, or an assertion that the app's certificate verifies.
func (o *org) token(w http.ResponseWriter, r *http.Request) {
	f := r.PostForm
	kind := f.Get("grant_type")
	if kind == "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		if why := o.asserted(f.Get("assertion")); why != "" {
			o.deny(w, "invalid_grant", why)
			return
		}
		o.issue(w, grant{botID, []string{"api"}}, "")
		return
	}
	id, secret := f.Get("client_id"), f.Get("client_secret")
	if basicID, basicSecret, ok := r.BasicAuth(); ok && id == "" {
		id, secret = basicID, basicSecret
	}
	if id != clientID() || secret != clientSecret() {
		o.deny(w, "invalid_client", "invalid client credentials")
		return
	}
	switch kind {
	case "client_credentials":
		o.issue(w, grant{botID, []string{"api"}}, "")
	case "authorization_code":
		asked, wrong := o.consent.Redeem(f)
		if wrong != "" {
			o.deny(w, "invalid_grant", map[string]string{"redirect_uri": "redirect_uri must match configuration", "code_verifier": "invalid code verifier"}[wrong])
			return
		}
		o.issue(w, grant{botID, asked.Scopes}, o.rotated())
	case "refresh_token":
		g, ok := o.refresh[f.Get("refresh_token")]
		if !ok {
			o.deny(w, "invalid_grant", "expired access/refresh token")
			return
		}
		delete(o.refresh, f.Get("refresh_token"))
		o.issue(w, g, o.rotated())
	default:
		o.deny(w, "unsupported_grant_type", "grant type not supported")
	}
}

func (o *org) rotated() string {
	o.issued++
	return "5Aep861" + double.Fake(fmt.Sprintf("salesforce refresh %d", o.issued), 60)
}

// issue answers with an access token, which does not say when it ends.
func (o *org) issue(w http.ResponseWriter, g grant, refresh string) {
	o.issued++
	token := "00DNw0000000001!" + double.Fake(fmt.Sprintf("salesforce session %d", o.issued), 60)
	o.tokens[token] = g
	out := answer{
		"access_token": token, "instance_url": o.base, "id": o.base + "/id/" + orgID + "/" + g.user, "token_type": "Bearer",
		"issued_at": strconv.FormatInt(o.now().UnixMilli(), 10), "signature": double.Fake("salesforce signature "+token, 43) + "=", "scope": strings.Join(g.scopes, " "),
	}
	if refresh != "" && g.has("refresh_token") {
		o.refresh[refresh] = g
		out["refresh_token"] = refresh
	}
	send(w, 200, out)
}

// asserted says what is wrong with a JWT bearer assertion; "" is nothing. Salesforce
// takes RS256 alone; ES256 is taken here too, whose keys are made faster.
func (o *org) asserted(text string) string {
	t, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil || o.key == nil {
		return "invalid assertion"
	}
	var c jwt.Claims
	if t.Claims(o.key, &c) != nil {
		return "invalid assertion"
	}
	audience := slices.ContainsFunc(c.Audience, func(a string) bool {
		return a == o.base || a == "https://login.salesforce.com" || a == "https://test.salesforce.com"
	})
	switch now := o.now(); {
	case c.Issuer != clientID():
		return "client identifier invalid"
	case !audience:
		return "audience is invalid"
	case c.Expiry == nil || !now.Before(c.Expiry.Time()) || c.Expiry.Time().After(now.Add(3*time.Minute)):
		return "assertion has expired, or is good for more than three minutes"
	case c.Subject != Username:
		return "user hasn't approved this consumer"
	}
	return ""
}
