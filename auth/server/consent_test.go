package server

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"toolvault/auth/people"
)

var errDeaf = errors.New("the disk is full")

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func disabled(p people.Person) people.Person {
	p.Disabled = true
	return p
}

func TestAPersonSaysYesOrNo(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	for _, redirect := range []string{redirectURI, "cursor://anysphere/cb"} {
		for decision, want := range map[string]string{"allow": "code", "deny": "error"} {
			o := r.ask("alice", query("redirect_uri", redirect))
			w := o.send(decision)
			got := answer(t, w)
			if w.Code != http.StatusOK || !got.Has(want) || got.Get("iss") != fixturePublic || got.Get("state") != "st4te" {
				t.Errorf("%s: %d %v", decision, w.Code, got)
			}
			if !strings.Contains(w.Body.String(), `href="`+redirect+`?`) {
				t.Errorf("no link back: %s", w.Body)
			}
			if want == "error" && got.Get("error") != "access_denied" {
				t.Errorf("denied: %v", got)
			}
		}
	}
	if h.told(Consented) != 2 || h.told(Denied) != 2 {
		t.Errorf("%d consents and %d denials on record", h.told(Consented), h.told(Denied))
	}
}

// TestThePageIsGuarded: CSRF, clickjacking, another person's browser.
func TestThePageIsGuarded(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	o := r.ask("alice", query())
	for name, want := range map[string]string{"X-Frame-Options": "DENY", "Cache-Control": "no-store"} {
		if got := o.page.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if csp := o.page.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("policy %q", csp)
	}
	o.form.Set("decision", "allow")
	for name, change := range map[string]func(*http.Request, url.Values) *http.Request{
		"no token": func(_ *http.Request, f url.Values) *http.Request { f.Del("csrf"); return o.request(f) },
		"another site": func(q *http.Request, _ url.Values) *http.Request {
			q.Header.Set("Origin", "https://evil.example")
			return q
		},
		"other browser": func(_ *http.Request, f url.Values) *http.Request {
			f.Set("csrf", r.ask("bob", query("client_id", "stranger", "redirect_uri", "")).form.Get("csrf"))
			return o.request(f)
		},
	} {
		form := url.Values{}
		for k, v := range o.form {
			form[k] = v
		}
		if w := r.serve(change(o.request(form), form)); w.Code != http.StatusForbidden || w.Header().Get("Refresh") != "" {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if h.told(Consented) != 0 {
		t.Error("somebody consented")
	}
	for name, target := range map[string]string{"altered": o.url[:len(o.url)-3] + "AAA", "none": ConsentPath, "twice": o.url + "&request=x"} {
		if w := r.browse("alice", target); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	h.clock.pass(requestLife)
	if w := o.send("allow"); w.Code != http.StatusBadRequest || w.Header().Get("Refresh") != "" {
		t.Errorf("expired: %d", w.Code)
	}
}

// TestEverythingIsCheckedAgainWhenTheFormComes.
func TestEverythingIsCheckedAgainWhenTheFormComes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(h *house, o *opened)
		status int
	}{
		"agent taken away": {func(h *house, _ *opened) { h.agents["alice"] = nil }, 403},
		"agent made up":    {func(_ *house, o *opened) { o.form.Set("agent", "other") }, 200},
		"more than shown":  {func(h *house, _ *opened) { h.grants["bot"] = "crm:read-write slack:read-write" }, 200},
		"nothing ticked":   {func(_ *house, o *opened) { o.form.Del("part") }, 200},
		"client removed":   {func(h *house, _ *opened) { delete(h.clients, "web") }, 400},
		"redirects changed": {func(h *house, _ *opened) {
			c := h.clients["web"]
			c.Redirects = []string{redirectURI}
			h.clients["web"] = c
		}, 400},
		"person disabled":  {func(h *house, _ *opened) { h.people["alice"] = disabled(h.people["alice"]) }, 303},
		"cannot be logged": {func(h *house, _ *opened) { h.deaf = errDeaf }, 503},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "")
			r := h.replica()
			o := r.ask("alice", query())
			h.change(func() { c.change(h, o) })
			w := o.send("allow")
			if w.Code != c.status || w.Header().Get("Refresh") != "" || h.told(Consented) != 0 {
				t.Errorf("%d, Refresh %q, %d consents: %s", w.Code, w.Header().Get("Refresh"), h.told(Consented), w.Body)
			}
		})
	}
}

func TestAPersonCanNarrow(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	for name, c := range map[string]struct {
		change func(url.Values)
		want   string
	}{
		"reading": {func(f url.Values) { f.Set("read_only", "1") }, "crm:read-only"},
		"a part":  {func(f url.Values) { f["part"] = []string{"slack"} }, "slack:chat:write"},
		"more":    {func(f url.Values) { f["part"] = []string{"crm", "slack", "gmail"} }, "crm:read-write slack:chat:write"},
	} {
		t.Run(name, func(t *testing.T) {
			o := r.ask("alice", query())
			c.change(o.form)
			got := r.post("", exchange(answer(t, o.send("allow")).Get("code")))
			if got.Scope != c.want {
				t.Errorf("scope %q, want %q", got.Scope, c.want)
			}
			if next := r.post("", refreshing(got.Refresh)); next.Scope != c.want {
				t.Errorf("refreshed: %q", next.Scope)
			}
		})
	}
}

func TestSeveralAgentsAndNone(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	q := query("client_id", "stranger", "redirect_uri", "", "agent", "other")
	o := r.ask("alice", q)
	if got := o.form.Get("agent"); got != "other" {
		t.Errorf("preselected: %q", got)
	}
	o.form.Set("agent", "bot")
	if code := answer(t, o.send("allow")).Get("code"); code == "" {
		t.Error("no code for the other one")
	}
	w := r.browse("bob", r.authorize("bob", query()).Header().Get("Location"))
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "administrator") {
		t.Errorf("bob has no agent here: %d %s", w.Code, w.Body)
	}
}

// TestASecondClientAsksAgain: confused deputy. Only a trusted client of the config is
// remembered, and only for what it asked.
func TestASecondClientAsksAgain(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	silent := func(q url.Values) bool { return answer(t, r.authorize("alice", add(q, "prompt", "none"))).Has("code") }
	for _, id := range []string{"trusted", "web", "stranger"} {
		redirect := redirectURI
		if id == "stranger" {
			redirect = "http://localhost:7777/cb"
		}
		q := func(pairs ...string) url.Values {
			return query(append([]string{"client_id", id, "redirect_uri", redirect, "agent", "bot"}, pairs...)...)
		}
		r.code("alice", q())
		if got := silent(q()); got != (id == "trusted") {
			t.Errorf("%s: silently %v", id, got)
		}
		if silent(q("scope", "crm:contacts.read")) {
			t.Errorf("%s: silently for another scope", id)
		}
	}
	q := query("client_id", "trusted")
	if w := r.browse("alice", r.authorize("alice", q).Header().Get("Location")); w.Code != http.StatusSeeOther || !answer(t, w).Has("code") {
		t.Errorf("the page asks a trusted client's person again: %d", w.Code)
	}
	r.ask("alice", query("client_id", "trusted", "prompt", "consent"))
	h.change(func() { c := h.clients["trusted"]; c.Name = "Another"; h.clients["trusted"] = c })
	if silent(query("client_id", "trusted")) {
		t.Error("silently after it changed its name")
	}
	h.change(func() { c := h.clients["trusted"]; c.Name = "Trusted"; h.clients["trusted"] = c })
	must(t, r.EndPerson(t.Context(), "alice"))
	if silent(query("client_id", "trusted")) {
		t.Error("silently after the person was off-boarded")
	}
}

func TestHostileNamesAreShownAsText(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	for _, name := range []string{`<script>alert(1)</script>`, "Bank\u202egnp.exe", "a\x00b\nc\u200bd", strings.Repeat("long ", 100), `" onmouseover="x`, "{{.Token}}"} {
		h.change(func() { c := h.clients["stranger"]; c.Name = name; h.clients["stranger"] = c })
		page := r.ask("alice", query("client_id", "stranger", "redirect_uri", "")).page.Body.String()
		if strings.Contains(page, "<script") || strings.ContainsAny(page, "\u202e\u200b\x00") || strings.Contains(page, `" onmouseover="`) || len(page) > 20_000 {
			t.Errorf("%q is shown as it is", name)
		}
		for _, want := range []string{"what it calls itself", "localhost:7777", "your own device"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page does not say %q", want)
			}
		}
	}
}

func TestToAdminister(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	q := query("client_id", "boss", "resource", fixturePublic+AdminPath)
	got := r.post("", exchange(r.code("alice", q), "client_id", "boss"))
	if got.Scope != "audit:read" || r.alive(got.Access) {
		t.Errorf("scope %q, and it can call tools: %v", got.Scope, r.alive(got.Access))
	}
	if _, err := r.tokens.AuthenticateAdmin(t.Context(), got.Access); err != nil {
		t.Error(err)
	}
	if w := r.browse("bob", r.authorize("bob", q).Header().Get("Location")); w.Code != http.StatusForbidden {
		t.Errorf("bob: %d", w.Code)
	}
	h.clock.pass(time.Minute)
	h.change(func() { h.admin["alice"] = nil })
	if g := r.post("", refreshing(got.Refresh, "client_id", "boss")); g.Error != "invalid_grant" {
		t.Errorf("after the right was taken: %s", g.body)
	}
}

// FuzzConsentForm: whatever form comes, nobody gets more than was offered.
func FuzzConsentForm(f *testing.F) {
	r := newHouse(f, "").replica()
	f.Add("decision=allow&agent=bot&part=crm&part=slack")
	f.Add("decision=allow&agent=other&read_only=1&seen=x")
	o := r.ask("alice", query())
	f.Fuzz(func(t *testing.T, raw string) {
		q := mustParse(raw)
		if q == nil {
			return
		}
		q["csrf"] = o.form["csrf"]
		w := r.serve(o.request(q))
		if to := w.Header().Get("Refresh"); to != "" && !strings.HasPrefix(to, "0; url="+redirectURI+"?") {
			t.Errorf("%q leads to %q", raw, to)
		}
	})
}
