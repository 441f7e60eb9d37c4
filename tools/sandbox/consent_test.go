package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"toolvault/tools/sandbox/double"
)

const (
	back     = "http://127.0.0.1:1/connect/callback"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636, appendix B
)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// consented opens the double's page and answers it. It returns where the browser is
// sent back to, or the page if that asks nothing.
func consented(t *testing.T, d *double.Double, q url.Values, answer string) (*url.URL, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, d.Authorize+"?"+q.Encode(), nil))
	m := regexp.MustCompile(`name="asked" value="(\w+)"`).FindStringSubmatch(rec.Body.String())
	if m == nil {
		return nil, rec.Body.String()
	}
	r := httptest.NewRequest(http.MethodPost, d.Authorize, strings.NewReader(url.Values{"asked": {m[1]}, "answer": {answer}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec = httptest.NewRecorder()
	d.ServeHTTP(rec, r)
	to, err := url.Parse(rec.Header().Get("Location"))
	if err != nil || rec.Code != http.StatusSeeOther {
		t.Fatalf("the answer is %d to %v", rec.Code, to)
	}
	return to, ""
}

func redeem(t *testing.T, d *double.Double, path string, form url.Values) map[string]any {
	t.Helper()
	form.Set("client_id", d.ClientID)
	form.Set("client_secret", d.ClientSecret)
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, r)
	var body map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	return body
}

// A code is good once, in time, with its redirect and its verifier, at both.
func TestCodes(t *testing.T) {
	for name, c := range map[string]struct {
		make  func(func() time.Time) *double.Double
		path  string
		scope string
	}{
		"hubspot": {newHubSpot, "/oauth/2026-09/token", "oauth crm.objects.contacts.read"},
		"slack":   {newSlack, "/api/oauth.v2.access", "chat:write,channels:read"},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			d := c.make(func() time.Time { return now })
			q := func() url.Values {
				return url.Values{
					"client_id": {d.ClientID}, "redirect_uri": {back}, "response_type": {"code"}, "state": {"s1"}, "scope": {c.scope},
					"code_challenge": {challenge()}, "code_challenge_method": {"S256"},
				}
			}
			form := func(code string) url.Values {
				return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {back}, "code_verifier": {verifier}}
			}
			code := func() string {
				to, page := consented(t, d, q(), "allow")
				if to == nil || to.Query().Get("state") != "s1" || to.Query().Get("code") == "" {
					t.Fatalf("sent back to %v: %s", to, page)
				}
				return to.Query().Get("code")
			}
			good := code()
			if a := redeem(t, d, c.path, form(good)); a["access_token"] == nil || a["refresh_token"] == nil {
				t.Fatalf("the answer is %v", a)
			}
			if a := redeem(t, d, c.path, form(good)); a["access_token"] != nil {
				t.Fatal("a code was good twice")
			}
			for field, value := range map[string]string{"redirect_uri": back + "/x", "code_verifier": strings.Repeat("v", 43), "code": "none"} {
				f := form(code())
				f.Set(field, value)
				if a := redeem(t, d, c.path, f); a["access_token"] != nil {
					t.Errorf("a wrong %s is taken", field)
				}
			}
			late := code()
			now = now.Add(2 * double.CodeFor)
			if a := redeem(t, d, c.path, form(late)); a["access_token"] != nil {
				t.Error("an old code is taken")
			}
			if to, _ := consented(t, d, q(), "deny"); to.Query().Get("error") != "access_denied" || to.Query().Has("code") {
				t.Errorf("the no leads to %v", to)
			}
			for field, value := range map[string]string{
				"client_id": "other", "redirect_uri": "http://evil.example/", "scope": "everything", "code_challenge_method": "plain", "response_type": "token",
			} {
				bad := q()
				bad.Set(field, value)
				if to, page := consented(t, d, bad, "allow"); to != nil || !strings.Contains(page, "cannot ask you") {
					t.Errorf("a wrong %s is asked for: %v %s", field, to, page)
				}
			}
		})
	}
}

// What was consented to is what the token can do, also after a renewal, and nothing
// after it is taken back.
func TestConsentedTokens(t *testing.T) {
	d := NewSlack()
	to, _ := consented(t, d, url.Values{"client_id": {d.ClientID}, "redirect_uri": {back}, "scope": {"channels:read"}, "user_scope": {"search:read"}}, "allow")
	const path = "/api/oauth.v2.access"
	a := redeem(t, d, path, url.Values{"code": {to.Query().Get("code")}, "redirect_uri": {back}})
	user, _ := a["authed_user"].(map[string]any)
	if a["token_type"] != "bot" || a["scope"] != "channels:read" || user["token_type"] != "user" || user["scope"] != "search:read" {
		t.Fatalf("the answer is %v", a)
	}
	a = redeem(t, d, path, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a["refresh_token"].(string)}})
	if a["scope"] != "channels:read" {
		t.Fatalf("renewed it is %v", a)
	}
	call := func(method, token string) map[string]any {
		r := httptest.NewRequest(http.MethodPost, "/api/"+method, strings.NewReader("channel=C1&text=x"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer "+token)
		rec := httptest.NewRecorder()
		d.ServeHTTP(rec, r)
		var body map[string]any
		_ = json.Unmarshal(rec.Body.Bytes(), &body)
		return body
	}
	token, _ := a["access_token"].(string)
	if got := call("chat.postMessage", token); got["error"] != "missing_scope" {
		t.Fatalf("beyond its scope: %v", got)
	}
	if got := call("auth.revoke", token); got["revoked"] != true {
		t.Fatalf("taken back: %v", got)
	}
	if got := call("auth.test", token); got["error"] != "invalid_auth" {
		t.Fatalf("after that: %v", got)
	}
	if a := redeem(t, d, path, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {user["refresh_token"].(string)}}); a["user_id"] == nil || a["token_type"] != "user" {
		t.Fatalf("the user's token renewed: %v", a)
	}
}
