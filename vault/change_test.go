package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// onStores runs a test on SQLite and on Redis, each with the URL for other
// processes.
func onStores(t *testing.T, test func(t *testing.T, url string, st store.Store)) {
	for name, url := range map[string]func(testing.TB) string{
		"sqlite": func(t testing.TB) string { return "file:" + t.TempDir() + "/store.db" },
		"redis":  storetest.Redis,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := url(t)
			st, err := store.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = st.Close() })
			test(t, url, st)
		})
	}
}

// A rotated key is used first, the one before where the service refuses it, and
// after it is dropped no more.
func TestRotate(t *testing.T) {
	k := newKit(t)
	d := declare(TypeAPIKey, "vault:slack/a")
	k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("first"), Scope: "chat:write", State: StateBroken, Reason: "it was refused"})
	did, err := k.Rotate(t.Context(), "slack/a", NewSecret("second"))
	if err != nil || did.Version != 2 || !did.HasOld || did.Dropped {
		t.Fatalf("%+v, %v", did, err)
	}
	info, err := k.Show(t.Context(), "slack/a")
	if err != nil || info.State != StateOK || info.Reason != "" || !info.HasOld || info.Scope != "chat:write" {
		t.Errorf("%+v, %v", info, err)
	}
	c := k.resolve(t, d)
	if got := sent(t, c, "Api-Key"); got != "second" {
		t.Errorf("first it sends %q", got)
	}
	old, err := k.Renew(t.Context(), c)
	if err != nil || sent(t, old, "Api-Key") != "first" || !old.Former || c.Former {
		t.Fatalf("after a 401: %v", err)
	}
	if _, err := k.Renew(t.Context(), old); !errors.Is(err, ErrInvalid) {
		t.Errorf("after a 401 for the old one too: %v", err)
	}
	for _, secret := range []string{"second", "first"} { // neither is to be seen
		found := false
		for _, s := range c.Secrets() {
			found = found || s.Reveal() == secret
		}
		if !found {
			t.Errorf("%s is not told to the redaction", secret)
		}
	}
	if did, err = k.Rotate(t.Context(), "slack/a", NewSecret("third")); err != nil || !did.Dropped {
		t.Errorf("a second rotation drops the oldest: %+v, %v", did, err)
	}
	if did, err = k.Rotate(t.Context(), "slack/a", NewSecret("second")); err != nil || did.Dropped {
		t.Errorf("back to the one before loses nothing: %+v, %v", did, err)
	}
	if did, err = k.DropOld(t.Context(), "slack/a"); err != nil || !did.Dropped || did.Version != 6 {
		t.Errorf("%+v, %v", did, err)
	}
	if did, err = k.DropOld(t.Context(), "slack/a"); err != nil || did.Dropped || did.Version != 6 {
		t.Errorf("there is none: %+v, %v", did, err)
	}
	if _, err := k.Renew(t.Context(), k.resolve(t, d)); !errors.Is(err, ErrInvalid) {
		t.Errorf("the dropped one was tried: %v", err)
	}
}

func TestRotateRefuses(t *testing.T) {
	k := newKit(t)
	k.put(t, "key", Stored{Type: TypeAPIKey, Secret: NewSecret("the-secret")})
	k.put(t, "grant", Stored{Type: TypeOAuthToken, Refresh: NewSecret("r")})
	k.put(t, "login", Stored{Type: TypeSession, Secret: NewSecret("password")})
	k.put(t, "gone", Stored{Type: TypeAPIKey, Secret: NewSecret("k")})
	if _, err := k.Revoke(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, secret, want string }{
		{"key", "the-secret", "this is the secret that it has already"},
		{"key", "", "the secret is empty"},
		{"key", "two\nlines", "line break"},
		{"kye", "x", "did you mean key?"},
		{"../key", "x", "is no name"},
		{"grant", "x", "let the person consent again, with toolvault connect"},
		{"login", "x", "toolvault credential put login --type session"},
		{"gone", "x", "was revoked at"},
	} {
		_, err := k.Rotate(t.Context(), c.name, NewSecret(c.secret))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	if info, err := k.Show(t.Context(), "key"); err != nil || info.Version != 1 || info.HasOld {
		t.Errorf("a refused rotation changed it: %+v %v", info, err)
	}
}

// Of many who rotate at the same time each gets a turn, and none is lost.
func TestRotateTogether(t *testing.T) {
	k := newKit(t)
	k.put(t, "a", Stored{Type: TypeAPIKey, Secret: NewSecret("key-0")})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := k.Rotate(t.Context(), "a", NewSecret(fmt.Sprintf("key-%d", i+1))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s, version, err := k.read(t.Context(), "a")
	if err != nil || version != 9 || s.Old.Empty() || s.Old.same(s.Secret) {
		t.Errorf("version %d, %v", version, err)
	}
}

// revoker is a provider that takes tokens back.
func revoker(t *testing.T, k *kit, answer func(w http.ResponseWriter)) func() []string {
	var mu sync.Mutex
	var tokens []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		tokens = append(tokens, r.FormValue("token"))
		mu.Unlock()
		answer(w)
	}))
	t.Cleanup(srv.Close)
	services := servicesFor(k.issuer.URL)
	s := services["slack"]
	s.App.RevokeURL = srv.URL + "/revoke"
	services["slack"] = s
	k.Configure([]Declaration{declare(TypeOAuthToken, "vault:slack/a")}, services)
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), tokens...)
	}
}

func TestRevoke(t *testing.T) {
	grant := Stored{Type: TypeOAuthToken, Secret: NewSecret("access-x"), Refresh: NewSecret("refresh-x"), Account: "workspace Acme"}
	for name, c := range map[string]struct {
		stored   Stored
		answer   func(http.ResponseWriter)
		told     bool
		upstream string
		tokens   string
	}{
		"told":            {grant, func(http.ResponseWriter) {}, true, "slack has taken the tokens back", "[refresh-x access-x]"},
		"provider is ill": {grant, func(w http.ResponseWriter) { w.WriteHeader(500) }, false, "slack could not be told", "[refresh-x access-x]"},
		"no grant":        {Stored{Type: TypeAPIKey, Secret: NewSecret("k")}, nil, false, "", "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			tokens := revoker(t, k, c.answer)
			k.put(t, "slack/a", c.stored)
			did, err := k.Revoke(t.Context(), "slack/a")
			if err != nil || did.Version != 2 || did.Told != c.told || !strings.HasPrefix(did.Upstream, c.upstream) || c.upstream == "" && did.Upstream != "" {
				t.Fatalf("%+v, %v", did, err)
			}
			if got := fmt.Sprint(tokens()); got != c.tokens {
				t.Errorf("the provider was told of %s, want %s", got, c.tokens)
			}
			s, _, err := k.read(t.Context(), "slack/a")
			if err != nil || !s.Secret.Empty() || !s.Refresh.Empty() || !s.Old.Empty() || s.Account != c.stored.Account {
				t.Errorf("what stays: %+v, %v", s, err)
			}
			info, err := k.Show(t.Context(), "slack/a")
			if err != nil || info.State != StateRevoked || info.HasRefresh || info.Fingerprint != "" {
				t.Errorf("%+v, %v", info, err)
			}
			_, err = k.Resolve(t.Context(), declare(c.stored.Type, "vault:slack/a"))
			if err == nil || !strings.Contains(err.Error(), "was revoked at") {
				t.Errorf("resolved: %v", err)
			}
			again, err := k.Revoke(t.Context(), "slack/a")
			if err != nil || again.Already.IsZero() || again.Version != 2 {
				t.Errorf("a second time: %+v, %v", again, err)
			}
			k.put(t, "slack/a", c.stored) // and it can be put in again
			k.resolve(t, declare(c.stored.Type, "vault:slack/a"))
		})
	}
	k := newKit(t)
	if _, err := k.Revoke(t.Context(), "no/such"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("one that is not there: %v", err)
	}
}

// A provider that does not answer holds the revocation up for ten seconds at most,
// and what is here is gone before it is asked.
func TestRevokeBeforeTelling(t *testing.T) {
	k := newKit(t)
	gone := make(chan error, 1)
	tokens := revoker(t, k, func(http.ResponseWriter) {
		_, err := k.Resolve(context.Background(), declare(TypeOAuthToken, "vault:slack/a"))
		select {
		case gone <- err:
		default:
		}
	})
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Secret: NewSecret("access-x")})
	if _, err := k.Revoke(t.Context(), "slack/a"); err != nil {
		t.Fatal(err)
	}
	if err := <-gone; err == nil {
		t.Errorf("while the provider is told of %v, the credential is still given out", tokens())
	}
}

// A record that no key opens can be revoked all the same.
func TestRevokeDamaged(t *testing.T) {
	k := newKit(t)
	if err := k.store.Put(t.Context(), store.Item{Key: recordPrefix + "slack/a", Version: 1, Value: []byte("rubbish")}, nil); err != nil {
		t.Fatal(err)
	}
	if did, err := k.Revoke(t.Context(), "slack/a"); err != nil || did.Version != 2 {
		t.Fatalf("%+v, %v", did, err)
	}
}

// A token that a refresh under way brings back is not stored over a revocation, and
// is taken back at the provider too.
func TestRevokeDuringRefresh(t *testing.T) {
	k := newKit(t)
	tokens := revoker(t, k, func(http.ResponseWriter) {})
	k.issuer.delay = make(chan struct{})
	d := declare(TypeOAuthToken, "vault:slack/a")
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	failed := make(chan error, 1)
	go func() {
		_, err := k.Resolve(context.Background(), d)
		failed <- err
	}()
	eventually(t, func() bool { k.issuer.mu.Lock(); defer k.issuer.mu.Unlock(); return k.issuer.arrived == 1 })
	if _, err := k.Revoke(t.Context(), "slack/a"); err != nil {
		t.Fatal(err)
	}
	close(k.issuer.delay)
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "was revoked at") {
		t.Errorf("the call that waited: %v", err)
	}
	if info, err := k.Show(t.Context(), "slack/a"); err != nil || info.State != StateRevoked || info.HasRefresh {
		t.Errorf("%+v, %v", info, err)
	}
	if got := fmt.Sprint(tokens()); got != "[refresh-0 refresh-1 access-1]" {
		t.Errorf("the provider was told of %s", got)
	}
}

// With a secret goes the token that was obtained for it.
func TestRevokeForgetsWhatWasObtained(t *testing.T) {
	k := newKit(t)
	d := declare(TypeSession, "vault:login")
	k.Configure([]Declaration{d}, servicesFor(k.issuer.URL))
	k.put(t, "login", Stored{Type: TypeSession, Secret: NewSecret("password")})
	name := obtainedPrefix + d.ID
	if err := k.write(t.Context(), name, Stored{Type: TypeSession, Secret: NewSecret("session"), Basis: "x"}, 1, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Revoke(t.Context(), "login"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.read(t.Context(), name); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the session is still there: %v", err)
	}
}

// What one process revokes is dead in another within a second.
func TestRevokedElsewhere(t *testing.T) {
	onStores(t, func(t *testing.T, url string, st store.Store) {
		master := NewMasterKey()
		k := newKitOn(t, st, master)
		k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("key")})
		k.run(t)
		d := declare(TypeAPIKey, "vault:slack/a")
		eventually(t, func() bool { // word of the record's own making may drop it once
			k.resolve(t, d)
			_, hit := k.cache.get("slack/a")
			return hit
		})
		p := start(t, "revoke", url, master, k.issuer.URL)
		p.begin()
		var at int64
		if line := p.line(); !strings.HasPrefix(line, "done") {
			t.Fatal(line)
		} else {
			_, _ = fmt.Sscanf(line, "done %d", &at)
		}
		eventually(t, func() bool { _, err := k.Resolve(t.Context(), d); return err != nil })
		took := time.Since(time.Unix(0, at))
		t.Logf("revoked in another process after %v", took)
		if took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestLooks(t *testing.T) {
	k := newKit(t)
	const long = "xoxb-0123456789-abcdef"
	for name, c := range map[string]struct {
		stored Stored
		shown  bool
	}{
		"key":                {Stored{Type: TypeAPIKey, Secret: NewSecret(long)}, true},
		"token":              {Stored{Type: TypeOAuthToken, Secret: NewSecret(long)}, true},
		"short":              {Stored{Type: TypeAPIKey, Secret: NewSecret("0123456789abcdefghi")}, false},
		"long password":      {Stored{Type: TypeBasic, Secret: NewSecret("correct horse battery staple")}, false},
		"password to log in": {Stored{Type: TypeSession, Secret: NewSecret("correct horse battery staple")}, false},
	} {
		k.put(t, "a", c.stored)
		info, err := k.Show(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if shown := info.Fingerprint != "" || info.Hint != ""; shown != c.shown {
			t.Errorf("%s: %q %q", name, info.Fingerprint, info.Hint)
		}
		// printf %s xoxb-0123456789-abcdef | sha256sum
		if c.shown && info.Fingerprint != "25701b8b" {
			t.Errorf("%s: fingerprint %s", name, info.Fingerprint)
		}
	}
}

func TestLastUses(t *testing.T) {
	k := newKit(t)
	k.put(t, "a", Stored{Type: TypeAPIKey, Secret: NewSecret("k")})
	for i := range 1200 {
		if err := k.saveUse(t.Context(), fmt.Sprintf("many/%04d", i), LastUse{At: k.clock.now().UTC(), Agent: "x", User: "alice"}); err != nil {
			t.Fatal(err)
		}
	}
	uses, err := k.LastUses(t.Context())
	if err != nil || len(uses) != 1200 || uses["many/0007"].User != "alice" {
		t.Fatalf("%d, %v", len(uses), err)
	}
}
