package clearbit

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

func TestFaults(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	s := &service{now: func() time.Time { return now }}
	soon := strconv.FormatInt(now.Add(40*time.Second).Unix(), 10)
	for _, c := range []struct {
		name    string
		status  int
		headers http.Header
		body    string
		want    fault.Kind
		retry   time.Duration // -1: not retryable
		code    string
		says    string
	}{
		{"no key", 401, nil, `{"error":{"type":"auth_required","message":"Sign up"}}`, fault.CredentialInvalid, -1, "auth_required", "2023"},
		{"a wrong key", 401, nil, `{"error":{"type":"invalid_api_key","message":"x"}}`, fault.CredentialInvalid, -1, "invalid_api_key", "hubspot_create_object"},
		{"over quota", 402, nil, `{"error":{"type":"over_quota","message":"Over plan quota on this endpoint."}}`, fault.NotPermitted, -1, "over_quota", `"Over plan quota`},
		{"no record", 404, nil, `{"error":{"type":"unknown_record","message":"Unknown record"}}`, fault.NotFound, -1, "unknown_record", "no record"},
		{"no route", 404, nil, `{"error":{"type":"unknown_route","message":"x"}}`, fault.NotFound, -1, "unknown_route", "retired upstream"},
		{"gone", 410, nil, `<html>internals</html>`, fault.NotFound, -1, "", "hubspot_upsert_contact"},
		{"a 404 that says nothing", 404, nil, `<html>internals</html>`, fault.NotFound, -1, "", "no word on whether"},
		{"a team", 422, nil, `{"error":{"type":"email_invalid","message":"Invalid email"}}`, fault.InvalidArguments, -1, "email_invalid", "Invalid email"},
		{"bad request", 400, nil, `{"error":{"type":"params_invalid","message":"Name is required"}}`, fault.InvalidArguments, -1, "params_invalid", "Name is required"},
		{"too fast", 429, http.Header{"X-Ratelimit-Reset": {soon}}, `{"error":{"type":"rate_limit","message":"x"}}`, fault.RateLimited, 40 * time.Second, "rate_limit", "600"},
		{"too fast, and when", 429, http.Header{"Retry-After": {"50"}, "X-Ratelimit-Reset": {soon}}, ``, fault.RateLimited, 50 * time.Second, "", "600"},
		{"a reset long ago", 429, http.Header{"X-Ratelimit-Reset": {"3300"}}, ``, fault.RateLimited, 0, "", "600"},
		{"a reset far away", 429, http.Header{"X-Ratelimit-Reset": {"99999999999"}}, ``, fault.RateLimited, 0, "", "600"},
		{"its own error", 500, nil, `{"error":{"type":"api_error","message":"internals"}}`, fault.UpstreamError, 0, "api_error", "an error of its own"},
		{"a proxy's page", 503, nil, `<html>internals</html>`, fault.UpstreamUnavailable, 0, "", "not available"},
		{"other types", 422, nil, `{"error":{"type":7,"message":[]}}`, fault.InvalidArguments, -1, "", "not billed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := s.readFault(&upstream.Response{Service: name, Status: c.status, Header: c.headers, Body: []byte(c.body)})
			if f == nil || f.Kind != c.want || f.Code != c.code || f.Retryable != (c.retry >= 0) || f.RetryAfter != max(c.retry, 0) {
				t.Fatalf("%+v", f)
			}
			if !strings.Contains(f.Message, c.says) || strings.Contains(f.Message, "internals") {
				t.Errorf("message: %s", f.Message)
			}
		})
	}
	for _, status := range []int{200, 202} {
		if f := s.readFault(&upstream.Response{Status: status}); f != nil {
			t.Errorf("%d is %v", status, f)
		}
	}
}

// Every tool says of an API that is gone what took its place, and that trying again
// will not help; and never that there is no such record.
func TestRetired(t *testing.T) {
	calls := map[string]string{
		"clearbit_enrich_person": `{"email":"a@b.example"}`, "clearbit_enrich_company": `{"domain":"b.example"}`, "clearbit_reveal_ip": `{"ip":"203.0.113.7"}`,
		"clearbit_find_domain": `{"name":"b"}`, "clearbit_suggest_companies": `{"query":"b"}`, "clearbit_search_people": `{"domain":"b.example"}`,
	}
	names := func(f *fault.Error) bool {
		return !f.Retryable && strings.Contains(f.Message, "retired upstream") && strings.Contains(f.Message, "hubspot_upsert_contact") && strings.Contains(f.Message, "HubSpot")
	}
	for tool, args := range calls {
		for status, body := range map[int]string{404: `{"error":{"type":"unknown_route","message":"Sorry"}}`, 410: ``} {
			w := answering(t, status, body)
			for range 2 { // it is not kept
				if f := w.refused(fault.NotFound, tool, args); !names(f) {
					t.Errorf("%s, %d: %+v", tool, status, f)
				}
			}
			if n := len(w.paths()); n != 2 {
				t.Errorf("%s, %d: %d requests", tool, status, n)
			}
		}
		// No such host in the DNS, as of the Logo API.
		svc, gone := New(), &nowhere{}
		client := func(e upstream.Endpoint) *upstream.Client {
			return upstream.NewPool(gone, upstream.Sleep(func(context.Context, time.Duration) error { return nil })).Client(e, toolstest.Static{Scheme: vault.Bearer, Secret: "sk_x"}, "c")
		}
		_, err := toolstest.Call(t, svc, client(svc.Endpoint), tool, args)
		if f := fault.From(err); f == nil || f.Kind != fault.UpstreamError || !names(f) || !strings.Contains(f.Message, gone.host) {
			t.Errorf("%s, no host: %v", tool, err)
		}
		if gone.asked != 1 {
			t.Errorf("%s: asked %d times", tool, gone.asked)
		}
		// What an admin has put in its place may be misspelt.
		e := svc.Endpoint
		e.BaseURL, e.Private = "http://proxy.corp.example", true
		_, err = toolstest.Call(t, svc, client(e), tool, args)
		if f := fault.From(err); f == nil || strings.Contains(f.Message, "HubSpot") || !strings.Contains(f.Message, "base_url") {
			t.Errorf("%s, no proxy: %v", tool, err)
		}
	}
}

// nowhere is a network in which no host is known.
type nowhere struct {
	asked int
	host  string
}

func (n *nowhere) RoundTrip(r *http.Request) (*http.Response, error) {
	n.asked, n.host = n.asked+1, r.URL.Hostname()
	return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: n.host, IsNotFound: true}}
}

// A publishable key is never sent, by the vault's own hand.
func TestAPublishableKeyIsNotSent(t *testing.T) {
	v := toolstest.Vault(t, vault.Options{})
	for _, typ := range []string{vault.TypeAPIKey, vault.TypeServiceToken} {
		for _, key := range []string{"pk_0123456789abcdef", "sk_0123456789abcdef", "0123456789abcdef"} {
			w := answering(t, 200, `{"name":"Acme","domain":"acme.example"}`)
			if _, err := v.Put(t.Context(), "clearbit/a", vault.Stored{Type: typ, Secret: vault.NewSecret(key)}); err != nil {
				t.Fatal(err)
			}
			d := vault.Declaration{ID: "clearbit/a", Owner: vault.Owner{Agent: "a"}, Service: name, Type: typ, Source: "vault:clearbit/a"}
			v.Configure([]vault.Declaration{d}, map[string]vault.Service{name: {Schemes: w.svc.Auth}})
			cred, err := v.Resolve(t.Context(), d)
			if err == nil {
				w.cred = &toolstest.Resolved{Vault: v, Credential: cred}
				_, err = w.call("clearbit_find_domain", `{"name":"Acme"}`)
			}
			if !strings.HasPrefix(key, "pk_") {
				if err != nil || len(w.paths()) != 1 {
					t.Errorf("%s %.3s: %v", typ, key, err)
				}
				continue
			}
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.CredentialInvalid || !strings.Contains(f.Message, "sk_") || strings.Contains(f.Message, "0123") {
				t.Errorf("%s: %v", typ, err)
			}
			w.came()
		}
	}
}
