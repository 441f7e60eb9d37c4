package login

import (
	"errors"
	"mime"
	"net/http"
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
	if err != nil {
		refuse(reason(err))
		return
	}
	now := l.Now()
	switch {
	case len(token.TokenID) > maxTokenID:
		refuse("its jti is too long")
		return
	case token.IssuedAt.Before(now.Add(-logoutAge)) || token.IssuedAt.After(now.Add(time.Minute)):
		refuse("it is too old, or from the future (iat)")
		return
	}
	key := tokenPrefix + hashed(token.TokenID)
	err = l.keep(r.Context(), key, used{now.UTC().Add(2 * logoutAge)})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		l.unavailable(w, err)
		return
	}
	// One that is repeated may be the provider's second try, after an answer that was
	// lost: to end what has ended does no harm, except to who has signed in since.
	if errors.Is(err, store.ErrConflict) {
		refuse("it was used before (jti)")
		return
	}
	persons, err := l.People.EndExternal(r.Context(), l.Provider.Issuer, token.Subject, token.SessionID)
	if err == nil {
		err = l.Ended(r.Context(), persons)
	}
	if err != nil {
		// It may be tried again.
		if item, found := l.Store.Get(r.Context(), key); found == nil {
			err = errors.Join(err, l.Store.Forget(r.Context(), key, item.Version))
		}
		l.unavailable(w, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (l *Login) unavailable(w http.ResponseWriter, err error) {
	l.Logger.Error("a logout of the company's provider could not be done; it has to tell again", "error", err)
	w.Header().Set("Retry-After", "5")
	http.Error(w, "The logout could not be done. Try again.", http.StatusServiceUnavailable)
}
