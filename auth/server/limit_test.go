package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"toolvault/auth/client"
)

// from posts a form from an address.
func (p *plant) from(address, path string, pairs ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.RemoteAddr = address + ":4711"
	return p.serve(req)
}

func TestLimitFailuresOfAnAddress(t *testing.T) {
	p := newPlant(t, "")
	burst := addressFailures().Burst
	fail := func(address string) int {
		return p.from(address, TokenPath, "grant_type", client.GrantExchange, "subject_token", "x", "subject_token_type", typeAccess).Code
	}
	for i := range burst {
		if got := fail("192.0.2.7"); got != http.StatusUnauthorized {
			t.Fatalf("failure %d: %d", i, got)
		}
	}
	lines := len(p.h.all())
	for range 100 {
		w := p.from("192.0.2.7", TokenPath, "grant_type", client.GrantOwn, "client_id", "c-bot", "client_secret", "s3cret")
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
			t.Fatalf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
	}
	if len(p.h.all()) != lines {
		t.Error("what is not looked at fills the log")
	}
	if !strings.Contains(p.h.all(), "too much has failed") {
		t.Error("nothing in the log says so")
	}
	for _, path := range []string{IntrospectPath, RevokePath, DeviceAuthPath} {
		if w := p.from("192.0.2.7", path, "token", "x"); w.Code != http.StatusTooManyRequests {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if got := fail("192.0.2.8"); got != http.StatusUnauthorized {
		t.Errorf("another address: %d", got)
	}
	p.h.clock.pass(time.Second)
	if got := fail("192.0.2.7"); got != http.StatusUnauthorized {
		t.Errorf("a second later: %d", got)
	}
	if got := fail("192.0.2.7"); got != http.StatusTooManyRequests {
		t.Errorf("and once more: %d", got)
	}
}

func TestLimitSuccessIsFree(t *testing.T) {
	p := newPlant(t, "")
	for i := range 5 * addressFailures().Burst {
		if w := p.from("192.0.2.7", TokenPath, "grant_type", client.GrantOwn, "client_id", "c-bot", "client_secret", "s3cret"); w.Code != http.StatusOK {
			t.Fatalf("token %d: %d", i, w.Code)
		}
	}
}

func TestLimitAStrangerKeepsNoClientOut(t *testing.T) {
	p := newPlant(t, "")
	ask := func(address, secret string) int {
		return p.from(address, TokenPath, "grant_type", client.GrantOwn, "client_id", "c-bot", "client_secret", secret).Code
	}
	if got := ask("198.51.100.1", "s3cret"); got != http.StatusOK {
		t.Fatal(got)
	}
	for i := range 3 * clientFailures().Burst {
		ask(fmt.Sprintf("203.0.113.%d", i%250), "wrong")
	}
	if got := ask("192.0.2.50", "wrong"); got != http.StatusTooManyRequests {
		t.Errorf("a guess from one more address: %d", got)
	}
	if got := ask("198.51.100.1", "s3cret"); got != http.StatusOK {
		t.Errorf("the client itself, from where it has been: %d", got)
	}
	for range addressFailures().Burst + 1 {
		ask("198.51.100.1", "wrong")
	}
	if got := ask("198.51.100.1", "s3cret"); got != http.StatusTooManyRequests {
		t.Errorf("who guesses from there is counted there: %d", got)
	}
	p.h.clock.pass(provedFor + time.Minute)
	if got := ask("198.51.100.1", "s3cret"); got != http.StatusOK {
		t.Errorf("an hour later: %d", got)
	}
}

func TestLimitCountsAnIPv6Network(t *testing.T) {
	p := newPlant(t, "")
	for i := range addressFailures().Burst {
		p.from(fmt.Sprintf("[2001:db8::%x]", i+1), TokenPath, "grant_type", "x")
	}
	if w := p.from("[2001:db8::ffff]", TokenPath, "grant_type", "x"); w.Code != http.StatusTooManyRequests {
		t.Errorf("another address of the network: %d", w.Code)
	}
	if w := p.from("[2001:db8:0:1::1]", TokenPath, "grant_type", "x"); w.Code != http.StatusBadRequest {
		t.Errorf("another network: %d", w.Code)
	}
}

func TestLimitMalformedRequestsCostToo(t *testing.T) {
	p := newPlant(t, "")
	last := 0
	for range addressFailures().Burst + 1 {
		req := httptest.NewRequest(http.MethodPost, TokenPath, strings.NewReader("%zz"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		last = p.serve(req).Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the last one: %d", last)
	}
}

func TestLimitWhatCosts(t *testing.T) {
	for _, c := range []struct {
		path   string
		status int
		code   string
		want   bool
	}{
		{TokenPath, 200, "", false}, {DeviceAuthPath, 200, "", true}, {TokenPath, 400, "invalid_grant", true}, {TokenPath, 401, "invalid_client", true},
		{TokenPath, 400, "authorization_pending", false}, {TokenPath, 400, "use_dpop_nonce", false}, {TokenPath, 400, "slow_down", true},
		{TokenPath, 503, "temporarily_unavailable", false}, {IntrospectPath, 200, "", false},
	} {
		if got := costs(c.path, c.status, c.code); got != c.want {
			t.Errorf("%+v costs: %v", c, got)
		}
	}
}

func TestLimitAProofIsOldAfterAnHour(t *testing.T) {
	clock := &fixtureClock{now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}
	l := newLimiter(clock.Now)
	q := requester{network: "192.0.2.7", proving: true, client: func() string { return "c" }}
	l.proved("c", q.network)
	clock.pass(provedFor - time.Second)
	fill := func() {
		for i := range 3 * clientFailures().Burst {
			l.failed(requester{network: fmt.Sprint(i), proving: true, client: q.client})
		}
	}
	fill()
	if l.wait(q) != 0 {
		t.Error("the client is kept out within the hour")
	}
	clock.pass(time.Second)
	fill()
	if l.wait(q) == 0 {
		t.Error("the proof holds after the hour")
	}
}

func TestLimitDevicesThatBeginCost(t *testing.T) {
	fresh := newPlant(t, "")
	last := 0
	for range addressFailures().Burst + 1 {
		last = fresh.call(DeviceAuthPath, "client_id", "tv").Status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("so many devices begin from one address: %d", last)
	}
}

func TestLimitHoldsAgainstManyAtOnce(t *testing.T) {
	l := newLimiter(time.Now)
	q := requester{network: "192.0.2.7"}
	for range 10 * addressFailures().Burst {
		l.failed(q)
	}
	if wait := l.wait(q); wait < time.Duration(addressFailures().Burst)*time.Second || wait > 2*time.Duration(addressFailures().Burst)*time.Second {
		t.Errorf("after many that were under way at once the wait is %v", wait)
	}
	for i := range 2 * limitedKeys {
		l.failed(requester{network: fmt.Sprint(i)})
	}
	if len(l.byKey) != limitedKeys || l.order.Len() != limitedKeys {
		t.Errorf("%d buckets are in memory", len(l.byKey))
	}
}
