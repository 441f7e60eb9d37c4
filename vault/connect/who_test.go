package connect

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/vault"
)

func TestPairingCode(t *testing.T) {
	w := newWorld(t)
	ticket := w.begin(w.decls[0])
	if !regexp.MustCompile(`^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$`).MatchString(ticket.Code) {
		t.Fatalf("the code is %q", ticket.Code)
	}
	if strings.Contains(ticket.URL, plainCode(ticket.Code)) {
		t.Fatal("the link holds the code")
	}
	b := w.browser().open(ticket.URL)
	b.shows(200, "eight letters")
	b.hides("support-agent-1", "Acme CRM")
	b.send(url.Values{"answer": {"approve"}})
	b.shows(200, "eight letters") // not without the code
	b.send(url.Values{"code": {" " + strings.ToLower(strings.ReplaceAll(ticket.Code, "-", " ")) + "\t"}})
	b.shows(200, "support-agent-1", "Acme CRM")

	other := w.browser().open(ticket.URL)
	other.shows(403, "Go on in the browser")
	other.hides("support-agent-1")

	b.open(b.approve()).shows(200, "is connected")
	if _, ok := w.stored("crm/bot"); !ok {
		t.Fatal("nothing was stored")
	}
	if res := w.result(ticket); res.Outcome != OutcomeGiven || res.Person != "" {
		t.Fatalf("the result is %+v", res)
	}
	w.browser().open(ticket.URL).shows(403)
}

func TestFiveWrongCodesEndTheTicket(t *testing.T) {
	w := newWorld(t)
	ticket := w.begin(w.decls[0])
	b := w.browser().open(ticket.URL)
	for range maxTries - 1 {
		b.send(url.Values{"code": {"AAAA-AAAA"}}).shows(403, "That is not the code")
	}
	b.send(url.Values{"code": {""}}).shows(403, "too often")
	b.open(ticket.URL).shows(404)
	if res := w.result(ticket); res.Outcome != OutcomeFailed {
		t.Fatalf("the result is %+v", res)
	}
	// The right one comes too late, and from another browser too.
	fresh := w.begin(w.decls[0])
	o := w.browser().open(fresh.URL)
	o.body, o.url = strings.ReplaceAll(o.body, fresh.ID, ticket.ID), w.url
	o.send(url.Values{"code": {ticket.Code}})
	o.hides("support-agent-1")
	w.nothingStored()
	if n := len(w.kinds()); n != 1+maxTries+1 {
		t.Fatalf("recorded were %v", w.kinds())
	}
}

// On this machine the first browser is the right one, and the only one; and the
// pages are nowhere but there.
func TestLocal(t *testing.T) {
	w := newWorld(t)
	ticket, err := w.Begin(t.Context(), Request{Declaration: w.decls[0], Local: true})
	if err != nil || ticket.Code != "" {
		t.Fatal(err)
	}
	b := w.browser().open(ticket.URL)
	b.shows(200, "support-agent-1")
	w.browser().open(ticket.URL).shows(403)
	b.open(b.approve()).shows(200, "is connected")

	elsewhere, err := w.Begin(t.Context(), Request{Declaration: w.decls[0], Local: true, Redirect: "http://127.0.0.1:1/connect/callback"})
	if err != nil {
		t.Fatal(err)
	}
	w.browser().open(w.url + Path + elsewhere.ID).shows(404)
}

func TestLink(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	link := func(d vault.Declaration, need ...string) string {
		t.Helper()
		l, err := w.Link(ctx, d, need, "call-1")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := link(w.decls[0], "crm.objects.contacts.read")
	if first == "" || link(w.decls[0]) != first || link(w.decls[0], "crm.objects.contacts.read") != first {
		t.Fatal("a link that is open is not used again")
	}
	if e := w.lastEvent(); e.Kind != Asked || e.CallID != "call-1" || len(w.kinds()) != 1 {
		t.Fatalf("recorded were %v", w.kinds())
	}
	if link(w.decls[1]) == first {
		t.Fatal("alice is sent to the agent's own link")
	}
	more := link(w.decls[0], "crm.objects.deals.read")
	if more == first {
		t.Fatal("the link does not ask for what the call needs")
	}
	if link(w.decls[0], "chat:write") == more || link(w.decls[0], "crm.objects.deals.read") != link(w.decls[0], "chat:write") {
		t.Fatal("calls with different needs take the link from each other")
	}
	more = link(w.decls[0])
	b := w.as("carol").open(more) // one of the owners
	b.shows(200, "See deals", "See contacts", "Post messages")
	w.as("bob").open(more).shows(403)

	agent := w.decls[0]
	agent.Owner.Agent = "other-agent"
	if l := link(agent); l != "" {
		t.Fatalf("an agent without owners has the link %s", l)
	}
	key := w.decls[0]
	key.Type = vault.TypeAPIKey
	if l := link(key); l != "" {
		t.Fatalf("a key has the link %s", l)
	}
	b.open(b.approve()).shows(200, "is connected")
	if link(w.decls[0], "crm.objects.deals.read") == more {
		t.Fatal("a link that was used is given out again")
	}
	was := link(w.decls[0])
	w.owners = []string{"alice"}
	if link(w.decls[0]) == was {
		t.Fatal("a link still asks somebody who is no owner any more")
	}
	w.clock.add(ticketFor - ticketFor/5)
	if l := link(w.decls[1]); l == "" || strings.HasSuffix(l, first) {
		t.Fatal(l)
	}
}

// Two replicas asked at the same time give the same link.
func TestLinksOfTwoReplicasAreOne(t *testing.T) {
	w := newWorld(t)
	other := w.replica(w.Logger)
	a, err := w.Link(t.Context(), w.decls[0], nil, "1")
	if err != nil {
		t.Fatal(err)
	}
	b, err := other.Link(t.Context(), w.decls[0], nil, "2")
	if err != nil || a != b {
		t.Fatalf("%s and %s: %v", a, b, err)
	}
}

func TestWhatCannotBeConnected(t *testing.T) {
	w := newWorld(t)
	for want, edit := range map[string]func(*vault.Declaration){
		"is of type api_key":   func(d *vault.Declaration) { d.Type = vault.TypeAPIKey },
		"comes from env:TOKEN": func(d *vault.Declaration) { d.Source = "env:TOKEN" },
		"services.mail.oauth":  func(d *vault.Declaration) { d.Service = "mail" },
	} {
		d := w.decls[0]
		edit(&d)
		if _, err := w.Begin(t.Context(), Request{Declaration: d}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if e := w.lastEvent(); e.Kind != Failed || !strings.Contains(e.Reason, want) {
			t.Errorf("recorded was %+v", e)
		}
	}
}

// A provider that lies about its issuer is asked nothing.
func TestAProviderThatLies(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.more = func(a *vault.App) { a.AuthURL, a.TokenURL = "", "" }
		w.provider.describe = `{"issuer":"https://evil.example","authorization_endpoint":"https://evil.example/a","token_endpoint":"https://evil.example/t"}`
	})
	if _, err := w.Begin(t.Context(), Request{Declaration: w.decls[0]}); err == nil || !strings.Contains(err.Error(), `says that it is "https://evil.example"`) {
		t.Fatalf("the error is %v", err)
	}
	if w.lastEvent().Kind != Failed || len(w.provider.asked) > 0 {
		t.Fatalf("recorded were %v", w.kinds())
	}
	w.nothingStored()
}

// One that describes itself is asked where it says, and has to name itself.
func TestAProviderByItsIssuer(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.more = func(a *vault.App) { a.AuthURL, a.TokenURL, a.RevokeURL = "", "", "" }
		w.provider.describe = `{"issuer":"` + w.provider.URL + `","authorization_endpoint":"` + w.provider.URL + `/authorize","token_endpoint":"` + w.provider.URL +
			`/token","authorization_response_iss_parameter_supported":true}`
	})
	b := w.as("alice").open(w.begin(w.decls[0], "alice").URL)
	b.open(b.approve()).shows(502, "did not come from")
	w.provider.back = func(_, answer url.Values) { answer.Set("iss", w.provider.URL) }
	b.open(w.begin(w.decls[0], "alice").URL)
	b.open(b.approve()).shows(200, "is connected")
}

// Who gave up waiting meanwhile does not lose the grant.
func TestDroppedWhileTheProviderAnswers(t *testing.T) {
	w := newWorld(t)
	ticket := w.begin(w.decls[0], "alice")
	b := w.as("alice").open(ticket.URL)
	w.provider.tokens = func(url.Values, int) map[string]any {
		if err := w.Drop(context.Background(), ticket.ID); err != nil {
			t.Error(err)
		}
		return map[string]any{"access_token": "access-canary"}
	}
	b.open(b.approve()).shows(200, "is connected")
	if _, ok := w.stored("crm/bot"); !ok {
		t.Fatal("nothing was stored")
	}
}

// What the config has dropped meanwhile is not stored.
func TestTheCredentialIsGoneFromTheConfig(t *testing.T) {
	w := newWorld(t)
	ticket := w.begin(w.decls[0], "alice")
	b := w.as("alice").open(ticket.URL)
	back := b.halfway()
	w.decls = w.decls[1:]
	w.configure()
	b.open(back).shows(502, "The config does not have this credential any more")
	w.nothingStored()
	if w.provider.redeems > 0 {
		t.Fatal("the code was redeemed")
	}
}

func TestDropLeavesNothing(t *testing.T) {
	w := newWorld(t)
	ticket := w.begin(w.decls[0], "alice")
	b := w.as("alice").open(ticket.URL)
	back := b.halfway()
	if err := w.Drop(t.Context(), ticket.ID); err != nil {
		t.Fatal(err)
	}
	if items, err := w.store.List(t.Context(), prefix, "", 10); err != nil || len(items) > 0 {
		t.Fatalf("left are %d: %v", len(items), err)
	}
	b.open(back).shows(400)
	if _, err := w.Wait(t.Context(), ticket.ID); err != ErrEnded {
		t.Fatalf("who waits is told %v", err)
	}
	if err := w.Drop(t.Context(), ticket.ID); err != nil {
		t.Fatal(err)
	}
}

func TestSweep(t *testing.T) {
	w := newWorld(t)
	w.begin(w.decls[0])
	b := w.as("alice").open(w.begin(w.decls[0], "alice").URL)
	b.halfway()
	if _, err := w.Link(t.Context(), w.decls[0], nil, ""); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		items, err := w.store.List(t.Context(), prefix, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(items)
	}
	for _, step := range []struct {
		after time.Duration
		left  int
	}{{0, 5}, {stateFor, 3}, {keptFor, 0}} {
		w.clock.add(step.after)
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != step.left {
			t.Fatalf("after %v there are %d, not %d", step.after, n, step.left)
		}
	}
}

// A thousand knocks do not fill the log.
func TestNoiseIsBounded(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for range 50 {
		b.open(w.url + "/connect/callback?state=" + random(stateSize)).shows(400)
	}
	if n := len(w.kinds()); n != toldAtMost {
		t.Fatalf("%d were recorded", n)
	}
	w.clock.add(2 * time.Second)
	b.open(w.url + "/connect/callback?state=x")
	if e := w.lastEvent(); !strings.Contains(e.Reason, "40 more") {
		t.Fatalf("recorded was %+v", e)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	ticket := w.begin(w.decls[0], "alice")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := w.Wait(ctx, ticket.ID)
		done <- err
	}()
	cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Fatal("it was given")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it waits on")
	}
}

func TestWords(t *testing.T) {
	got := inWords([]string{"crm.objects.deals.write", "crm.objects.contacts.read", "crm.objects.deals.read", "crm.lists.write"})
	if !slices.Equal(got, []string{"See, create and change deals", "See contacts", "Create and change lists"}) {
		t.Errorf("it is %q", got)
	}
	for scope, want := range map[string]string{
		"chat:write": "Post messages", "crm.objects.line_items.read": "See line items",
		"crm.objects.custom.write":      "Create and change records of types of your own",
		"evil\u202e\n\ufe00\u3164scope": "evil scope", "some.other": "some.other",
	} {
		if got := inWords([]string{scope, scope}); !slices.Equal(got, []string{want}) {
			t.Errorf("%q is %q", scope, got)
		}
	}
}

// Whatever comes to the callback: an answer, nothing stored, nothing redeemed.
func FuzzCallback(f *testing.F) {
	w := newWorld(f)
	ticket := w.begin(w.decls[0], "alice")
	b := w.as("alice").open(ticket.URL)
	back, err := url.Parse(b.halfway())
	if err != nil {
		f.Fatal(err)
	}
	good := back.Query()
	f.Add("state=" + good.Get("state")[:40] + "&code=x")
	f.Add("state=%zz")
	f.Add("state=" + random(stateSize) + "&code=x&iss=%0a&error=%3Cscript%3E")
	f.Add("state=a&state=b;code=c")
	f.Fuzz(func(t *testing.T, query string) {
		if strings.Contains(query, good.Get("state")) {
			return
		}
		r := httptest.NewRequest(http.MethodGet, "/connect/callback", nil)
		r.URL.RawQuery = query
		rec := httptest.NewRecorder()
		w.Handler().ServeHTTP(rec, r)
		if rec.Code != http.StatusBadRequest || strings.Contains(rec.Body.String(), "<script") || w.provider.redeems > 0 {
			t.Fatalf("the answer is %d %s", rec.Code, rec.Body)
		}
	})
}
