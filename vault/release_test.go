package vault

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// A token is narrowed where the provider can: by a refresh, which keeps the grant
// as wide as it was, or by token exchange.
func TestReleaseNarrows(t *testing.T) {
	for how, grant := range map[string]string{NarrowByRefresh: "refresh_token", NarrowByExchange: "urn:ietf:params:oauth:grant-type:token-exchange"} {
		t.Run(how, func(t *testing.T) {
			k := newKit(t)
			services := servicesFor(k.issuer.URL)
			s := services["slack"]
			s.App.Narrow = how
			services["slack"] = s
			k.Configure(nil, services)
			k.put(t, "slack/a", withRefresh())
			k.issuer.answer = func(w http.ResponseWriter, n int) bool {
				form := k.issuer.requests[n-1].PostForm
				if form.Get("grant_type") != grant || form.Get("scope") != "chat:write" || form.Get("subject_token") != "" && form.Get("subject_token") != "access-0" {
					t.Errorf("asked with %v", form)
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = fmt.Fprint(w, `{"access_token":"narrow","refresh_token":"refresh-9","expires_in":300,"scope":"chat:write"}`)
				return true
			}
			r, err := k.Release(t.Context(), oauth, []string{"chat:write"})
			if err != nil || r.Secret.Reveal() != "narrow" || !r.Narrowed || r.Expires.Sub(k.clock.now()).Minutes() > 5 {
				t.Fatalf("%+v, %v", r, err)
			}
			stored, _, err := k.read(t.Context(), "slack/a")
			want := map[string]string{NarrowByRefresh: "refresh-9", NarrowByExchange: "refresh-0"}[how]
			if err != nil || stored.Secret.Reveal() != "access-0" || stored.Refresh.Reveal() != want || stored.Scope != "" || stored.State.Bad() || !stored.Attempt.IsZero() {
				t.Errorf("the grant on record: %v, scope %q, state %q", err, stored.Scope, stored.State)
			}
			now := k.clock.now().Truncate(time.Millisecond) // as a record keeps it
			if how == NarrowByRefresh && (!stored.Refreshed.Equal(now) || !stored.Updated.Equal(now)) {
				t.Errorf("the refresh is on record as of %v, the change as of %v, and it was at %v", stored.Refreshed, stored.Updated, now)
			}
		})
	}
}

// What cannot be narrowed is given out as it is, without the refresh token; what
// is good for ever by its nature is not given out.
func TestReleaseWithoutNarrowing(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", withRefresh())
	r, err := k.Release(t.Context(), oauth, []string{"chat:write"})
	if err != nil || r.Secret.Reveal() != "access-0" || r.Narrowed {
		t.Errorf("%+v, %v", r, err)
	}
	for _, typ := range []string{TypeBasic, TypeMTLS, TypeSignedRequest} {
		if r, err := k.Release(t.Context(), declare(typ, "vault:slack/a"), nil); !errors.Is(err, ErrInvalid) || !r.Secret.Empty() {
			t.Errorf("%s: %v", typ, err)
		}
	}
}
