package sandbox

import (
	"net/http"
	"strings"

	"toolvault/tools/sandbox/double"
)

// oauthAccess issues tokens: for a code, or for a refresh token, which is for one
// use. The app may name itself by HTTP Basic, as Slack's pages prefer, or in the
// form (docs.slack.dev/reference/methods/oauth.v2.access).
func (w *slackWorkspace) oauthAccess(r *http.Request) answer {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	switch {
	case id != slackClientID:
		return slackError("invalid_client_id")
	case secret != double.Fake("slack client secret", 32):
		return slackError("bad_client_secret")
	}
	switch r.PostForm.Get("grant_type") {
	case "refresh_token":
		return w.renew(r.PostForm.Get("refresh_token"))
	case "authorization_code", "":
		return w.install(r)
	}
	return slackError("invalid_grant_type")
}

// renew answers with the new token at the top, a user's too.
func (w *slackWorkspace) renew(refresh string) answer {
	g, ok := w.refresh[refresh]
	if !ok {
		return slackError("invalid_refresh_token")
	}
	delete(w.refresh, refresh)
	a := w.workspace(w.issue(g))
	if g.kind == "user" {
		a["user_id"] = slackPersonID
	}
	return a
}

// install is what a consent ends in: the app's token at the top, the user's in
// authed_user, each if it was asked for.
func (w *slackWorkspace) install(r *http.Request) answer {
	asked, fault := w.consents.Redeem(r.PostForm)
	if code, bad := map[string]string{"code": "invalid_code", "redirect_uri": "bad_redirect_uri", "code_verifier": "invalid_code_verifier"}[fault]; bad {
		return slackError(code)
	}
	a := w.workspace(answer{})
	if len(asked.Scopes) > 0 {
		a = w.workspace(w.issue(slackGrant{kind: "bot", scopes: asked.Scopes}))
	}
	user := answer{"id": slackPersonID}
	if len(asked.UserScopes) > 0 {
		user = w.issue(slackGrant{kind: "user", scopes: asked.UserScopes})
		user["id"] = slackPersonID
	}
	a["authed_user"] = user
	return a
}

// slackPersonID is who consents in the double.
const slackPersonID = "U07MARTAKLN"

// issue makes an access token of twelve hours and a refresh token for one use.
func (w *slackWorkspace) issue(g slackGrant) answer {
	w.issued++
	mark := strings.Repeat("+", w.issued)
	prefix := "xoxe.xoxb-"
	if g.kind == "user" {
		prefix = "xoxe.xoxp-"
	}
	access, next := prefix+"1-"+double.Fake("slack access"+mark, 40), "xoxe-1-"+double.Fake("slack refresh"+mark, 40)
	user := slackBotUser
	if g.kind == "user" {
		user = slackPersonID
	}
	w.tokens[access] = &slackToken{scopes: g.scopes, expires: w.now().Add(slackTokenTTL), user: user, searches: g.searches}
	w.refresh[next] = g
	return answer{
		"access_token": access, "refresh_token": next, "expires_in": int(slackTokenTTL.Seconds()), "token_type": g.kind,
		"scope": strings.Join(g.scopes, ","),
	}
}

// workspace adds what stands in every answer.
func (w *slackWorkspace) workspace(a answer) answer {
	if a["token_type"] == "bot" {
		a["bot_user_id"] = slackBotUser
	}
	a["app_id"], a["enterprise"], a["is_enterprise_install"] = slackApp, nil, false
	a["team"] = answerOf("id", slackTeam, "name", slackTeamName)
	return a
}

// authRevoke ends the token that asks for it
// (docs.slack.dev/reference/methods/auth.revoke).
func (w *slackWorkspace) authRevoke(c *slackCall) answer {
	for secret, t := range w.tokens {
		if t == c.token {
			delete(w.tokens, secret)
		}
	}
	return answer{"revoked": true}
}
