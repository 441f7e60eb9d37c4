package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

var oauth = declare(TypeOAuthToken, "vault:slack/a")

func withRefresh() Stored {
	return Stored{Type: TypeOAuthToken, Secret: NewSecret("access-0"), Refresh: NewSecret("refresh-0"), Expires: time.Now().Add(time.Hour)}
}

func TestAcrossProcesses(t *testing.T) {
	for name, at := range map[string]func(t *testing.T) string{
		"sqlite": func(t *testing.T) string { return "file:" + filepath.Join(t.TempDir(), "store.db") },
		"redis":  func(t *testing.T) string { return storetest.Redis(t) },
	} {
		for what, test := range map[string]func(*testing.T, string, store.Store){
			"refresh once": testProcessesRefreshOnce, "revoke": testRevokedElsewhere,
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				url := at(t)
				st, err := store.Open(t.Context(), url)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = st.Close() })
				test(t, url, st)
			})
		}
	}
}

func TestRefreshBeforeTheEnd(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", withRefresh())
	c := k.resolve(t, oauth)
	if got := sent(t, c, "Authorization"); got != "Bearer access-0" || c.Version != 1 {
		t.Fatalf("a fresh token was not used: %q", got)
	}
	k.clock.add(59*time.Minute + 10*time.Second)
	c = k.resolve(t, oauth)
	if got := sent(t, c, "Authorization"); got != "Bearer access-1" || c.Version != 3 {
		t.Fatalf("within the last minute: %q version %d", got, c.Version)
	}
	var secrets []string
	for _, s := range c.Secrets() {
		secrets = append(secrets, s.Reveal())
	}
	if got := strings.Join(secrets, " "); got != "access-1 refresh-1 app-client-secret-value" {
		t.Errorf("secrets to redact: %s", got)
	}
	if d := c.Expires.Sub(k.clock.now()); d < 59*time.Minute || d > time.Hour {
		t.Errorf("it ends in %v", d)
	}
	k.resolve(t, oauth)
	if issued, refused, requests := k.issuer.counts(); issued != 1 || refused != 0 || requests != 1 {
		t.Errorf("%d issued, %d refused, %d requests", issued, refused, requests)
	}
	user, password, ok := k.issuer.requests[0].BasicAuth()
	if !ok || user != "client" || password != "app-client-secret-value" || k.issuer.requests[0].PostForm.Has("client_secret") {
		t.Errorf("the app is not in the Basic header: %q", user)
	}
	events := k.seen()
	if len(events) != 1 || events[0].Kind != EventRefreshed || events[0].ID != oauth.ID || events[0].Version != 3 || events[0].Err != nil {
		t.Errorf("%+v", events)
	}
}

// The refresh token must be durable before the access token is used.
func TestStoredBeforeUse(t *testing.T) {
	st := &stubborn{Store: newStore(t)}
	k := newKitOn(t, st, NewMasterKey())
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	k.issuer.answer = func(http.ResponseWriter, int) bool {
		st.fail(3) // the store is away for a moment just after the exchange
		return false
	}
	c := k.resolve(t, oauth)
	if got := sent(t, c, "Authorization"); got != "Bearer access-1" {
		t.Fatalf("got %q", got)
	}
	item, err := st.Get(t.Context(), recordPrefix+"slack/a")
	if err != nil || item.Version != 3 || st.left() != 0 {
		t.Fatalf("it was used before it was stored: version %d, %v, %d failures to come", item.Version, err, st.left())
	}
	if issued, refused, _ := k.issuer.counts(); issued != 1 || refused != 0 {
		t.Errorf("%d issued, %d refused", issued, refused)
	}
}

// stubborn is a store that fails the next Puts under a lease.
type stubborn struct {
	store.Store
	mu sync.Mutex
	n  int
}

func (s *stubborn) fail(n int) { s.mu.Lock(); s.n = n; s.mu.Unlock() }
func (s *stubborn) left() int  { s.mu.Lock(); defer s.mu.Unlock(); return s.n }
func (s *stubborn) Put(ctx context.Context, item store.Item, l store.Lease) error {
	s.mu.Lock()
	if l != nil && s.n > 0 {
		s.n--
		s.mu.Unlock()
		return fmt.Errorf("%w: test", store.ErrUnavailable)
	}
	s.mu.Unlock()
	return s.Store.Put(ctx, item, l)
}

// One of many callers gives up; the others still get the token, and so does the
// store.
func TestOneCallersEndIsNotTheOthers(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	k.issuer.delay = make(chan struct{})
	first, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() {
		_, err := k.Resolve(first, oauth)
		gaveUp <- err
	}()
	eventually(t, func() bool { k.issuer.mu.Lock(); defer k.issuer.mu.Unlock(); return k.issuer.arrived == 1 })
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			c, err := k.Resolve(t.Context(), oauth)
			if err != nil {
				t.Error(err)
				return
			}
			if c.Version != 3 {
				t.Errorf("version %d", c.Version)
			}
		})
	}
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that gave up: %v", err)
	}
	close(k.issuer.delay)
	wg.Wait()
	if issued, refused, requests := k.issuer.counts(); issued != 1 || refused != 0 || requests != 1 {
		t.Errorf("%d issued, %d refused, %d requests", issued, refused, requests)
	}
}

func TestRefusals(t *testing.T) {
	reply := func(status int, contentType, body string) func(http.ResponseWriter, int) bool {
		return func(w http.ResponseWriter, _ int) bool {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, body)
			return true
		}
	}
	huge := `{"access_token":"` + strings.Repeat("x", 2<<20) + `"}`
	const echo = `{"error":"invalid_grant","error_description":"refresh-0 and app-client-secret-value are bad"}`
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, int) bool
		want   error
		tries  int // requests after two calls, a second apart
	}{
		"invalid_grant":        {reply(400, "application/json", echo), ErrNeedsConsent, 1},
		"slack dead token":     {reply(200, "application/json", `{"ok":false,"error":"invalid_refresh_token"}`), ErrNeedsConsent, 1},
		"slack bad app":        {reply(200, "application/json", `{"ok":false,"error":"bad_client_secret"}`), ErrInvalid, 1},
		"invalid_client":       {reply(401, "application/json", `{"error":"invalid_client"}`), ErrInvalid, 1},
		"unknown 400":          {reply(400, "application/json", `{"error":"refresh-0 hunter2"}`), ErrInvalid, 1},
		"503 html":             {reply(503, "text/html", "<html>refresh-0</html>"), ErrUnavailable, 2},
		"429":                  {reply(429, "application/json", `{"ok":false,"error":"ratelimited"}`), ErrUnavailable, 2},
		"half a JSON":          {reply(200, "application/json", `{"access_token":"acc`), ErrUnavailable, 2},
		"200 html":             {reply(200, "text/html", "<html>"), ErrUnavailable, 2},
		"a life that is none":  {reply(200, "application/json", `{"access_token":"a","expires_in":"refresh-0 hunter2`+strings.Repeat("x", 100_000)+`"}`), ErrUnavailable, 2},
		"no token":             {reply(200, "application/json", `{"ok":true}`), ErrUnavailable, 2},
		"huge":                 {reply(200, "application/json", huge), ErrUnavailable, 2},
		"token with a newline": {reply(200, "application/json", `{"access_token":"a\r\nX-Evil: 1"}`), ErrUnavailable, 2},
		"redirect": {func(w http.ResponseWriter, _ int) bool {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		}, ErrUnavailable, 2},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
			k.issuer.answer = c.answer
			for range 2 {
				_, err := k.Resolve(t.Context(), oauth)
				if !errors.Is(err, c.want) {
					t.Fatalf("got %v, want %v", err, c.want)
				}
				if len(err.Error()) > 500 {
					t.Errorf("the error has %d bytes", len(err.Error()))
				}
				for _, secret := range []string{"refresh-0", "app-client-secret-value", "hunter2"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("the error shows %q: %v", secret, err)
					}
				}
				k.clock.add(time.Second)
			}
			if _, _, requests := k.issuer.counts(); requests != c.tries {
				t.Errorf("%d requests, want %d", requests, c.tries)
			}
			if failed := k.seenOf(EventRefreshFailed); len(failed) != c.tries || !errors.Is(failed[0].Err, c.want) {
				t.Errorf("events: %+v", failed)
			}
			bad := map[error]State{ErrNeedsConsent: StateNeedsConsent, ErrInvalid: StateBroken}[c.want]
			if changed := k.seenOf(EventState); bad == "" && len(changed) != 0 || bad != "" && (len(changed) != 1 || changed[0].State != bad || changed[0].Reason == "") {
				t.Errorf("changes of state: %+v, want %q", changed, bad)
			}
			if info, err := k.Show(t.Context(), "slack/a"); err != nil || bad != "" && info.State != bad || info.Failed.IsZero() || info.Reason == "" || !info.HasRefresh {
				t.Errorf("on record: %+v, %v", info, err)
			}
			if c.want == ErrNeedsConsent { // only a person can mend it
				k.clock.add(time.Hour)
				if _, err := k.Resolve(t.Context(), oauth); !errors.Is(err, ErrNeedsConsent) {
					t.Errorf("an hour later: %v", err)
				}
				if _, _, requests := k.issuer.counts(); requests != c.tries {
					t.Errorf("a dead refresh token was tried again")
				}
				k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
			}
			// The record is as it was, and works again when the service does.
			k.issuer.mu.Lock()
			k.issuer.answer = nil
			k.issuer.mu.Unlock()
			k.clock.add(2 * brokenFor)
			if got := sent(t, k.resolve(t, oauth), "Authorization"); got != "Bearer access-1" {
				t.Errorf("afterwards: %q", got)
			}
		})
	}
}

// While the access token is still good, a token endpoint that is down is no
// reason to fail.
func TestEndpointDownWhileTokenIsGood(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", withRefresh())
	k.issuer.answer = func(w http.ResponseWriter, _ int) bool { w.WriteHeader(http.StatusBadGateway); return true }
	k.clock.add(59*time.Minute + 30*time.Second)
	for range 5 {
		if got := sent(t, k.resolve(t, oauth), "Authorization"); got != "Bearer access-0" {
			t.Fatalf("got %q", got)
		}
	}
	if _, _, requests := k.issuer.counts(); requests != 1 {
		t.Errorf("%d requests within a moment, want 1", requests)
	}
	k.clock.add(time.Minute)
	if _, err := k.Resolve(t.Context(), oauth); !errors.Is(err, ErrUnavailable) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("after its end: %v", err)
	}
}

func TestRenew(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", withRefresh())
	old := k.resolve(t, oauth)
	var wg sync.WaitGroup
	for range 8 { // eight calls were refused with the same token
		wg.Go(func() {
			c, err := k.Renew(t.Context(), old)
			if err != nil {
				t.Error(err)
				return
			}
			if got := sent(t, c, "Authorization"); got != "Bearer access-1" || c.Version != 3 {
				t.Errorf("got %q version %d", got, c.Version)
			}
		})
	}
	wg.Wait()
	if _, err := k.Renew(t.Context(), old); err != nil {
		t.Error(err)
	}
	if issued, refused, _ := k.issuer.counts(); issued != 1 || refused != 0 {
		t.Errorf("%d issued, %d refused: want one renewal for all", issued, refused)
	}
	// A service that refuses all that it issues is not asked for ever.
	c := k.resolve(t, oauth)
	var err error
	for range 2 * maxForced {
		next, rerr := k.Renew(t.Context(), c)
		if err = rerr; err != nil {
			break
		}
		c = next
	}
	if issued, _, _ := k.issuer.counts(); !errors.Is(err, ErrInvalid) || issued != maxForced {
		t.Errorf("after %d refreshes: %v", issued, err)
	}
}

func TestAccessTokenWithoutRefreshToken(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Secret: NewSecret("only-access")})
	c := k.resolve(t, oauth)
	if got := sent(t, c, "Authorization"); got != "Bearer only-access" {
		t.Fatalf("got %q", got)
	}
	if _, err := k.Renew(t.Context(), c); !errors.Is(err, ErrNeedsConsent) {
		t.Errorf("refused: %v", err)
	}
	k.Configure(nil, map[string]Service{"slack": {Schemes: schemes}})
	if _, err := k.Renew(t.Context(), c); !errors.Is(err, ErrInvalid) {
		t.Errorf("refused, and no app to connect with: %v", err)
	}
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Secret: NewSecret("only-access"), Expires: k.clock.now().Add(-time.Second)})
	if _, err := k.Resolve(t.Context(), oauth); !errors.Is(err, ErrNeedsConsent) {
		t.Errorf("ended: %v", err)
	}
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	if _, err := k.Resolve(t.Context(), oauth); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "services.slack.oauth") {
		t.Errorf("no app: %v", err)
	}
	if err := k.Delete(t.Context(), "slack/a"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Resolve(t.Context(), oauth); !errors.Is(err, ErrNeedsConsent) {
		t.Errorf("no record: %v", err)
	}
}

// A person connects again while the old refresh token is being refused.
func TestConnectedMeanwhile(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("dead")})
	k.issuer.answer = func(http.ResponseWriter, int) bool {
		k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Secret: NewSecret("connected"), Refresh: NewSecret("refresh-0")})
		return false
	}
	if got := sent(t, k.resolve(t, oauth), "Authorization"); got != "Bearer connected" {
		t.Errorf("got %q", got)
	}
}

// An admin puts in another token while the old one is being refreshed: the
// admin's stays.
func TestPutMeanwhile(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	k.issuer.answer = func(http.ResponseWriter, int) bool {
		k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Secret: NewSecret("by-hand")})
		return false
	}
	if got := sent(t, k.resolve(t, oauth), "Authorization"); got != "Bearer by-hand" {
		t.Errorf("got %q", got)
	}
	// And one that was revoked meanwhile does not come back to life.
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret(k.issuer.good)})
	k.issuer.answer = func(http.ResponseWriter, int) bool { _ = k.Delete(t.Context(), "slack/a"); return false }
	if _, err := k.Resolve(t.Context(), oauth); !errors.Is(err, ErrNeedsConsent) {
		t.Errorf("revoked while it was refreshed: %v", err)
	}
	if _, err := k.Show(t.Context(), "slack/a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it came back: %v", err)
	}
}
