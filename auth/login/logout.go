package login

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"toolvault/vault/store"
)

const (
	maxLogout  = 32 << 10 // bytes of a logout's body
	logoutAge  = 5 * time.Minute
	maxTokenID = 256
)

// logout is told by the provider that somebody is signed out there (OpenID Connect
// Back-Channel Logout 1.0, sections 2.5 to 2.8). It answers when all that they had
// here has ended, in every process.
func (l *Login) logout(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	refuse := func(why string) {
		l.tell(r.Context(), r, Refused, "a logout was not believed: "+why)
		http.Error(w, "The logout token is not good.", http.StatusBadRequest)
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	r.Body = http.MaxBytesReader(w, r.Body, maxLogout)
	if err != nil || kind != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" || r.ParseForm() != nil || len(r.PostForm["logout_token"]) != 1 {
		refuse("it is not a form with one logout_token")
		return
	}
	p, err := l.describe(r.Context())
	if err != nil {
		l.unavailable(w, err)
		return
	}
	token, err := p.verifier.VerifyLogout(oidc.ClientContext(r.Context(), l.http), r.PostForm.Get("logout_token"))
	if err = withoutKeys(err); errors.Is(err, errKeys) {
		l.unavailable(w, err)
		return
	}
	if err != nil {
		refuse(reason(err))
		return
	}
	now := l.Now()
	switch {
	case !saysLogout(token):
		refuse("its event is not an object")
		return
	case len(token.TokenID) > maxTokenID:
		refuse("its jti is too long")
		return
	case token.IssuedAt.Before(now.Add(-logoutAge)) || token.IssuedAt.After(now.Add(time.Minute)):
		refuse("it is too old, or from the future (iat)")
		return
	}
	key, seen := tokenPrefix+hashed(token.TokenID), used{Until: now.UTC().Add(2 * logoutAge)}
	err = l.keep(r.Context(), key, 1, seen)
	if errors.Is(err, store.ErrConflict) {
		// It may be the provider's second try, after we died over the first.
		var before used
		if before, err = l.usedBefore(r.Context(), key); err == nil && before.Done {
			refuse("it was used before (jti)")
			return
		}
	}
	var persons []string
	if err == nil {
		persons, err = l.People.EndExternal(r.Context(), l.Provider.Issuer, token.Subject, token.SessionID)
	}
	if err == nil {
		err = l.Ended(r.Context(), persons)
	}
	if err == nil {
		seen.Done = true
		if err = l.keep(r.Context(), key, 2, seen); errors.Is(err, store.ErrConflict) {
			err = nil // it came twice at once, and the other was faster
		}
	}
	if err != nil {
		l.unavailable(w, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// usedBefore is what is kept of a logout token that came before.
func (l *Login) usedBefore(ctx context.Context, key string) (u used, err error) {
	item, err := l.Store.Get(ctx, key)
	if err != nil {
		return u, err
	}
	plain, err := l.Sealer.Open(item.Value, item.Key, item.Version)
	if err != nil {
		return u, err
	}
	return u, json.Unmarshal(plain, &u)
}

// saysLogout reports whether the event of a logout is an object, as section 2.4 wants
// it: the library takes anything.
func saysLogout(token *oidc.LogoutToken) bool {
	var claims struct {
		Events map[string]json.RawMessage `json:"events"`
	}
	if token.Claims(&claims) != nil {
		return false
	}
	event := claims.Events["http://schemas.openid.net/event/backchannel-logout"]
	return strings.HasPrefix(strings.TrimLeft(string(event), " \t\r\n"), "{")
}

func (l *Login) unavailable(w http.ResponseWriter, err error) {
	l.Logger.Error("a logout of the company's provider could not be done; it has to tell again", "error", err)
	w.Header().Set("Retry-After", "5")
	http.Error(w, "The logout could not be done. Try again.", http.StatusServiceUnavailable)
}
