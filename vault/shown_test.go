package vault

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What is shown of a secret that is traded for a token is what became of trading it,
// for the declaration that goes worst.
func TestShownOfATrade(t *testing.T) {
	s := newLogin(t)
	q := newQuiet(t, s.loginService())
	shown := func(want State, says string) {
		t.Helper()
		info, err := q.Show(t.Context(), "crm/a")
		list, lerr := q.List(t.Context())
		if err != nil || lerr != nil || info.State != want || !strings.Contains(info.Reason, says) || len(list) != 1 || list[0] != info {
			t.Fatalf("%+v, %v; %+v, %v: want %s", info, err, list, lerr, want)
		}
		if want == StateOK && says == "" && !info.Refreshed.IsZero() && (info.Renewal.IsZero() || info.Expires.IsZero()) {
			t.Errorf("%+v", info)
		}
	}
	d := q.put(t, TypeSession, "wrong-password-77", map[string]string{"username": "ana@example.com"})
	other := d
	other.ID, other.Params = "crm/b", map[string]string{"username": "bob@example.com"}
	q.Configure([]Declaration{d, other}, map[string]Service{serviceName: s.loginService()})
	shown(StateOK, "")
	q.fails(t, d, ErrInvalid)
	shown(StateBroken, "refused the name or the password")
	q.put(t, TypeSession, sessionPassword, d.Params)
	shown(StateOK, "") // what is known is of another secret
	s.works(t, q.Vault, d)
	shown(StateOK, "")
	q.fails(t, other, ErrInvalid)
	shown(StateBroken, "refused the name or the password")
}

// A certificate ends by itself, which shows before it does.
func TestShownOfACertificate(t *testing.T) {
	k, ca := testKeys(), newAuthority(t)
	cert, text := ca.issue(t, "a", k.ec.Public(), -time.Hour, 10*24*time.Hour)
	q := newQuiet(t, Service{BaseURL: "https://crm.example.com"})
	q.put(t, TypeMTLS, pkcs8(t, k.ec)+text, nil)
	for _, c := range []struct {
		pass time.Duration
		want State
	}{{0, StateOK}, {4 * 24 * time.Hour, StateExpiring}, {7 * 24 * time.Hour, StateBroken}} {
		q.clock.add(c.pass)
		info, err := q.Show(t.Context(), "crm/a")
		if err != nil || info.State != c.want || !info.Expires.Equal(cert.NotAfter) || info.State.Bad() != (info.Reason != "") {
			t.Errorf("%+v, %v: want %s", info, err, c.want)
		}
	}
}

// A token that nothing can renew needs a person once it has ended, also where nobody
// has tried it.
func TestShownOfATokenThatEnded(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Secret: NewSecret("only-access"), Expires: k.clock.now().Add(time.Minute)})
	for _, want := range []State{StateExpiring, StateNeedsConsent} {
		if info, err := k.Show(t.Context(), "slack/a"); err != nil || info.State != want || info.State.Bad() != (info.Reason != "") {
			t.Errorf("%+v, %v: want %s", info, err, want)
		}
		k.clock.add(time.Minute)
	}
}

// A refresh that has failed is not under way.
func TestShownOfARefreshThatFailed(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	k.issuer.answer = func(http.ResponseWriter, int) bool { panic(http.ErrAbortHandler) }
	if _, err := k.Resolve(t.Context(), oauth); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	if info, err := k.Show(t.Context(), "slack/a"); err != nil || info.State != StateOK || info.Reason == "" {
		t.Errorf("%+v, %v", info, err)
	}
}

// Who was told that a credential does not work is told when it has a new secret.
func TestMendedIsTold(t *testing.T) {
	k := newKit(t)
	k.Configure([]Declaration{oauth}, servicesFor(k.issuer.URL))
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-dead")})
	if _, err := k.Resolve(t.Context(), oauth); !errors.Is(err, ErrNeedsConsent) {
		t.Fatal(err)
	}
	for range 2 { // the second changes nothing
		k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	}
	told := k.seenOf(EventState)
	if len(told) != 2 || told[0].State != StateNeedsConsent || told[1].State != StateOK || told[1].ID != oauth.ID || told[1].Reason == "" {
		t.Errorf("%+v", told)
	}
}
