package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// revoking is a provider that takes tokens back.
type revoking struct {
	*httptest.Server
	seen   []string // "hint token"
	auth   []string
	answer func(w http.ResponseWriter, token string) bool
}

func newRevoking(t testing.TB) *revoking {
	r := &revoking{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		form, _ := url.ParseQuery(string(body))
		if strings.Contains(q.Header.Get("Content-Type"), "json") {
			var object map[string]string
			_ = json.Unmarshal(body, &object)
			form = url.Values{}
			for k, v := range object {
				form.Set(k, v)
			}
		}
		token := form.Get("token")
		if bearer, ok := strings.CutPrefix(q.Header.Get("Authorization"), "Bearer "); ok {
			token = bearer
		}
		r.seen = append(r.seen, form.Get("token_type_hint")+" "+token)
		id, secret, basic := q.BasicAuth()
		r.auth = append(r.auth, fmt.Sprintf("%v %s%s %s%s", basic, id, form.Get("client_id"), secret, form.Get("client_secret")))
		if r.answer != nil && r.answer(w, token) {
			return
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (k *kit) revokes(r *revoking, edit func(*App)) {
	app := App{Provider: Provider{TokenURL: k.issuer.URL + "/token", RevokeURL: r.URL + "/revoke"}, ClientID: "client", ClientSecret: NewSecret("app-client-secret-value")}
	if edit != nil {
		edit(&app)
	}
	k.Configure(nil, map[string]Service{"slack": {Schemes: schemes, App: app}})
}

var grantToRevoke = Stored{Type: TypeOAuthToken, Secret: NewSecret("access-9"), Refresh: NewSecret("refresh-0")}

func TestRevocation(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*App)
		auth string
	}{
		"Basic":  {nil, "true client app-client-secret-value"},
		"body":   {func(a *App) { a.ClientAuth = ClientBody }, "false client app-client-secret-value"},
		"JSON":   {func(a *App) { a.ClientAuth = ClientJSON }, "true client app-client-secret-value"},
		"public": {func(a *App) { a.ClientSecret = Secret{} }, "false client "},
	} {
		t.Run(name, func(t *testing.T) {
			k, r := newKit(t), newRevoking(t)
			k.revokes(r, c.edit)
			if err := k.revokeUpstream(t.Context(), "slack", grantToRevoke); err != nil {
				t.Fatal(err)
			}
			want := []string{"refresh_token refresh-0", "access_token access-9"}
			if name == "JSON" { // without a hint
				want = []string{" refresh-0", " access-9"}
			}
			if !slices.Equal(r.seen, want) || r.auth[0] != c.auth {
				t.Fatalf("taken back were %q as %q", r.seen, r.auth)
			}
		})
	}
}

func TestRevocationThatFails(t *testing.T) {
	say := func(status int, body string) func(http.ResponseWriter, string) bool {
		return func(w http.ResponseWriter, _ string) bool {
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, body)
			return true
		}
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, string) bool
		kind   error
	}{
		"unknown there":  {say(400, `{"error":"invalid_token"}`), nil},
		"refused":        {say(400, `{"error":"unsupported_token_type"}`), ErrInvalid},
		"our app":        {say(401, `{"error":"invalid_client"}`), ErrInvalid},
		"busy":           {say(503, `<html>`), ErrUnavailable},
		"hostile":        {say(400, `{"error":"<b>\n"}`), ErrInvalid},
		"200 with error": {say(200, `{"ok":false,"error":"not_allowed"}`), ErrInvalid},
		"200 and a page": {say(200, `<html>`), nil},
		"the first fails": {func(w http.ResponseWriter, token string) bool {
			w.WriteHeader(map[bool]int{true: 503, false: 200}[token == "refresh-0"])
			return true
		}, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			k, r := newKit(t), newRevoking(t)
			r.answer = c.answer
			k.revokes(r, nil)
			err := k.revokeUpstream(t.Context(), "slack", grantToRevoke)
			if c.kind == nil && err != nil || c.kind != nil && !errors.Is(err, c.kind) {
				t.Fatalf("the error is %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "<b>") || strings.Contains(err.Error(), "refresh-0")) {
				t.Fatalf("the error is %v", err)
			}
			if len(r.seen) != 2 {
				t.Fatalf("taken back were %q", r.seen)
			}
		})
	}
}

func TestNoRevocation(t *testing.T) {
	k, r := newKit(t), newRevoking(t)
	k.revokes(r, func(a *App) { a.RevokeURL = "" })
	if err := k.revokeUpstream(t.Context(), "slack", grantToRevoke); !errors.Is(err, errNoRevocation) {
		t.Fatalf("the error is %v", err)
	}
	if err := k.RevokeUpstream(t.Context(), "slack", grantToRevoke); err != nil {
		t.Fatal(err)
	}
	r.Close()
	k.revokes(r, nil)
	err := k.revokeUpstream(t.Context(), "slack", grantToRevoke)
	if !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "refresh-0") {
		t.Fatalf("the error is %v", err)
	}
}

// Slack's way: the token asks for itself; one that has ended is renewed for that.
func TestRevocationByBearer(t *testing.T) {
	bearer := func(a *App) { a.BearerRevoke = true }
	for name, c := range map[string]struct {
		stored Stored
		answer string
		seen   []string
		kind   error
	}{
		"good":         {grantToRevoke, `{"ok":true,"revoked":true}`, []string{" access-9"}, nil},
		"gone already": {grantToRevoke, `{"ok":false,"error":"invalid_auth"}`, []string{" access-9"}, nil},
		"refused":      {grantToRevoke, `{"ok":false,"error":"fatal"}`, []string{" access-9"}, ErrInvalid},
		"ended":        {Stored{Type: TypeOAuthToken, Secret: NewSecret("access-9"), Refresh: NewSecret("refresh-0"), Expires: time.Now().Add(-time.Hour)}, `{"ok":true}`, []string{" access-1"}, nil},
		"dead":         {Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-other")}, `{"ok":true}`, nil, nil},
		"over":         {Stored{Type: TypeOAuthToken, Secret: NewSecret("access-9"), Expires: time.Now().Add(-time.Hour)}, `{"ok":true}`, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			k, r := newKit(t), newRevoking(t)
			r.answer = func(w http.ResponseWriter, _ string) bool { _, _ = fmt.Fprint(w, c.answer); return true }
			k.revokes(r, bearer)
			err := k.revokeUpstream(t.Context(), "slack", c.stored)
			if c.kind == nil && err != nil || c.kind != nil && !errors.Is(err, c.kind) {
				t.Fatalf("the error is %v", err)
			}
			if !slices.Equal(r.seen, c.seen) {
				t.Fatalf("taken back were %q", r.seen)
			}
		})
	}
	// The service says that it has ended, which the record did not know.
	k, r := newKit(t), newRevoking(t)
	r.answer = func(w http.ResponseWriter, token string) bool {
		if token == "access-9" {
			_, _ = fmt.Fprint(w, `{"ok":false,"error":"token_expired"}`)
		}
		return true
	}
	k.revokes(r, bearer)
	if err := k.revokeUpstream(t.Context(), "slack", grantToRevoke); err != nil || !slices.Equal(r.seen, []string{" access-9", " access-1"}) {
		t.Fatalf("taken back were %q: %v", r.seen, err)
	}
}
