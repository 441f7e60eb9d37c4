package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"toolvault/tools/sandbox/double"
)

// slackAsk calls a method of the double with a token.
func slackAsk(t *testing.T, d *double.Double, token, method string, form url.Values) map[string]any {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/"+method, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer "+token)
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, r)
	var a map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil {
		t.Fatalf("%s: %s", method, rec.Body)
	}
	return a
}

func TestSlackDoubleIsTheSameEveryTime(t *testing.T) {
	if a, b := NewSlack().Snapshot(), NewSlack().Snapshot(); !maps.Equal(a, b) || len(a) < 40 {
		t.Errorf("%d and %d things", len(a), len(b))
	}
}

// Slack lets only the token of a user search; the double's first token may, and so
// may what it is rotated to.
func TestWhoMaySearchTheSlackDouble(t *testing.T) {
	d := NewSlackAt(func() time.Time { return time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC) })
	rotated := slackAsk(t, d, "", "oauth.v2.access", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {d.Refresh}, "client_id": {d.ClientID}, "client_secret": {d.ClientSecret},
	})["access_token"].(string)
	scopes := []string{"search:read", "search:read.public"}
	for token, want := range map[string]string{
		d.Secret: "", rotated: "", SlackUserToken(d, scopes...): "", SlackToken(d, scopes...): "invalid_action_token", SlackUserToken(d, "channels:read"): "missing_scope",
	} {
		if got, _ := slackAsk(t, d, token, "assistant.search.context", url.Values{"query": {"exports"}})["error"].(string); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := slackAsk(t, d, SlackToken(d, scopes...), "search.messages", url.Values{"query": {"exports"}})["error"]; got != "not_allowed_token_type" {
		t.Errorf("%v", got)
	}
}

// A user's token is somebody else: sees what that person sees, and cannot change
// what the app wrote.
func TestSlackTokensActForThemselves(t *testing.T) {
	d := NewSlack()
	marta := SlackUserToken(d, "channels:read", "groups:read", "channels:history", "groups:history", "chat:write")
	if a := slackAsk(t, d, marta, "auth.test", nil); a["user_id"] != slackPersonID || a["bot_id"] != nil {
		t.Errorf("%v", a)
	}
	for token, want := range map[string]any{marta: true, d.Secret: false} {
		if got := slackAsk(t, d, token, "conversations.info", url.Values{"channel": {"C07INCIDENT1"}})["ok"]; got != want {
			t.Errorf("the incident room: %v, want %v", got, want)
		}
	}
	update := url.Values{"channel": {"C07BOTNOTES1"}, "ts": {"1795426200.000160"}, "markdown_text": {"x"}}
	if got := slackAsk(t, d, marta, "chat.update", update)["error"]; got != "cant_update_message" {
		t.Errorf("%v", got)
	}
}

func TestSlackDoubleTakesOneChangeOfACanvasAtOnce(t *testing.T) {
	d := NewSlack()
	one := `{"operation":"insert_at_end","document_content":{"type":"markdown","markdown":"x"}}`
	for changes, want := range map[string]any{"[" + one + "]": nil, "[" + one + "," + one + "]": "canvas_editing_failed", "x": "canvas_editing_failed"} {
		if got := slackAsk(t, d, d.Secret, "canvases.edit", url.Values{"canvas_id": {"F07CANVASHB1"}, "changes": {changes}})["error"]; got != want {
			t.Errorf("%s: %v", changes, got)
		}
	}
}
