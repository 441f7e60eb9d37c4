package issuer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"toolvault/auth/issuer"
)

// workload trusts the provider for workloads under a name of its own.
func (w *world) workload(t testing.TB, url string, rules ...issuer.Rule) {
	t.Helper()
	w.trust(t, func(i *issuer.Issuer) {
		i.URL, i.KeysURL = url, w.provider.URL+"/jwks"
		i.Uses, i.Rules = []issuer.Use{issuer.Workloads}, rules
	})
}

func (w *world) present(t testing.TB, change map[string]any) (issuer.Match, string) {
	t.Helper()
	now := w.clock.Now()
	base := map[string]any{"aud": ours, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "jti": "w-1"}
	m, err := w.Workload(t.Context(), w.key.forge(t, with(w.header(), map[string]any{"typ": "JWT"}), with(base, change)))
	return m, reason(t, err)
}

const gha, noRule = "https://token.actions.githubusercontent.com", "no rule of its issuer fits"

func TestGitHubActions(t *testing.T) {
	w := newWorld(t)
	w.workload(t, gha,
		issuer.Rule{Subject: "repo:acme/*:ref:refs/heads/main", Agent: "ci", Scope: "slack:chat:write", TTL: 5 * time.Minute},
		issuer.Rule{Subject: "repo:acme/deploy:environment:*", Claims: map[string]string{"repository_owner_id": "42", "environment": "prod"}, Agent: "support-agent-1"},
	)
	m, got := w.present(t, map[string]any{"iss": gha, "sub": "repo:acme/tools:ref:refs/heads/main", "repository": "acme/tools"})
	if got != "" || m.Agent != "ci" || m.Scope != "slack:chat:write" || m.TTL != 5*time.Minute || m.Subject != "repo:acme/tools:ref:refs/heads/main" || m.ID != "w-1" || m.Issuer != gha || m.User != "" {
		t.Errorf("%+v, %q", m, got)
	}
	for _, sub := range []string{
		"repo:acme/x:y:ref:refs/heads/main", "repo:acme/x:environment:e:ref:refs/heads/main", "repo:acme/x/y:ref:refs/heads/main",
		"repo:acme-evil/x:ref:refs/heads/main", "repo:evil/acme/x:ref:refs/heads/main", "repo:evil/x:environment:repo:acme/x:ref:refs/heads/main",
		"repo:acme/x:ref:refs/heads/main2", "repo:acme/x:ref:refs/heads/main/x", "repo:acme/x:ref:refs/tags/main", "Repo:acme/x:ref:refs/heads/main",
		"repo:Acme/x:ref:refs/heads/main", "repo:acme/x:pull_request", "xrepo:acme/x:ref:refs/heads/main", "repo:acme/x:ref:refs/heads/main\n", "repo:acme/x\n:ref:refs/heads/main",
	} {
		if m, got := w.present(t, map[string]any{"iss": gha, "sub": sub}); got != noRule && got != badClaims {
			t.Errorf("%q is %s: %q", sub, m.Agent, got)
		}
	}
	deploy := map[string]any{"iss": gha, "sub": "repo:acme/deploy:environment:prod", "repository_owner_id": "42", "environment": "prod"}
	if m, got := w.present(t, deploy); got != "" || m.Agent != "support-agent-1" {
		t.Errorf("%+v, %q", m, got)
	}
	for name, v := range map[string]any{"repository_owner_id": "43", "environment": "production", "sub": "repo:acme/deploy2:environment:prod"} {
		if _, got := w.present(t, with(deploy, map[string]any{name: v})); got != noRule {
			t.Errorf("%s %v: %q", name, v, got)
		}
	}
}

func TestKubernetes(t *testing.T) {
	const cluster = "https://kubernetes.default.svc.cluster.local"
	w := newWorld(t)
	w.agents["k8s-prod"] = w.agents["ci"]
	agent := w.agents["k8s-prod"]
	agent.ID = "k8s-prod"
	w.agents["k8s-prod"] = agent
	w.workload(t, cluster,
		issuer.Rule{Subject: "system:serviceaccount:support:bot", Agent: "support-agent-1"},
		issuer.Rule{Subject: "system:serviceaccount:*:runner", Claims: map[string]string{`"kubernetes.io".serviceaccount.name`: "runner"}, Agent: `k8s-{"kubernetes.io".namespace}`},
	)
	pod := func(ns, name string) map[string]any {
		return map[string]any{"iss": cluster, "aud": []string{ours}, "sub": "system:serviceaccount:" + ns + ":" + name,
			"kubernetes.io": map[string]any{"namespace": ns, "serviceaccount": map[string]any{"name": name, "uid": "u"}}}
	}
	for _, c := range []struct{ ns, name, agent, reason string }{
		{"support", "bot", "support-agent-1", ""},
		{"support", "bot2", "", noRule},
		{"prod", "runner", "k8s-prod", ""},
		{"dev", "runner", "", "its rule names no known agent"},
		{"x:support", "bot", "", noRule},
		{"a:b", "runner", "", noRule},
	} {
		if m, got := w.present(t, pod(c.ns, c.name)); got != c.reason || m.Agent != c.agent {
			t.Errorf("%s/%s: %q, %q", c.ns, c.name, m.Agent, got)
		}
	}
	// The path with dots is not taken apart, and not put together.
	w.workload(t, cluster, issuer.Rule{Subject: "system:*:*:*", Claims: map[string]string{"kubernetes.io.namespace": "prod"}, Agent: "ci"})
	if _, got := w.present(t, pod("prod", "runner")); got != noRule {
		t.Errorf("unquoted: %q", got)
	}
}

func TestWorkloadTokens(t *testing.T) {
	const url = "https://ci.example.com"
	w := newWorld(t)
	w.workload(t, url, issuer.Rule{Subject: "job", Agent: "ci"})
	now := w.clock.Now()
	for _, c := range []struct {
		change map[string]any
		want   string
	}{
		{nil, ""},
		{map[string]any{"aud": resource}, forAnother},
		{map[string]any{"aud": "sts.amazonaws.com"}, forAnother},
		{map[string]any{"aud": []string{"x", ours}}, ""},
		{map[string]any{"iat": nil}, badClaims},
		{map[string]any{"exp": nil}, badClaims},
		{map[string]any{"iat": now.Add(-24 * time.Hour).Unix()}, ""},
		{map[string]any{"iat": now.Add(-24*time.Hour - time.Second).Unix(), "exp": now.Add(300 * 24 * time.Hour).Unix()}, "issued too long ago"},
		{map[string]any{"sub": nil}, "it does not say whom it is about"},
		{map[string]any{"iss": "https://ci.example.com/"}, untrusted},
	} {
		change := map[string]any{"iss": url, "sub": "job"}
		maps.Copy(change, c.change)
		if _, got := w.present(t, change); got != c.want {
			t.Errorf("%v: %q, want %q", c.change, got, c.want)
		}
	}
	w.trust(t, func(i *issuer.Issuer) {
		i.URL, i.KeysURL, i.Audience = url, w.provider.URL+"/jwks", "toolvault"
		i.Uses, i.Rules = []issuer.Use{issuer.Workloads}, []issuer.Rule{{Subject: "job", Agent: "ci"}}
	})
	if _, got := w.present(t, map[string]any{"iss": url, "sub": "job", "aud": "toolvault"}); got != "" {
		t.Errorf("%q", got)
	}
	if _, got := w.present(t, map[string]any{"iss": url, "sub": "job"}); got != forAnother {
		t.Errorf("%q", got)
	}
}

func TestSPIFFE(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// A whole bundle: the X.509 authority has no kid.
	file := filepath.Join(t.TempDir(), "bundle.json")
	body, err := json.Marshal(map[string]any{"spiffe_sequence": 1, "spiffe_refresh_hint": 300, "keys": []any{
		jose.JSONWebKey{Key: &other.PublicKey, Use: "x509-svid"}, jose.JSONWebKey{Key: &other.PublicKey, KeyID: "x", Use: "x509-svid"},
		jose.JSONWebKey{Key: &private.PublicKey, KeyID: "j1", Use: "jwt-svid"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	domain := w.issuer()
	domain.URL, domain.KeysFile, domain.SPIFFE, domain.Uses = "spiffe://example.org", file, true, []issuer.Use{issuer.Workloads}
	domain.Rules = []issuer.Rule{{Subject: "spiffe://example.org/ns/*/sa/bot", Agent: "support-agent-1"}}
	web := w.issuer()
	web.Uses, web.Rules = []issuer.Use{issuer.Workloads}, []issuer.Rule{{Subject: "spiffe://example.org/**", Agent: "ci"}}
	if err := issuer.Check([]issuer.Issuer{domain, web}, catalogs()); err != nil {
		t.Fatal(err)
	}
	w.Configure([]issuer.Issuer{domain, web})
	now := w.clock.Now()
	svid := func(k *ecdsa.PrivateKey, kid, typ string, change map[string]any) string {
		o := &jose.SignerOptions{}
		if typ != "" {
			o = o.WithType(jose.ContentType(typ))
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: k, KeyID: kid}}, o)
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwt.Signed(signer).Claims(with(map[string]any{
			"sub": "spiffe://example.org/ns/support/sa/bot", "aud": []string{ours}, "exp": now.Add(5 * time.Minute).Unix(),
		}, change)).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for what, c := range map[string]struct{ token, want string }{
		"a JWT-SVID":               {svid(private, "j1", "JWT", nil), ""},
		"JOSE":                     {svid(private, "j1", "JOSE", nil), ""},
		"no typ":                   {svid(private, "j1", "", nil), ""},
		"its server as iss":        {svid(private, "j1", "JWT", map[string]any{"iss": "https://oidc.example.org", "iat": now.Unix()}), ""},
		"at+jwt":                   {svid(private, "j1", "at+jwt", nil), badType},
		"no kid":                   {svid(private, "", "JWT", nil), badClaims},
		"the X.509 authority":      {svid(other, "x", "JWT", nil), badKey},
		"another's key":            {svid(other, "j1", "JWT", nil), badSignature},
		"another domain":           {svid(private, "j1", "JWT", map[string]any{"sub": "spiffe://example.com/ns/support/sa/bot"}), untrusted},
		"a domain that ends alike": {svid(private, "j1", "JWT", map[string]any{"sub": "spiffe://evil.example.org/ns/support/sa/bot"}), untrusted},
		"the domain as iss":        {svid(private, "j1", "JWT", map[string]any{"sub": "bot", "iss": "spiffe://example.org"}), untrusted},
		"no SPIFFE ID":             {svid(private, "j1", "JWT", map[string]any{"sub": "example.org/ns/support/sa/bot"}), untrusted},
		"dots in the path":         {svid(private, "j1", "JWT", map[string]any{"sub": "spiffe://example.org/ns/x/../sa/bot"}), untrusted},
		"another path":             {svid(private, "j1", "JWT", map[string]any{"sub": "spiffe://example.org/ns/support/sa/bot/x"}), noRule},
		"another audience":         {svid(private, "j1", "JWT", map[string]any{"aud": resource}), forAnother},
		"no end":                   {svid(private, "j1", "JWT", map[string]any{"exp": nil}), badClaims},
		"ended":                    {svid(private, "j1", "JWT", map[string]any{"exp": now.Unix()}), "expired"},
		"too long a life":          {svid(private, "j1", "JWT", map[string]any{"exp": now.Add(25 * time.Hour).Unix()}), "it lives too long"},
		"iss of a web issuer":      {svid(private, "j1", "JWT", map[string]any{"iss": w.provider.URL, "iat": now.Unix()}), badKey},
	} {
		m, err := w.Workload(t.Context(), c.token)
		if got := reason(t, err); got != c.want || got == "" && (m.Agent != "support-agent-1" || m.Issuer != "spiffe://example.org") {
			t.Errorf("%s: %+v, %q, want %q", what, m, got, c.want)
		}
	}
}

func TestAssertion(t *testing.T) {
	w := newWorld(t)
	w.trust(t, func(i *issuer.Issuer) {
		i.Uses = []issuer.Use{issuer.Assertions}
		i.Rules = []issuer.Rule{{Subject: "svc-*", User: "{sub}"}, {Claims: map[string]string{"email": "*@acme.example"}, Agent: "support-agent-1", User: "{email}", Scope: "slack:read-write crm:read-only"}}
	})
	now := w.clock.Now()
	jag := func(change map[string]any) (issuer.Assertion, string) {
		a, err := w.Assertion(t.Context(), w.key.forge(t, with(w.header(), map[string]any{"typ": "oauth-id-jag+jwt"}), with(map[string]any{
			"iss": w.provider.URL, "sub": "u-1", "aud": ours, "resource": resource, "client_id": "desk", "jti": "j-1",
			"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "email": "a@acme.example", "scope": "slack:chat:write openid",
		}, change)))
		return a, reason(t, err)
	}
	a, got := jag(nil)
	if got != "" || a.Agent != "support-agent-1" || a.User != "a@acme.example" || a.Client != "desk" || a.ID != "j-1" || a.Subject != "u-1" ||
		a.Scope != "slack:chat:write" || a.Email != "a@acme.example" || a.Resource != resource || !a.Expires.Equal(now.Add(5*time.Minute)) {
		t.Errorf("%+v, %q", a, got)
	}
	for _, c := range []struct {
		change map[string]any
		want   string
	}{
		{map[string]any{"aud": []string{ours}}, ""},
		{map[string]any{"aud": []string{ours, "https://other.example"}}, forAnother},
		{map[string]any{"aud": resource}, forAnother},
		{map[string]any{"aud": nil}, forAnother},
		{map[string]any{"resource": nil}, "meant for another resource"},
		{map[string]any{"resource": "https://other.example/mcp"}, "meant for another resource"},
		{map[string]any{"resource": []string{resource}}, ""},
		{map[string]any{"client_id": nil}, "it does not say for which client it is"},
		{map[string]any{"client_id": nil, "azp": "desk"}, "it does not say for which client it is"},
		{map[string]any{"jti": nil}, "it has no id that could be remembered"},
		{map[string]any{"sub": nil}, "it does not say whom it is about"},
		{map[string]any{"iat": nil}, badClaims},
		{map[string]any{"exp": now.Add(time.Hour + time.Second).Unix()}, "it lives too long"},
		{map[string]any{"exp": now.Unix()}, "expired"},
		{map[string]any{"email": "a@evil.example"}, noRule},
		{map[string]any{"email": "a@acme.example", "email_verified": false}, "its email is not verified"},
		{map[string]any{"scope": "openid"}, "its scope allows nothing here"},
		{map[string]any{"scope": 7}, "its scope allows nothing here"},
		{map[string]any{"scope": nil}, ""},
		{map[string]any{"iss": "https://other.example"}, untrusted},
	} {
		if _, got := jag(c.change); got != c.want {
			t.Errorf("%v: %q, want %q", c.change, got, c.want)
		}
	}
	for _, typ := range []any{nil, "JWT", "at+jwt", "id-jag+jwt", "oauth-id-jag"} {
		_, err := w.Assertion(t.Context(), w.key.forge(t, with(w.header(), map[string]any{"typ": typ}), map[string]any{
			"iss": w.provider.URL, "sub": "svc-1", "aud": ours, "resource": resource, "client_id": "desk", "jti": "j-1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		}))
		if got := reason(t, err); got != badType {
			t.Errorf("typ %v: %q", typ, got)
		}
	}
	// A rule may leave the agent to the client.
	if a, got := jag(map[string]any{"sub": "svc-1", "email_verified": false}); got != "" || a.Agent != "" || a.User != "svc-1" || a.Email != "" || !strings.HasPrefix(a.Scope, "slack:") {
		t.Errorf("%+v, %q", a, got)
	}
}
