package server

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store/storetest"
)

func TestACodeIsGoodForWhomItWasGivenTo(t *testing.T) {
	h := newHouse(t, "")
	a, b := h.replica(), h.replica()
	key := strings.Repeat("k", 43)
	for name, c := range map[string]struct {
		ask, change []string
		proof, want string
		kept        bool // the code can still be redeemed rightly
	}{
		"rightly":          {},
		"with a resource":  {change: []string{"resource", fixturePublic + "/mcp/"}},
		"no verifier":      {change: []string{"code_verifier", ""}, want: "invalid_grant"},
		"another verifier": {change: []string{"code_verifier", strings.Repeat("x", 50)}, want: "invalid_grant"},
		"the challenge":    {change: []string{"code_verifier", challengeOf(verifier)}, want: "invalid_grant"},
		"another client":   {change: []string{"client_id", "cli"}, want: "invalid_grant"},
		"another redirect": {change: []string{"redirect_uri", redirectURI + "/x"}, want: "invalid_grant", kept: true},
		"another resource": {change: []string{"resource", fixturePublic + AdminPath}, want: "invalid_grant", kept: true},
		"foreign resource": {change: []string{"resource", "https://evil.example/"}, want: "invalid_target", kept: true},
		"bound, with key":  {ask: []string{"dpop_jkt", key}, proof: "key:" + key},
		"bound, no key":    {ask: []string{"dpop_jkt", key}, want: "invalid_grant"},
		"bound, other key": {ask: []string{"dpop_jkt", key}, proof: "key:" + strings.Repeat("j", 43), want: "invalid_grant"},
		"a bad proof":      {proof: "junk", want: "invalid_dpop_proof", kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			code := a.code("alice", query(c.ask...))
			got := b.post(c.proof, exchange(code, c.change...))
			if got.Error != c.want || (got.Status == http.StatusOK) != (c.want == "") {
				t.Fatalf("%d %s, want %q", got.Status, got.body, c.want)
			}
			if c.want == "" || len(c.ask) > 0 {
				return
			}
			if again := a.post("", exchange(code)); (again.Status == http.StatusOK) != c.kept {
				t.Errorf("then rightly: %d %s", again.Status, again.body)
			}
		})
	}
	if got := a.post("", exchange(random(32))); got.Error != "invalid_grant" {
		t.Errorf("a made-up code: %s", got.body)
	}
	code := a.code("alice", query())
	h.clock.pass(codeLife)
	if got := a.post("", exchange(code)); got.Error != "invalid_grant" {
		t.Errorf("a late code: %s", got.body)
	}
}

func TestACodeIsTakenOnce(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "", "redis": storetest.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, url)
			on := []*replica{h.replica(), h.replica()}
			code := on[0].code("alice", query())
			var wait sync.WaitGroup
			got := make([]token, 8)
			for i := range got {
				wait.Go(func() { got[i] = on[i%2].post("", exchange(code)) })
			}
			wait.Wait()
			good := token{}
			n := 0
			for _, g := range got {
				if g.Status == http.StatusOK {
					good, n = g, n+1
				} else if g.Error != "invalid_grant" {
					t.Errorf("%d %s", g.Status, g.body)
				}
			}
			if n != 1 {
				t.Fatalf("%d redemptions", n)
			}
			if h.told(Replayed) == 0 {
				t.Error("no event tells of it")
			}
			fresh := h.replica() // reads what was revoked
			if fresh.alive(good.Access) {
				t.Error("the access token is still good")
			}
			if g := on[1].post("", exchange(code)); g.Error != "invalid_grant" {
				t.Errorf("once more: %s", g.body)
			}
			if good.Refresh != "" {
				if g := on[0].post("", refreshing(good.Refresh)); g.Error != "invalid_grant" {
					t.Errorf("the refresh token is still good: %s", g.body)
				}
			}
		})
	}
}

func TestALaterReplayEndsWhatCameFromTheCode(t *testing.T) {
	h := newHouse(t, "")
	r := h.replica()
	code := r.code("alice", query())
	got := r.post("", exchange(code))
	h.clock.pass(time.Second)
	if !r.alive(got.Access) {
		t.Fatal("no token")
	}
	r.post("", exchange(code))
	if r.alive(got.Access) {
		t.Error("the access token is still good")
	}
	if g := r.post("", refreshing(got.Refresh)); g.Error != "invalid_grant" {
		t.Errorf("the refresh token is still good: %s", g.body)
	}
}

func TestACodeIsWorthNothingOnceThePersonMayNot(t *testing.T) {
	for name, change := range map[string]func(*house){
		"removed":   func(h *house) { delete(h.people, "alice") },
		"disabled":  func(h *house) { p := h.people["alice"]; p.Disabled = true; h.people["alice"] = p },
		"no agent":  func(h *house) { h.agents["alice"] = nil },
		"other app": func(h *house) { c := h.clients["web"]; c.Name = "Evil"; h.clients["web"] = c },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "")
			r := h.replica()
			code := r.code("alice", query())
			h.change(func() { change(h) })
			if got := r.post("", exchange(code)); got.Error != "invalid_grant" {
				t.Errorf("%d %s", got.Status, got.body)
			}
		})
	}
}

// TestAReplayDuringARedemptionEndsWhatItMakes: the mark may come between the claim of
// the code and the tokens.
func TestAReplayDuringARedemptionEndsWhatItMakes(t *testing.T) {
	r := newHouse(t, "").replica()
	ctx := t.Context()
	name := codePrefix + hashed(r.code("alice", query()))
	var given code
	version, err := r.get(ctx, name, &given)
	must(t, err)
	given.Used, given.Replayed = true, true
	must(t, r.put(ctx, name, version+1, given))
	got, err := r.redeem(ctx, r.h.clients["web"], name, given, "")
	must(t, err)
	if r.alive(got.AccessToken) {
		t.Error("the access token is good")
	}
	if g := r.post("", refreshing(got.RefreshToken)); g.Error != "invalid_grant" {
		t.Errorf("the refresh token is good: %s", g.body)
	}
}

func BenchmarkCodeExchange(b *testing.B) {
	for _, name := range []string{"sqlite", "redis"} {
		b.Run(name, func(b *testing.B) {
			url := ""
			if name == "redis" {
				url = storetest.Redis(b)
			}
			r := newHouse(b, url).replica()
			for b.Loop() {
				b.StopTimer()
				code := r.code("alice", query())
				b.StartTimer()
				if got := r.post("", exchange(code)); got.Status != http.StatusOK {
					b.Fatal(got.body)
				}
			}
		})
	}
}
