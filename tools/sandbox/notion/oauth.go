package notion

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"toolvault/tools/sandbox/double"
)

func clientSecret() string { return "secret_" + double.Fake("notion client secret", 43) }

// issue makes a pair of tokens.
func (w *workspace) issue() (access, refresh string) {
	w.made++
	access = "ntn_" + double.Fake(fmt.Sprint("notion access ", w.made), 46)
	refresh = "nrt_" + double.Fake(fmt.Sprint("notion refresh ", w.made), 46)
	w.tokens[access] = &token{can: All(), oauth: true}
	w.refresh[refresh] = true
	return access, refresh
}

func (w *workspace) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.tokens {
		t.closed = t.closed || t.oauth
	}
}

// serveOAuth is the page of consent, and the endpoints that take HTTP Basic and a JSON
// body.
func (w *workspace) serveOAuth(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path == authorize {
		if r.Method == http.MethodPost {
			w.consents.Answered(rw, r)
			return
		}
		if r.URL.Query().Get("owner") != "user" {
			http.Error(rw, "owner must be user", http.StatusBadRequest)
			return
		}
		w.consents.Show(rw, r, nil, nil, nil)
		return
	}
	id, secret, ok := r.BasicAuth()
	var body map[string]string
	b, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	switch {
	case r.Method != http.MethodPost:
		w.send(rw, http.StatusBadRequest, answer{"object": "error", "status": 400, "code": "invalid_request_url", "message": "Invalid request URL."})
	case !ok || id != clientID || secret != clientSecret():
		w.send(rw, http.StatusUnauthorized, answer{"error": "invalid_client"})
	case err != nil || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(b, &body) != nil:
		w.send(rw, http.StatusBadRequest, answer{"error": "invalid_request", "error_description": "The body must be a JSON object."})
	case r.URL.Path == prefix+"/oauth/token":
		w.token(rw, body)
	case r.URL.Path == prefix+"/oauth/revoke":
		if t := w.tokens[body["token"]]; t != nil {
			t.closed = true
		}
		delete(w.refresh, body["token"])
		w.send(rw, http.StatusOK, answer{})
	case r.URL.Path == prefix+"/oauth/introspect":
		t := w.tokens[body["token"]]
		w.send(rw, http.StatusOK, answer{"active": t != nil && !t.closed})
	default:
		w.send(rw, http.StatusBadRequest, answer{"object": "error", "status": 400, "code": "invalid_request_url", "message": "Invalid request URL."})
	}
}

// token trades a code or a refresh token, both of which are good once, for a pair that
// has no time at which it ends.
func (w *workspace) token(rw http.ResponseWriter, body map[string]string) {
	refuse := func(code, text string) {
		w.send(rw, http.StatusBadRequest, answer{"error": code, "error_description": text})
	}
	switch body["grant_type"] {
	case "authorization_code":
		if _, fault := w.consents.Redeem(url.Values{"code": {body["code"]}, "redirect_uri": {body["redirect_uri"]}}); fault != "" {
			refuse("invalid_grant", "Invalid code or redirect_uri: "+fault)
			return
		}
	case "refresh_token":
		if !w.refresh[body["refresh_token"]] {
			refuse("invalid_grant", "Invalid refresh token.")
			return
		}
		delete(w.refresh, body["refresh_token"])
	default:
		refuse("unsupported_grant_type", "grant_type should be authorization_code or refresh_token.")
		return
	}
	access, refresh := w.issue()
	w.send(rw, http.StatusOK, answer{
		"access_token": access, "refresh_token": refresh, "token_type": "bearer", "bot_id": botID, "workspace_id": workspaceID,
		"workspace_name": workspaceName, "workspace_icon": nil, "duplicated_template_id": nil,
		"owner": answer{"type": "user", "user": w.users[0].json(true)},
	})
}
