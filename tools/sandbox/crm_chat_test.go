package sandbox_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"toolvault/tools/hubspot"
	"toolvault/tools/sandbox"
	"toolvault/tools/sandbox/double"
	"toolvault/tools/slack"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// post posts a form, checked against the vendor's description, and returns the
// answer.
func post(t *testing.T, d *double.Double, spec, path string, form url.Values) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	toolstest.TrySpec(t, spec).Guard(t, "", d, toolstest.Answers()).ServeHTTP(rec, r)
	var body map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return rec.Code, body
}

// rotating is a credential that refreshes as the vault does.
type rotating struct {
	d               *double.Double
	access, refresh string
	tokenPath       string
	renewed         int
}

func (c *rotating) Authorize(r *http.Request) error {
	r.Header.Set("Authorization", "Bearer "+c.access)
	return nil
}

func (c *rotating) Key() string { return c.d.Service }

func (c *rotating) Renew(context.Context) (bool, error) {
	c.renewed++
	r := httptest.NewRequest(http.MethodPost, c.tokenPath, strings.NewReader(url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {c.refresh}, "client_id": {c.d.ClientID}, "client_secret": {c.d.ClientSecret},
	}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	c.d.ServeHTTP(rec, r)
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || got.Access == "" {
		return false, err
	}
	c.access, c.refresh = got.Access, got.Refresh
	return true, nil
}

func TestHubSpotTokensEndAndAreRefreshed(t *testing.T) {
	const spec, path = "hubspot/hubspot-crm-merged-2026-09.clean.json", "/oauth/2026-09/token"
	d := sandbox.NewHubSpot()
	good := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {d.Refresh}, "client_id": {d.ClientID}, "client_secret": {d.ClientSecret}}
	status, body := post(t, d, spec, path, good)
	if status != 200 || body["expires_in"] != 1800.0 || body["access_token"] == d.Secret || body["refresh_token"] != d.Refresh {
		t.Errorf("%d %v", status, body)
	}
	for field, want := range map[string]string{"client_secret": "BAD_CLIENT_SECRET", "refresh_token": "BAD_REFRESH_TOKEN", "client_id": "BAD_CLIENT_ID"} {
		bad := url.Values{}
		for k, v := range good {
			bad[k] = v
		}
		bad.Set(field, "x")
		if status, body := post(t, d, spec, path, bad); status != 400 || body["status"] != want {
			t.Errorf("%s: %d %v", field, status, body)
		}
	}
	server := httptest.NewServer(d)
	defer server.Close()
	cred := &rotating{d: d, access: d.Secret, refresh: d.Refresh, tokenPath: path}
	d.ExpireTokens()
	svc := hubspot.New()
	who, err := svc.Probe(t.Context(), toolstest.Client(svc.Endpoint, server.URL, cred))
	if err != nil || !strings.Contains(who, "48219057") || cred.renewed != 1 {
		t.Errorf("%q, %v after %d renewals", who, err, cred.renewed)
	}
}

func TestSlackRotatesOnce(t *testing.T) {
	const spec, path = "slack/slack-openapi3-from-docs-2026-08-20.json", "/api/oauth.v2.access"
	d := sandbox.NewSlack()
	server := httptest.NewServer(d)
	defer server.Close()
	svc := slack.New()
	ask := func(cred upstream.Credential) error {
		_, err := svc.Probe(t.Context(), toolstest.Client(svc.Endpoint, server.URL+d.Base, cred))
		return err
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {d.Refresh}, "client_id": {d.ClientID}, "client_secret": {d.ClientSecret}}
	_, body := post(t, d, spec, path, form)
	access, _ := body["access_token"].(string)
	if body["ok"] != true || body["expires_in"] != 43200.0 || !strings.HasPrefix(access, "xoxe.") {
		t.Fatalf("%v", body)
	}
	if _, again := post(t, d, spec, path, form); again["error"] != "invalid_refresh_token" {
		t.Errorf("a refresh token was good twice: %v", again)
	}
	if err := ask(toolstest.Static{Scheme: vault.Bearer, Secret: access}); err != nil {
		t.Error(err)
	}
	d.ExpireTokens()
	if err := ask(toolstest.Static{Scheme: vault.Bearer, Secret: access}); err == nil {
		t.Error("an ended token was taken")
	}
	if err := ask(toolstest.Static{Scheme: vault.Bearer, Secret: d.Secret}); err != nil {
		t.Errorf("the static token ended: %v", err)
	}
	next, _ := body["refresh_token"].(string)
	cred := &rotating{d: d, access: access, refresh: next, tokenPath: path}
	if err := ask(cred); err != nil || cred.renewed != 1 {
		t.Errorf("%v after %d renewals", err, cred.renewed)
	}
}

func TestTheDoublesAreTheSameEveryTime(t *testing.T) {
	a, b := sandbox.NewSlack(), sandbox.NewSlack()
	c, e := sandbox.NewHubSpot(), sandbox.NewHubSpot()
	if a.Secret != b.Secret || a.Refresh != b.Refresh || c.Secret != e.Secret || c.Refresh != e.Refresh {
		t.Error("secrets differ from run to run")
	}
	if sandbox.HubSpotRecord(c, "contacts", "84512314187")["email"] != "dana.whitfield@acme.example" {
		t.Error("Dana Whitfield has another id")
	}
}

// What HubSpot itself takes for "contacts": see hubspot's TestATypeHasOneName.
func TestHubSpotKnowsATypeByManyNames(t *testing.T) {
	d := sandbox.NewHubSpot()
	for _, name := range []string{"contacts", "contact", "0-1", "CONTACTS"} {
		r := httptest.NewRequest(http.MethodPost, "/crm/objects/2026-09/"+name+"/search", strings.NewReader(`{"query":"dana"}`))
		r.Header.Set("Authorization", "Bearer "+d.Secret)
		r.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		d.ServeHTTP(rec, r)
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), "dana.whitfield") {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
}

func TestTheDoublesRefuseWithoutACredential(t *testing.T) {
	for _, d := range []*double.Double{sandbox.NewSlack(), sandbox.NewHubSpot()} {
		for _, header := range []string{"", "Bearer nonsense", "Basic " + d.Secret, d.Secret} {
			r := httptest.NewRequest(http.MethodPost, map[string]string{"slack": "/api/auth.test", "hubspot": "/crm/objects/2026-09/contacts/search"}[d.Service], strings.NewReader("{}"))
			if header != "" {
				r.Header.Set("Authorization", header)
			}
			rec := httptest.NewRecorder()
			d.ServeHTTP(rec, r)
			if body := rec.Body.String(); !strings.Contains(body, "auth") && !strings.Contains(body, "AUTHENTICATION") {
				t.Errorf("%s, %q: %s", d.Service, header, body)
			}
		}
	}
}
