package connect

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/vault"
	"toolvault/vault/store/storetest"
)

func TestTheWholeWay(t *testing.T) {
	w := newWorld(t)
	ticket := w.begin(w.decls[0], "alice")
	if ticket.Code != "" || !strings.HasPrefix(ticket.URL, w.url+"/connect/") {
		t.Fatalf("the ticket is %+v", ticket)
	}
	b := w.as("alice").open(ticket.URL)
	b.shows(200, "support-agent-1", "Acme CRM", "See contacts", "See which account it is")
	if csp := b.header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || b.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("the page can be framed or kept: %v", b.header)
	}
	to := b.approve()
	if b.header.Get("Referrer-Policy") == "" || b.header.Get("Refresh") != "0; url="+to {
		t.Fatalf("the browser is not sent on by itself: %v", b.header)
	}
	b.open(to)
	b.shows(200, "Acme CRM is connected", "account 4711", "support-agent-1")
	if strings.Contains(b.url, "code") || strings.Contains(b.url, "state") {
		t.Fatalf("the address of the last page holds the code or the state: %s", b.url)
	}
	asked := w.provider.last()
	equal(t, "the scopes asked for", strings.Fields(asked.Get("scope")), []string{"oauth", "crm.objects.contacts.read"})
	if asked.Get("code_challenge_method") != "S256" || asked.Get("redirect_uri") != w.url+"/connect/callback" {
		t.Fatalf("the provider was asked %v", asked)
	}
	info, ok := w.stored("crm/bot")
	if !ok || info.State != vault.StateOK || !info.HasRefresh || info.Account != "account 4711" || info.Type != vault.TypeOAuthToken {
		t.Fatalf("stored is %+v", info)
	}
	if _, ok := w.stored("crm/alice"); ok {
		t.Fatal("another credential was stored too")
	}
	res := w.result(ticket)
	if res.Outcome != OutcomeGiven || res.Person != "alice" || len(res.Connected) != 1 || res.Connected[0].Version != 1 {
		t.Fatalf("the result is %+v", res)
	}
	equal(t, "events", w.kinds(), []string{Asked, Given})
	if e := w.lastEvent(); e.Account != "account 4711" || e.Person != "alice" || e.Credential != "crm/bot" || len(e.Scopes) != 2 {
		t.Fatalf("recorded was %+v", e)
	}
	cred, err := w.vault.Resolve(t.Context(), w.decls[0])
	if err != nil {
		t.Fatal(err)
	}
	r, _ := http.NewRequest(http.MethodGet, "http://x", nil)
	if err := cred.Authorize(r); err != nil || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer access-canary") {
		t.Fatalf("the credential is not what the provider gave: %v", err)
	}
	w.noSecrets()
}

func TestWhoIsNotSignedInSignsInFirst(t *testing.T) {
	w := newWorld(t, func(w *world) { w.real = true })
	w.as("alice")
	ticket := w.begin(w.decls[1], "alice")
	b := w.browser().open(ticket.URL)
	b.hides("support-agent-1", "Acme CRM", "contacts")
	if !strings.Contains(b.url, "/signin?return=") {
		t.Fatalf("the browser is at %s", b.url)
	}
	b.send(url.Values{"name": {"alice"}, "password": {password}, "return": {"/connect/" + ticket.ID}})
	b.shows(200, "support-agent-1", "Acting for", "alice", "in your name")
	b.open(b.approve()).shows(200, "is connected")
	if _, ok := w.stored("crm/alice"); !ok {
		t.Fatal("nothing was stored")
	}
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	ticket := w.begin(w.decls[0], "alice")
	b := w.as("alice").open(ticket.URL)
	b.send(url.Values{"answer": {"cancel"}})
	b.shows(200, "Nothing was connected", "You said no")
	if res := w.result(ticket); res.Outcome != OutcomeRefused {
		t.Fatalf("the result is %+v", res)
	}
	w.nothingStored()
	equal(t, "events", w.kinds(), []string{Asked, Refused})
	b.open(ticket.URL).shows(200, "Nothing was connected")
	if len(w.provider.asked) > 0 {
		t.Fatal("the provider was asked")
	}
}

// Bob gets alice's link, or sends her his: neither can be misled by it.
func TestPhishing(t *testing.T) {
	w := newWorld(t)
	ticket := w.begin(w.decls[1], "alice")
	bob := w.as("bob").open(w.begin(w.decls[0], "bob").URL)
	own := bob.body // a form of bob's own, with his token
	bob.open(ticket.URL).shows(403, "somebody else")
	bob.hides("support-agent-1", "Acme CRM", "alice")
	for _, answer := range []string{"approve", "cancel"} {
		bob.body, bob.url = formPlace.ReplaceAllString(own, `<form method="post" action="/connect/`+ticket.ID+`"`), w.url
		bob.send(url.Values{"answer": {answer}}).shows(403)
	}
	w.nothingStored()
	equal(t, "events", w.kinds(), []string{Asked, Asked, Refused, Refused, Refused})
	if e := w.lastEvent(); e.Person != "bob" || e.Agent != "support-agent-1" {
		t.Fatalf("recorded was %+v", e)
	}
	if len(w.provider.asked) > 0 {
		t.Fatal("the provider was asked")
	}
	w.as("alice").open(ticket.URL).shows(200, "support-agent-1")
}

// A form from elsewhere approves nothing.
func TestForgedForm(t *testing.T) {
	w := newWorld(t)
	ticket := w.begin(w.decls[0], "alice")
	b := w.as("alice").open(ticket.URL)
	for name, edit := range map[string]func(*http.Request){
		"no token":     func(*http.Request) {},
		"cross-origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"cross-site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
	} {
		values := url.Values{"answer": {"approve"}}
		if name != "no token" {
			values.Set("csrf", csrfField.FindStringSubmatch(b.open(ticket.URL).body)[1])
		}
		r, _ := http.NewRequest(http.MethodPost, ticket.URL, strings.NewReader(values.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		edit(r)
		if b.do(r); b.status != http.StatusForbidden {
			t.Fatalf("%s: %d", name, b.status)
		}
	}
}

// A look whether there is such a page changes nothing and shows nothing.
func TestLook(t *testing.T) {
	w := newWorld(t)
	ticket := w.begin(w.decls[0], "alice")
	for link, want := range map[string]int{ticket.URL: http.StatusNoContent, w.url + Path + random(idSize): http.StatusNotFound, w.url + CallbackPath: http.StatusNotFound} {
		b := w.as("")
		if r, _ := http.NewRequest(http.MethodHead, link, nil); b.do(r).status != want || b.body != "" {
			t.Errorf("%s: HTTP %d", link, b.status)
		}
	}
	w.as("alice").open(ticket.URL).shows(200)
}

func TestTooLate(t *testing.T) {
	w := newWorld(t)
	ticket := w.begin(w.decls[0], "alice")
	b := w.as("alice").open(ticket.URL)
	w.clock.add(ticketFor)
	b.send(url.Values{"answer": {"approve"}}).shows(404, "This link has ended")
	if res := w.result(ticket); res.Outcome != OutcomeExpired {
		t.Fatalf("the result is %+v", res)
	}
	b.open(w.url+"/connect/"+random(idSize)).shows(404, "This link has ended")
	b.open(w.url + "/connect/..%2f..%2fx").shows(404)
	w.nothingStored()
}

// Any process can answer any step: here each request goes to another one.
func TestTwoReplicas(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { testTwoReplicas(t, "") })
	t.Run("Redis", func(t *testing.T) { testTwoReplicas(t, storetest.Redis(t)) })
}

func testTwoReplicas(t *testing.T, storage string) {
	w := newWorld(t, func(w *world) { w.storage = storage })
	b := w.as("alice")
	handlers := []http.Handler{w.replica(w.Logger).Handler(), w.replica(w.Logger).Handler()}
	rest := w.handler
	var mu sync.Mutex
	turn := 0
	w.handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, Path) {
			rest.ServeHTTP(rw, r)
			return
		}
		mu.Lock()
		turn++
		h := handlers[turn%2]
		mu.Unlock()
		h.ServeHTTP(rw, r)
	})
	ticket := w.begin(w.decls[0], "alice") // a third
	waited := make(chan Result, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		res, _ := w.Wait(ctx, ticket.ID)
		waited <- res
	}()
	b.open(ticket.URL)
	b.open(b.approve()).shows(200, "is connected")
	select {
	case res := <-waited:
		if res.Outcome != OutcomeGiven {
			t.Fatalf("who waited got %+v", res)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("who waited was not woken")
	}
	if turn < 4 {
		t.Fatalf("only %d requests came", turn)
	}
}
