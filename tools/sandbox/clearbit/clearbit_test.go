package clearbit

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func ask(h http.Handler, key, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	switch {
	case strings.HasPrefix(key, "basic "):
		r.SetBasicAuth(key[len("basic "):], "")
	case key != "":
		r.Header.Set("Authorization", "Bearer "+key)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func TestDouble(t *testing.T) {
	a := newAccount(time.Now)
	for _, c := range []struct {
		name, key, path string
		status          int
		says            string
	}{
		{"no key", "", "/v2/combined/find?email=dana.whitfield@acme.example", 401, `"auth_required"`},
		{"a wrong key", "sk_x", "/v2/combined/find?email=dana.whitfield@acme.example", 401, `"invalid_api_key"`},
		{"a publishable key", "pk_" + a.key[3:], "/reveal/v1/companies/find?ip=203.0.113.7", 401, `"invalid_api_key"`},
		{"no route, before the key", "", "/v1/logo", 404, `"unknown_route"`},
		{"of another host", a.key, "/company/v2/combined/find", 404, `"unknown_route"`},
		{"basic", "basic " + a.key, "/v2/people/find?email=dana.whitfield@acme.example", 200, `"Operations lead"`},
		{"both", a.key, "/v2/combined/find?email=dana.whitfield@acme.example", 200, `"company":{`},
		{"only the company", a.key, "/v2/combined/find?email=x@acme.example", 200, `"person":null`},
		{"neither", a.key, "/v2/combined/find?email=x@nowhere.example", 404, `"unknown_record"`},
		{"no address", a.key, "/v2/combined/find", 422, `"params_invalid"`},
		{"a team's", a.key, "/v2/combined/find?email=info@acme.example", 422, `"email_invalid"`},
		{"a misspelt parameter", a.key, "/v2/combined/find?email=x@acme.example&givenname=x", 422, "givenname"},
		{"a bad domain", a.key, "/company/v2/companies/find?domain=acme", 422, `"params_invalid"`},
		{"a private address", a.key, "/reveal/v1/companies/find?ip=10.0.0.1", 422, `"params_invalid"`},
		{"a large page", a.key, "/prospector/v1/people/search?domain=acme.example&page_size=21", 422, `"params_invalid"`},
		{"by role", a.key, "/prospector/v1/people/search?domain=acme.example&roles[]=sales", 200, `"total":1`},
		{"no key needed", "", "/autocomplete/v1/companies/suggest?query=AC", 200, `"logo":null`},
		{"a name", a.key, "/company/v1/domains/find?name=borealis+foods", 200, `"borealis.example"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ask(a, c.key, c.path); got.Code != c.status || !strings.Contains(got.Body.String(), c.says) {
				t.Errorf("%d %s", got.Code, got.Body)
			}
		})
	}
}

// A record that was not looked at for long is queued: 202 without a body, and there a
// moment later; the host that streams waits for it.
func TestDoubleQueues(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	a := newAccount(func() time.Time { return at })
	const path = "/company/v2/companies/find?domain=kestrel.example"
	for range 2 {
		if got := ask(a, a.key, path); got.Code != 202 || got.Body.Len() > 0 {
			t.Errorf("%d %s", got.Code, got.Body)
		}
	}
	if got := ask(a, a.key, path+"&cached=true"); got.Code != 200 {
		t.Errorf("cached: %d", got.Code)
	}
	at = at.Add(reindex)
	if got := ask(a, a.key, path); got.Code != 200 || strings.Contains(got.Body.String(), "_cold") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	a = newAccount(time.Now)
	if got := ask(a, a.key, "/person-stream/v2/people/find?email=yuki.abe@kestrel.example"); got.Code != 200 || got.Header().Get("X-Ratelimit-Limit") != "" {
		t.Errorf("%d %v", got.Code, got.Header())
	}
}

func TestDoubleCounts(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	a := newAccount(func() time.Time { return at })
	const path = "/company/v2/companies/find?domain=acme.example"
	for range perMinute {
		ask(a, "", path)
	}
	got := ask(a, a.key, path)
	if got.Code != 429 || got.Header().Get("X-Ratelimit-Remaining") != "0" || got.Header().Get("X-Ratelimit-Reset") != "1795510860" {
		t.Errorf("%d %v", got.Code, got.Header())
	}
	if got := ask(a, a.key, "/reveal/v1/companies/find?ip=203.0.113.7"); got.Code != 200 {
		t.Errorf("Reveal counts too: %d", got.Code)
	}
	at = at.Add(time.Minute)
	if got := ask(a, a.key, path); got.Code != 200 {
		t.Errorf("a minute later: %d", got.Code)
	}

	// A lookup is billed once, found or not; then the plan is used up.
	a.quota = len(a.billed) + 1
	for _, c := range []struct {
		path   string
		status int
	}{{path, 200}, {"/company/v2/companies/find?domain=nowhere.example", 404}, {"/company/v2/companies/find?domain=nowhere.example", 404}, {path, 200}, {"/company/v2/companies/find?domain=elsewhere.example", 402}} {
		if got := ask(a, a.key, c.path); got.Code != c.status {
			t.Errorf("%s: %d, not %d", c.path, got.Code, c.status)
		}
	}
}
