package vault

// Providers of services that are not built in yet, by their issuer, for
// services.NAME.oauth.issuer. What they need beyond their own description stands
// here; Slack's and HubSpot's are in their folders under tools.

// ProviderAt is what is known of the provider that a config names by its issuer:
// of a few all of it, of any other that it is one that describes itself.
func ProviderAt(issuer string) Provider {
	switch issuer {
	case "https://accounts.google.com":
		// developers.google.com/identity/protocols/oauth2/web-server: a refresh
		// token comes with access_type=offline, and only with the consent screen.
		return Provider{
			Issuer:  issuer,
			AuthURL: "https://accounts.google.com/o/oauth2/v2/auth", TokenURL: "https://oauth2.googleapis.com/token",
			RevokeURL: "https://oauth2.googleapis.com/revoke",
			Scopes:    []string{"openid", "email"}, ClientAuth: ClientBody, PKCE: true, Incremental: true,
			AuthParams: map[string]string{"access_type": "offline", "prompt": "consent", "include_granted_scopes": "true"},
		}
	case "https://login.salesforce.com", "https://test.salesforce.com":
		// help.salesforce.com, "OAuth 2.0 Web Server Flow". A My Domain host
		// describes itself.
		return Provider{
			Issuer:  issuer,
			AuthURL: issuer + "/services/oauth2/authorize", TokenURL: issuer + "/services/oauth2/token",
			RevokeURL: issuer + "/services/oauth2/revoke",
			Scopes:    []string{"api", "refresh_token"}, ClientAuth: ClientBody, PKCE: true,
		}
	case "https://api.notion.com":
		// developers.notion.com/docs/authorization: no scopes (capabilities belong
		// to the connection), no PKCE, HTTP Basic with a JSON body.
		return Provider{
			Issuer:  issuer,
			AuthURL: "https://api.notion.com/v1/oauth/authorize", TokenURL: "https://api.notion.com/v1/oauth/token",
			RevokeURL:  "https://api.notion.com/v1/oauth/revoke",
			ClientAuth: ClientJSON, AuthParams: map[string]string{"owner": "user"},
		}
	}
	return Provider{Issuer: issuer, PKCE: true}
}
