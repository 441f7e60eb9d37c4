package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"toolvault/auth"
	"toolvault/auth/client"
)

// FuzzTokenForm: whatever is sent to an endpoint for programs, the answer is one of
// theirs, and nobody gets a token but for a secret, or for a token that was good
// before.
func FuzzTokenForm(f *testing.F) {
	p := newPlant(f, "")
	bots := p.minted(auth.Request{Agent: "bot", TTL: auth.MaxTTL})
	workload := p.key.sign(f, nil, p.workloadClaims())
	idjag := p.key.sign(f, map[string]any{"typ": typeIDJAG}, p.assertionClaims())
	d := p.begin()
	for i, pairs := range [][]string{
		as("c-bot", "grant_type", client.GrantOwn, "scope", "crm:contacts.read", "task", "look-up"),
		as("c-other", "grant_type", client.GrantExchange, "subject_token", bots, "subject_token_type", typeAccess, "actor_token", bots, "actor_token_type", typeAccess),
		{"grant_type", client.GrantExchange, "subject_token", workload, "subject_token_type", typeJWT, "requested_token_type", typeJWT},
		{"grant_type", client.GrantAssertion, "assertion", workload, "resource", fixturePublic + ResourcePath},
		as("app", "grant_type", client.GrantAssertion, "assertion", idjag, "agent", "other"),
		{"grant_type", client.GrantDevice, "client_id", "tv", "device_code", d.DeviceCode},
		{"grant_type", client.GrantCode, "client_id", "web", "code", random(32), "redirect_uri", redirectURI, "code_verifier", verifier},
		{"grant_type", client.GrantRefresh, "client_id", "web", "refresh_token", refreshPrefix + random(refreshSize)},
		{"grant_type", client.GrantOwn, "client_assertion", workload, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		as("c-bot", "token", bots, "token_type_hint", "access_token"),
		{"client_id", "tv", "scope", "crm:read-only", "resource", fixturePublic + ResourcePath},
	} {
		form := url.Values{}
		for j := 0; j < len(pairs); j += 2 {
			form.Add(pairs[j], pairs[j+1])
		}
		f.Add(i, form.Encode(), "", "")
	}
	f.Add(0, "grant_type=client_credentials&grant_type=x", "Basic Yy1ib3Q6czNjcmV0", "key:x")
	paths := []string{TokenPath, IntrospectPath, RevokePath, DeviceAuthPath}
	codes := []string{
		"invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "invalid_target", "unauthorized_client", "unsupported_grant_type",
		"authorization_pending", "slow_down", "access_denied", "expired_token", "invalid_dpop_proof", "temporarily_unavailable",
	}
	var n atomic.Int64
	f.Fuzz(func(t *testing.T, which int, body, authorization, proof string) {
		path := paths[0]
		if which >= len(paths) || which < 0 {
			path = paths[uint(which)%uint(len(paths))]
		}
		req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		i := n.Add(1)
		req.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", i>>16&255, i>>8&255, i&255) // so that nothing is refused unlooked at
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if authorization != "" {
			req.Header["Authorization"] = []string{authorization}
		}
		if proof != "" {
			req.Header["Dpop"] = []string{proof}
		}
		w := p.serve(req)
		if w.Code == http.StatusOK {
			if strings.Contains(w.Body.String(), "access_token") && !strings.Contains(body+authorization, "s3cret") && !strings.Contains(authorization, "Basic ") && !strings.Contains(body, url.QueryEscape(workload)) {
				form, _ := url.ParseQuery(body)
				if form.Get("assertion") != workload && form.Get("subject_token") != workload {
					t.Errorf("a token for %q", body)
				}
			}
			return
		}
		var e struct{ Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || !slices.Contains(codes, e.Error) || w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Error("it may be kept by a cache")
		}
	})
}
