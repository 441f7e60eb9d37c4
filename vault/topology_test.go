package vault_test

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

	"toolvault/vault"
	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// tokens is a token endpoint whose refresh tokens are good for one use. It tells
// when it is asked, and answers when it is let.
type tokens struct {
	*httptest.Server
	asked  chan struct{}
	answer chan struct{}

	mu      sync.Mutex
	good    string
	issued  int
	refused int
}

func newTokens(t *testing.T) *tokens {
	t.Helper()
	e := &tokens{asked: make(chan struct{}, 100), answer: make(chan struct{}), good: "refresh-0"}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	e.asked <- struct{}{}
	select {
	case <-e.answer:
	case <-r.Context().Done():
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.PostForm.Get("refresh_token") != e.good {
		e.refused++
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	e.issued++
	e.good = fmt.Sprintf("refresh-%d", e.issued)
	_, _ = fmt.Fprintf(w, `{"access_token":"access-%d","refresh_token":%q,"expires_in":3600,"token_type":"Bearer"}`, e.issued, e.good)
}

func (e *tokens) counts() (issued, refused int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.issued, e.refused
}

var declared = vault.Declaration{
	ID: "slack/support-agent-1", Owner: vault.Owner{Agent: "support-agent-1"}, Service: "slack",
	Type: vault.TypeOAuthToken, Source: "vault:slack/support-agent-1",
}

// process is a vault that runs, with a connection of its own, as another process
// would have.
func process(t *testing.T, url string, master vault.Secret, endpoint string) *vault.Vault {
	t.Helper()
	st, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := vault.OpenKeyring(t.Context(), st, master)
	if err != nil {
		t.Fatal(err)
	}
	v := vault.New(vault.Options{Store: st, Keyring: ring})
	v.Configure([]vault.Declaration{declared}, map[string]vault.Service{"slack": {
		Schemes: map[string]vault.Scheme{vault.TypeOAuthToken: vault.Bearer},
		App: vault.App{
			Provider: vault.Provider{TokenURL: endpoint}, ClientID: "client", ClientSecret: vault.NewSecret("app-client-secret-value"),
		},
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = v.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		_ = st.Close()
	})
	return v
}

// presented is the access token that a credential puts on a request.
func presented(t *testing.T, c *vault.Credential) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if err := c.Authorize(r); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// broken lets a refresh begin by two processes with eight callers each, breaks
// the store when the token endpoint has been asked, and mends it. Then the new
// token is stored once, and nothing is lost: callers that waited have it or are
// told that the store is away, and the next ones have it, without a restart.
//
// settle is called when the keyring and the grant are stored: what a store that
// breaks may lose is what comes after.
func broken(t *testing.T, url string, answerFirst bool, settle, breakIt, mend func()) {
	t.Helper()
	endpoint, master := newTokens(t), vault.NewMasterKey()
	first := process(t, url, master, endpoint.URL)
	second := process(t, url, master, endpoint.URL)
	if _, err := first.Put(t.Context(), "slack/support-agent-1", vault.Stored{
		Type: vault.TypeOAuthToken, Secret: vault.NewSecret("access-0"), Refresh: vault.NewSecret("refresh-0"),
		Expires: time.Now().Add(-time.Minute),
	}); err != nil {
		t.Fatal(err)
	}
	settle()

	var callers sync.WaitGroup
	var mu sync.Mutex
	told := map[string]int{}
	for i := range 16 {
		callers.Go(func() {
			v := first
			if i%2 == 1 {
				v = second
			}
			ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
			defer cancel()
			c, err := v.Resolve(ctx, declared)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				told[presented(t, c)]++
			case errors.Is(err, store.ErrUnavailable), errors.Is(err, vault.ErrUnavailable):
				told["away"]++
			default:
				t.Errorf("a caller that waited: %v", err)
			}
		})
	}
	select {
	case <-endpoint.asked:
	case <-time.After(20 * time.Second):
		t.Fatal("the token endpoint was not asked")
	}
	brokeAt := time.Now()
	if answerFirst {
		close(endpoint.answer)
		breakIt()
	} else {
		breakIt()
		close(endpoint.answer)
	}
	mend()
	callers.Wait()
	t.Logf("the callers that waited: %v, %v after the store broke", told, time.Since(brokeAt))
	for token := range told {
		if token != "access-1" && token != "away" {
			t.Errorf("a caller has %s", token)
		}
	}

	for name, v := range map[string]*vault.Vault{"first": first, "second": second, "one that starts now": process(t, url, master, endpoint.URL)} {
		deadline := time.Now().Add(20 * time.Second)
		for {
			c, err := v.Resolve(t.Context(), declared)
			if err == nil {
				if token := presented(t, c); token != "access-1" {
					t.Errorf("%s: it has %s", name, token)
				}
				break
			}
			if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, vault.ErrUnavailable) || time.Now().After(deadline) {
				t.Errorf("%s, afterwards: %v", name, err)
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	t.Logf("every process has the new token %v after the store broke", time.Since(brokeAt))
	if issued, refused := endpoint.counts(); issued != 1 || refused != 0 {
		t.Errorf("%d tokens were issued and %d requests refused, want 1 and 0", issued, refused)
	}
}

func TestSentinelFailoverInTheMiddleOfARefresh(t *testing.T) {
	t.Parallel()
	for name, answerFirst := range map[string]bool{"before the answer": false, "as the answer comes": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storetest.StartSentinel(t, 2)
			var old *storetest.RedisServer
			master := s.Master()
			broken(t, s.URL+"?replicas=1", answerFirst, s.AwaitInStep,
				func() { old = master; master.Stop() },
				func() { s.AwaitFailover(old) })
		})
	}
}

func TestClusterNodeHangsInTheMiddleOfARefresh(t *testing.T) {
	t.Parallel()
	for name, answerFirst := range map[string]bool{"before the answer": false, "as the answer comes": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := storetest.StartCluster(t)
			owner := c.Owner()
			broken(t, c.URL, answerFirst, func() {},
				owner.Hang,
				func() {
					<-time.After(time.Second) // that is the fault, not a wait for something
					owner.Resume()
				})
		})
	}
}

// The new master lacks what was written last on the old one: that a refresh was
// about to be tried, and the lease for it. The new token is stored all the same.
func TestSentinelFailoverThatForgetsTheRefresh(t *testing.T) {
	t.Parallel()
	s := storetest.StartSentinel(t, 1)
	endpoint, master := newTokens(t), vault.NewMasterKey()
	v := process(t, s.URL, master, endpoint.URL)
	if _, err := v.Put(t.Context(), "slack/support-agent-1", vault.Stored{
		Type: vault.TypeOAuthToken, Secret: vault.NewSecret("access-0"), Refresh: vault.NewSecret("refresh-0"),
		Expires: time.Now().Add(-time.Minute),
	}); err != nil {
		t.Fatal(err)
	}
	s.AwaitInStep()
	replica := s.CutOff()
	waited := make(chan error, 1)
	go func() {
		_, err := v.Resolve(t.Context(), declared)
		waited <- err
	}()
	<-endpoint.asked
	old := s.KillMaster()
	replica.Resume()
	s.AwaitFailover(old)
	close(endpoint.answer)
	if err := <-waited; err != nil && !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, vault.ErrUnavailable) {
		t.Errorf("the caller that waited: %v", err)
	}
	for name, v := range map[string]*vault.Vault{"the process": v, "another": process(t, s.URL, master, endpoint.URL)} {
		var c *vault.Credential
		var err error
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if c, err = v.Resolve(t.Context(), declared); !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, vault.ErrUnavailable) {
				break
			}
		}
		if err != nil {
			t.Errorf("%s, afterwards: %v", name, err)
		} else if token := presented(t, c); token != "access-1" {
			t.Errorf("%s, afterwards: it has %s", name, token)
		}
	}
}

// A Redis that comes back empty is not believed: a process that has used a
// credential says so, and does not ask for another token with what it knows.
func TestRedisThatHasForgotten(t *testing.T) {
	t.Parallel()
	r := storetest.StartRedis(t)
	if !r.Real {
		t.Skip("SKIPPED: there is no redis-server on the path, so nothing was shown about one that has lost its data")
	}
	endpoint, master := newTokens(t), vault.NewMasterKey()
	close(endpoint.answer)
	admin, v := process(t, r.URL, master, endpoint.URL), process(t, r.URL, master, endpoint.URL)
	for range 2 {
		if _, err := admin.Put(t.Context(), "slack/support-agent-1", vault.Stored{
			Type: vault.TypeOAuthToken, Secret: vault.NewSecret("access-0"), Refresh: vault.NewSecret("refresh-0"),
			Expires: time.Now().Add(time.Hour),
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := v.Resolve(t.Context(), declared); err != nil {
		t.Fatal(err)
	}
	r.Stop()
	r.Start()
	var err error
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err = v.Resolve(t.Context(), declared); err != nil && !errors.Is(err, store.ErrUnavailable) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is believed, or never answered: %v", err)
		}
	}
	if !errors.Is(err, vault.ErrInvalid) || !strings.Contains(err.Error(), "rolled back") {
		t.Errorf("the user is told: %v", err)
	}
	if issued, refused := endpoint.counts(); issued+refused != 0 {
		t.Errorf("the token endpoint was asked %d times", issued+refused)
	}
}
