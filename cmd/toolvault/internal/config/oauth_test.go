package config

import (
	"strings"
	"testing"
)

// What stands in the place of the provider that is built in, and the webhook.
func TestOAuthAndNotify(t *testing.T) {
	c, err := Parse("c.yaml", []byte(`notify: { url: "https://alerts.example.com/hook", secret: "env:HOOK_SECRET" }
services:
  hubspot:
    oauth:
      client_id: app
      client_secret: "env:SECRET"
      issuer: https://login.example.com/tenant/
      token_url: http://127.0.0.1:9/token
      scopes: "openid offline_access"
      auth_style: json
      narrow: exchange
      concurrency: 3
`), known())
	if err != nil {
		t.Fatal(err)
	}
	o := c.Services["hubspot"].OAuth
	if o.Issuer != "https://login.example.com/tenant/" || o.TokenURL != "http://127.0.0.1:9/token" || strings.Join(o.Scopes, ",") != "openid,offline_access" ||
		o.AuthStyle != "json" || o.Narrow != "exchange" || o.Concurrency != 3 {
		t.Errorf("%+v", o)
	}
	if c.Notify != (Notify{URL: "https://alerts.example.com/hook", Secret: "env:HOOK_SECRET"}) {
		t.Errorf("%+v", c.Notify)
	}
}

func TestOAuthAndNotifyMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"services: { hubspot: { oauth: { token_url: \"https://a.example/t\" } } }":                         "needs a client_id",
		"services: { hubspot: { oauth: { client_id: a, token_url: \"http://a.example.com/t\" } } }":        "http would send the credential in the clear",
		"services: { hubspot: { oauth: { client_id: a, issuer: \"https://u:p@a.example/\" } } }":           "leave out the name and password",
		"services: { hubspot: { oauth: { client_id: a, auth_style: header } } }":                           `"basic"`,
		"services: { hubspot: { oauth: { client_id: a, narrow: scope } } }":                                `"exchange"`,
		"services: { hubspot: { oauth: { client_id: a, concurrency: 0 } } }":                               "1 to 1000",
		"services: { hubspot: { oauth: { client_id: a, tokenurl: \"https://a.example/t\" } } }":            `did you mean "token_url"`,
		"notify: { secret: \"env:HOOK_SECRET\" }":                                                          "needs a url",
		"notify: { url: \"http://alerts.example.com/hook\" }":                                              "http would send",
		"notify: { url: \"https://alerts.example.com/hook\", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La }": "a secret never stands in the file",
	} {
		_, err := Parse("c.yaml", []byte(text), known())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "MfKQ9r8") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
