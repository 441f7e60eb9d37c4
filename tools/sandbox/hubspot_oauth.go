package sandbox

import (
	"fmt"
	"net/http"

	"toolvault/tools/sandbox/double"
)

// token is the OAuth endpoint: tokens for a code, or for a refresh token, which is
// good for many uses and comes back the same.
func (p *hubspotPortal) token(w http.ResponseWriter, r *http.Request) {
	if !p.app(w, r) {
		return
	}
	f := r.PostForm
	refresh, scopes := f.Get("refresh_token"), []string(nil)
	switch f.Get("grant_type") {
	case "refresh_token":
		if scopes = p.refresh[refresh]; scopes == nil {
			p.refuse(w, "invalid_grant", "BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")
			return
		}
	case "authorization_code":
		asked, fault := p.consents.Redeem(f)
		switch fault {
		case "redirect_uri":
			p.refuse(w, "invalid_grant", "MISMATCH_REDIRECT_URI", "redirect_uri does not match")
			return
		case "":
		default:
			p.refuse(w, "invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code, or a bad code_verifier")
			return
		}
		scopes = asked.Scopes
		p.issued++
		refresh = "na1-" + double.Fake(fmt.Sprintf("hubspot refresh %d", p.issued), 36)
		p.refresh[refresh] = scopes
	default:
		p.refuse(w, "unsupported_grant_type", "BAD_GRANT_TYPE", "grant_type must be one of authorization_code, refresh_token")
		return
	}
	p.send(w, http.StatusOK, answer{
		"access_token": p.issue(scopes), "refresh_token": refresh, "expires_in": int(hubspotTokenTTL.Seconds()),
		"token_type": "bearer", "token_use": "access_token", "hub_id": hubspotPortalID, "user_id": 71920344, "scopes": scopes,
	})
}

// revoke ends a token. One that is not known is no error (RFC 7009 section 2.2).
func (p *hubspotPortal) revoke(w http.ResponseWriter, r *http.Request) {
	if !p.app(w, r) {
		return
	}
	delete(p.refresh, r.PostForm.Get("token"))
	delete(p.tokens, r.PostForm.Get("token"))
}

// app reports whether the request is the app's, and else has answered it.
func (p *hubspotPortal) app(w http.ResponseWriter, r *http.Request) bool {
	err := r.ParseForm()
	switch {
	case err != nil:
		p.refuse(w, "invalid_request", "BAD_REQUEST", "the form cannot be read")
	case r.PostForm.Get("client_id") != hubspotClientID:
		p.refuse(w, "invalid_client", "BAD_CLIENT_ID", "missing or unknown client id")
	case r.PostForm.Get("client_secret") != double.Fake("hubspot client secret", 36):
		p.refuse(w, "invalid_client", "BAD_CLIENT_SECRET", "missing or invalid client secret")
	default:
		return true
	}
	return false
}

func (p *hubspotPortal) refuse(w http.ResponseWriter, code, status, text string) {
	p.send(w, http.StatusBadRequest, answerOf("error", code, "error_description", text, "status", status, "message", text))
}
