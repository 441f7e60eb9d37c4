package connect

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"toolvault/vault"
)

// What the provider sends along is shown as text, clipped, or not at all.
func TestTheProviderSaysNo(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, c := range map[string]struct {
		answer  url.Values
		outcome Outcome
		text    string
	}{
		"denied":      {url.Values{"error": {"access_denied"}, "error_description": {"<script>alert(1)</script>"}}, OutcomeRefused, "You said no at Acme CRM"},
		"scope":       {url.Values{"error": {"invalid_scope"}, "error_description": {"<b>no</b>\n\u202eevil " + long}}, OutcomeFailed, "permissions"},
		"busy":        {url.Values{"error": {"temporarily_unavailable"}}, OutcomeFailed, "cannot answer just now"},
		"app":         {url.Values{"error": {"unauthorized_client"}}, OutcomeFailed, "does not accept the app"},
		"odd":         {url.Values{"error": {"<img src=x onerror=alert(1)>"}}, OutcomeFailed, "refused"},
		"no code":     {url.Values{}, OutcomeFailed, "without an answer"},
		"hostile":     {url.Values{"code": {"a\r\nSet-Cookie: x=1"}}, OutcomeFailed, "without an answer"},
		"code of 5kB": {url.Values{"code": {long}}, OutcomeFailed, "without an answer"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.provider.back = func(q, answer url.Values) {
				answer.Del("code")
				for k, v := range c.answer {
					answer[k] = v
				}
			}
			ticket := w.begin(w.decls[0], "alice")
			b := w.as("alice").open(ticket.URL)
			b.open(b.approve())
			if res := w.result(ticket); res.Outcome != c.outcome || !strings.Contains(res.Reason, c.text) {
				t.Fatalf("the result is %+v", res)
			}
			for _, bad := range []string{"<script", "<img", "<b>no", "\u202e", strings.Repeat("x", 300)} {
				if strings.Contains(b.body, bad) {
					t.Fatalf("the page holds %.20q: %s", bad, b.body)
				}
			}
			w.nothingStored()
			if w.provider.redeems > 0 {
				t.Fatal("a code was redeemed")
			}
			if k := w.lastEvent().Kind; k != Failed && k != Refused {
				t.Fatalf("recorded was %s", k)
			}
		})
	}
}

// A callback with a state that is none, wrong, old or used: one sentence, recorded,
// nothing stored, no code redeemed.
func TestStates(t *testing.T) {
	for name, play := range map[string]func(w *world, b *browser, ticket Ticket, back string){
		"none": func(w *world, b *browser, _ Ticket, back string) { b.open(w.url + "/connect/callback?code=x") },
		"wrong": func(w *world, b *browser, _ Ticket, back string) {
			b.open(edited(w.t, back, "state", random(stateSize)))
		},
		"short":    func(w *world, b *browser, _ Ticket, back string) { b.open(edited(w.t, back, "state", "x")) },
		"ticket":   func(w *world, b *browser, ticket Ticket, back string) { b.open(edited(w.t, back, "state", ticket.ID)) },
		"repeated": func(w *world, b *browser, _ Ticket, back string) { b.open(back + "&state=" + random(stateSize)) },
		"old": func(w *world, b *browser, _ Ticket, back string) {
			w.clock.add(stateFor)
			b.open(back)
		},
		"old and swept": func(w *world, b *browser, _ Ticket, back string) {
			w.clock.add(stateFor)
			if err := w.Sweep(context.Background()); err != nil {
				w.t.Fatal(err)
			}
			b.open(back)
		},
		"of an approval before": func(w *world, b *browser, ticket Ticket, back string) {
			b.open(ticket.URL)
			b.halfway()
			b.open(back)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ticket := w.begin(w.decls[0], "alice")
			b := w.as("alice").open(ticket.URL)
			back := b.halfway()
			before := len(w.kinds())
			play(w, b, ticket, back)
			if b.status != http.StatusBadRequest {
				t.Fatalf("the answer is %d %s", b.status, b.body)
			}
			w.nothingStored()
			if w.provider.redeems > 0 {
				t.Fatal("a code was redeemed")
			}
			if len(w.kinds()) != before+1 {
				t.Fatalf("recorded were %v", w.kinds())
			}
			w.noSecrets()
		})
	}
}

func edited(t testing.TB, raw, key, value string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = q.Encode()
	return u.String()
}

func TestAStateWorksOnce(t *testing.T) {
	w := newWorld(t)
	b := w.as("alice").open(w.begin(w.decls[0], "alice").URL)
	back := b.halfway()
	b.open(back).shows(200, "is connected")
	b.open(back).shows(400, "answers no question")
	if info, _ := w.stored("crm/bot"); info.Version != 1 || w.provider.redeems != 1 {
		t.Fatalf("it was redeemed %d times, and is version %d", w.provider.redeems, info.Version)
	}
}

func TestEightCallbacksAtOnceStoreOne(t *testing.T) {
	w := newWorld(t)
	b := w.as("alice").open(w.begin(w.decls[0], "alice").URL)
	back := b.halfway()
	client := *b.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	var wait sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for range 8 {
		wait.Go(func() {
			answer, err := client.Get(back)
			if err != nil {
				t.Error(err)
				return
			}
			_ = answer.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			statuses[answer.StatusCode]++
		})
	}
	wait.Wait()
	if statuses[http.StatusSeeOther] != 1 || statuses[http.StatusBadRequest] != 7 {
		t.Fatalf("the answers are %v", statuses)
	}
	if info, _ := w.stored("crm/bot"); info.Version != 1 || w.provider.redeems != 1 {
		t.Fatalf("it was redeemed %d times, and is version %d", w.provider.redeems, info.Version)
	}
}

// The answer of the provider in another browser is worth nothing, and does not
// spoil it for the right one.
func TestCallbackInAnotherBrowser(t *testing.T) {
	for name, other := range map[string]func(w *world) *browser{
		"nobody":          func(w *world) *browser { return w.browser() },
		"somebody else":   func(w *world) *browser { return w.as("bob") },
		"the same person": func(w *world) *browser { return w.as("alice") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.as("alice").open(w.begin(w.decls[0], "alice").URL)
			back := b.halfway()
			o := other(w).open(back)
			o.shows(403, "Another person was asked")
			o.hides("support-agent-1", "Acme CRM")
			w.nothingStored()
			if w.provider.redeems > 0 || w.lastEvent().Kind != Refused {
				t.Fatalf("a code was redeemed, or it was not recorded: %v", w.kinds())
			}
			b.open(back).shows(200, "is connected")
		})
	}
}

// Whoever signs in as somebody else on the way cannot end what alice began.
func TestAnotherPersonInTheSameBrowser(t *testing.T) {
	w := newWorld(t)
	b := w.as("alice").open(w.begin(w.decls[0], "alice", "carol").URL)
	back := b.halfway()
	b.become("carol")
	b.open(back).shows(403)
	w.nothingStored()
}

func TestTheIssuerIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		announces bool
		iss       []string
		ok        bool
	}{
		"announced and right":       {true, []string{"right"}, true},
		"announced and missing":     {true, nil, false},
		"announced and another":     {true, []string{"https://evil.example"}, false},
		"not announced and right":   {false, []string{"right"}, true},
		"not announced and another": {false, []string{"https://evil.example"}, false},
		"not announced and missing": {false, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(w *world) {
				w.more = func(a *vault.App) { a.AnnouncesIssuer = c.announces }
			})
			w.provider.back = func(q, answer url.Values) {
				for _, iss := range c.iss {
					if iss == "right" {
						iss = w.provider.URL
					}
					answer.Set("iss", iss)
				}
			}
			ticket := w.begin(w.decls[0], "alice")
			b := w.as("alice").open(ticket.URL)
			b.open(b.approve())
			if _, stored := w.stored("crm/bot"); stored != c.ok || (w.provider.redeems > 0) != c.ok {
				t.Fatalf("stored %v, redeemed %d: %s", stored, w.provider.redeems, b.body)
			}
			if !c.ok {
				b.shows(502, "did not come from Acme CRM")
				if w.lastEvent().Kind != Failed {
					t.Fatalf("recorded was %v", w.kinds())
				}
			}
		})
	}
}
