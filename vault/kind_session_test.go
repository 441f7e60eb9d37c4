package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store"
)

// sessionScheme is a log-in as Metabase has it.
var sessionScheme = Scheme{Header: "X-Session", Login: &Login{Path: "/log/in", Name: "user", Password: "pass", Token: "id", Life: 14 * 24 * time.Hour}}

const sessionPassword = "correct \"horse\" battery"

// newLogin is a service whose API takes sessions; its log-in is in the place of the
// token endpoint.
func newLogin(t *testing.T) *counterpart {
	s := newCounterpart(t)
	s.admit = func(r *http.Request) bool { return s.tokens[r.Header.Get("X-Session")] }
	api := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/base/log/in" {
			s.token(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
	s.answer = func(w http.ResponseWriter, r *http.Request) {
		var in map[string]string
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in) != 2 || in["user"] != "ana@example.com" || in["pass"] != sessionPassword {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"errors":{"password":"did not match stored password %s"}}`, in["pass"])
			return
		}
		id := fmt.Sprintf("session-token-%d", s.asked)
		s.tokens[id] = true
		_ = json.NewEncoder(w).Encode(map[string]string{"id": id})
	}
	return s
}

func (s *counterpart) loginService() Service {
	return Service{BaseURL: s.URL + "/base/", Schemes: map[string]Scheme{TypeSession: sessionScheme}}
}

// A session is begun once, is used until it ends or is refused, and is then begun
// again.
func TestSession(t *testing.T) {
	s := newLogin(t)
	q := newQuiet(t, s.loginService())
	d := q.put(t, TypeSession, sessionPassword, map[string]string{"username": "ana@example.com"})
	if err := q.Check(t.Context(), d); err != nil || s.count() != 0 {
		t.Fatalf("check: %v, %d log-ins", err, s.count())
	}
	c := s.works(t, q.Vault, d)
	q.hide("session-token-1", "session-token-2")
	q.say(c)
	holds(t, c, sessionPassword, "session-token-1")
	if left := c.Expires.Sub(q.clock.now()); left < 13*24*time.Hour || left > 14*24*time.Hour+time.Second {
		t.Errorf("it ends in %v", left)
	}
	for range 3 {
		s.works(t, q.Vault, d)
	}
	if s.count() != 1 {
		t.Errorf("%d log-ins", s.count())
	}
	s.end() // an admin of the service has ended all sessions
	if s.try(t, c) != http.StatusUnauthorized {
		t.Fatal("the session goes on")
	}
	next, err := q.Renew(t.Context(), c)
	if err != nil || s.try(t, next) != http.StatusOK {
		t.Fatalf("no new session: %v", err)
	}
	if again, err := q.Renew(t.Context(), c); err != nil || s.try(t, again) != http.StatusOK || s.count() != 2 {
		t.Errorf("who came later got no session, or logged in again: %v, %d log-ins", err, s.count())
	}
	q.clock.add(14 * 24 * time.Hour)
	if s.works(t, q.Vault, d); s.count() != 3 {
		t.Errorf("after its life: %d log-ins", s.count())
	}
}

// A session that ended after its password was changed, or revoked, begins again with
// the new one or not at all: the old password is not tried.
func TestSessionWhosePasswordChanged(t *testing.T) {
	s := newLogin(t)
	q := newQuiet(t, s.loginService())
	path := t.TempDir() + "/password"
	writeFile(t, path, sessionPassword)
	d := Declaration{ID: "crm/a", Owner: Owner{Agent: "a"}, Service: serviceName, Type: TypeSession, Source: "file:" + path, Params: map[string]string{"username": "ana@example.com"}}
	c := s.works(t, q.Vault, d)
	s.end()
	old := s.answer
	s.answer = func(w http.ResponseWriter, r *http.Request) {
		var in map[string]string
		_ = json.NewDecoder(r.Body).Decode(&in)
		if in["pass"] != "another-password" {
			t.Error("the old password was tried")
		}
		s.tokens["session-of-the-new-password"] = true
		_, _ = w.Write([]byte(`{"id":"session-of-the-new-password"}`))
	}
	writeFile(t, path, "another-password")
	next, err := q.Renew(t.Context(), c)
	if err != nil || s.try(t, next) != http.StatusOK || s.count() != 2 {
		t.Fatalf("%v, %d log-ins", err, s.count())
	}

	s.answer = old
	d = q.put(t, TypeSession, sessionPassword, d.Params)
	c = s.works(t, q.Vault, d)
	s.end()
	if err := q.Delete(t.Context(), "crm/a"); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Renew(t.Context(), c); !errors.Is(err, ErrInvalid) || s.count() != 3 {
		t.Errorf("a session was begun with a password that is gone: %v, %d log-ins", err, s.count())
	}
}

// A wrong password is for an admin to mend, and is not tried again and again: the
// service would lock the account. A busy service is another thing.
func TestSessionRefused(t *testing.T) {
	s := newLogin(t)
	q := newQuiet(t, s.loginService())
	d := q.put(t, TypeSession, "wrong-password-77", map[string]string{"username": "ana@example.com"})
	for range 5 {
		if got := q.fails(t, d, ErrInvalid); got != "crm refused the name or the password (HTTP 401): correct username, or put the right password in" {
			t.Errorf("got %s", got)
		}
	}
	if s.count() != 1 {
		t.Errorf("%d log-ins with a wrong password", s.count())
	}
	d = q.put(t, TypeSession, sessionPassword, d.Params)
	if s.works(t, q.Vault, d); s.count() != 2 {
		t.Errorf("the right password led to %d log-ins", s.count())
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		kind   error
		says   string
	}{
		"busy":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, ErrUnavailable, "lets nobody log in just now (HTTP 429)"},
		"down":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, ErrUnavailable, "(HTTP 503)"},
		"elsewhere": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, ErrInvalid, "correct services.crm.base_url"},
		"HTML":      {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, ErrUnavailable, "without a session (HTTP 200)"},
		"a number":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"id":7}`)) }, ErrUnavailable, "without a session"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/api", http.StatusTemporaryRedirect)
		}, ErrInvalid, "answers with a redirect"},
		"too much": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"id":"` + strings.Repeat("x", 2<<20)))
		}, ErrUnavailable, "more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLogin(t)
			s.answer = test.answer
			q := newQuiet(t, s.loginService())
			if got := q.fails(t, q.put(t, TypeSession, sessionPassword, map[string]string{"username": "ana"}), test.kind); !strings.Contains(got, test.says) {
				t.Errorf("got %s", got)
			}
		})
	}
}

// What is missing in the config is said before anybody is asked.
func TestSessionThatDoesNotFit(t *testing.T) {
	named := map[string]string{"username": "ana"}
	for want, test := range map[string]struct {
		service Service
		params  map[string]string
	}{
		"crm takes no credential of type session: declare another type":                          {Service{}, named},
		"crm has no log-in that toolvault knows: declare another type":                           {Service{Schemes: map[string]Scheme{TypeSession: Bearer}}, named},
		"the name to log in with is missing: set username":                                       {Service{Schemes: map[string]Scheme{TypeSession: sessionScheme}}, nil},
		"the address of crm is not known: set services.crm.base_url in the config":               {Service{Schemes: map[string]Scheme{TypeSession: sessionScheme}}, named},
		"the address of crm cannot be used: correct services.crm.base_url in the config":         {Service{BaseURL: "http://\x7f", Schemes: map[string]Scheme{TypeSession: sessionScheme}}, named},
		"the log-in of crm cannot be reached: unsupported protocol scheme \"\"":                  {Service{BaseURL: "nowhere", Schemes: map[string]Scheme{TypeSession: sessionScheme}}, named},
		"the log-in of crm cannot be reached: dial tcp 127.0.0.1:1: connect: connection refused": {Service{BaseURL: "http://127.0.0.1:1", Schemes: map[string]Scheme{TypeSession: sessionScheme}}, named},
	} {
		q := newQuiet(t, test.service)
		kind := ErrInvalid
		if strings.Contains(want, "cannot be reached") {
			kind = ErrUnavailable
		}
		if got := q.fails(t, q.put(t, TypeSession, sessionPassword, test.params), kind); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// shared is the credential of TestProcessesShareALogIn.
func shared() Declaration {
	return Declaration{ID: "crm/a", Owner: Owner{Agent: "a"}, Service: serviceName, Type: TypeSession, Source: "vault:crm/a", Params: map[string]string{"username": "ana@example.com"}}
}

// childSession is another process that uses it, in four calls at once.
func childSession(ctx context.Context, v *Vault) {
	s := counterpart{Server: &httptest.Server{URL: os.Getenv("TOOLVAULT_TEST_ISSUER")}}
	v.Configure(nil, map[string]Service{serviceName: s.loginService()})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c, err := v.Resolve(ctx, shared())
			if err != nil {
				fmt.Println("error:", err)
				return
			}
			r, _ := http.NewRequest(http.MethodGet, "http://x", nil)
			_ = c.Authorize(r)
			fmt.Println("got", r.Header.Get("X-Session"))
		})
	}
	wg.Wait()
}

// Three processes with four calls each log in once, all together.
func TestProcessesShareALogIn(t *testing.T) {
	url := "file:" + t.TempDir() + "/store.db"
	st, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	master := NewMasterKey()
	s := newLogin(t)
	k := newKitOn(t, st, master)
	k.put(t, "crm/a", Stored{Type: TypeSession, Secret: NewSecret(sessionPassword)})
	var ps []*process
	for range 3 {
		ps = append(ps, start(t, "session", url, master, s.URL))
	}
	for _, p := range ps {
		p.begin()
	}
	for i, p := range ps {
		lines := p.rest()
		if len(lines) != 4 {
			t.Errorf("process %d says %q", i, lines)
		}
		for _, line := range lines {
			if line != "got session-token-1" {
				t.Errorf("process %d says %q", i, line)
			}
		}
	}
	if s.count() != 1 {
		t.Errorf("%d log-ins", s.count())
	}
}
