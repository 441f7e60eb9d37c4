package issuer_test

import (
	"strings"
	"testing"
	"time"

	"toolvault/auth/issuer"
	"toolvault/vault"
)

func TestCheckSaysWhatIsWrong(t *testing.T) {
	secret := vault.NewSecret("x")
	for want, change := range map[string]func(*issuer.Issuer){
		"1 to 512 bytes":                       func(i *issuer.Issuer) { i.URL = "" },
		"must begin with https://":             func(i *issuer.Issuer) { i.URL = "http://idp.example.com" },
		"no user and no fragment":              func(i *issuer.Issuer) { i.URL = "https://u:p@idp.example.com" },
		"has no query":                         func(i *issuer.Issuer) { i.URL += "?x=1" },
		"keys_url must begin":                  func(i *issuer.Issuer) { i.KeysURL = "http://10.0.0.1/jwks" },
		"not both":                             func(i *issuer.Issuer) { i.KeysURL, i.KeysFile = "https://a/b", "c" },
		"say what its tokens are taken for":    func(i *issuer.Issuer) { i.Uses = nil },
		"is nothing that tokens are taken for": func(i *issuer.Issuer) { i.Uses = []issuer.Use{"x"} },
		"access_tokens is named twice":         func(i *issuer.Issuer) { i.Uses = append(i.Uses, issuer.AccessTokens) },
		"does not say where its keys are":      func(i *issuer.Issuer) { i.SPIFFE = true },
		"only workloads fits it":               func(i *issuer.Issuer) { i.SPIFFE, i.KeysFile = true, "x" },
		"is written spiffe://": func(i *issuer.Issuer) {
			i.SPIFFE, i.KeysFile, i.Uses = true, "x", []issuer.Use{issuer.Workloads}
			i.Rules[0].Subject = "x"
		},
		`algorithm "HS256" is not taken`:       func(i *issuer.Issuer) { i.Algorithms = []string{"ES256", "HS256"} },
		`algorithm "none" is not taken`:        func(i *issuer.Issuer) { i.Algorithms = []string{"none"} },
		"without an algorithm":                 func(i *issuer.Issuer) { i.Algorithms = []string{} },
		"without a rule":                       func(i *issuer.Issuer) { i.Rules = nil },
		"rule 1: subject: \"***\"":             func(i *issuer.Issuer) { i.Rules[0].Subject = "***" },
		"rule 1: claims: \"a.\"":               func(i *issuer.Issuer) { i.Rules[0].Claims = map[string]string{"a.": "x"} },
		"rule 1: claim a: an empty pattern":    func(i *issuer.Issuer) { i.Rules[0].Claims = map[string]string{"a": ""} },
		"it names no agent":                    func(i *issuer.Issuer) { i.Rules[0].Agent = "" },
		"cannot be an agent's id":              func(i *issuer.Issuer) { i.Rules[0].Agent = "Bad Agent" },
		"agent: \"{a\" has a {":                func(i *issuer.Issuer) { i.Rules[0].Agent = "{a" },
		"user: \"a}\" has a }":                 func(i *issuer.Issuer) { i.Rules[0].User = "a}" },
		"has no scope \"nope\"":                func(i *issuer.Issuer) { i.Rules[0].Scope = "slack:nope" },
		"its scope allows nothing":             func(i *issuer.Issuer) { i.Rules[0].Scope = "  " },
		"cannot live for 48 h":                 func(i *issuer.Issuer) { i.Rules[0].TTL = 48 * time.Hour },
		"every workload of the issuer fits it": func(i *issuer.Issuer) { i.Uses = []issuer.Use{issuer.Workloads}; i.Rules[0].Subject = "**" },
		"introspection is for access_tokens": func(i *issuer.Issuer) {
			i.Uses = []issuer.Use{issuer.Assertions}
			i.Introspect = &issuer.Introspection{URL: "https://a/b", ClientID: "x", ClientSecret: secret}
		},
		"the introspection URL must": func(i *issuer.Issuer) {
			i.Introspect = &issuer.Introspection{URL: "http://a/b", ClientID: "x", ClientSecret: secret}
		},
		"introspection needs a client_id": func(i *issuer.Issuer) { i.Introspect = &issuer.Introspection{URL: "https://a/b"} },
		"holds for at most 30 s": func(i *issuer.Issuer) {
			i.Introspect = &issuer.Introspection{URL: "https://a/b", ClientID: "x", ClientSecret: secret, CacheFor: time.Minute}
		},
	} {
		i := issuer.Issuer{URL: "https://idp.example.com", Uses: []issuer.Use{issuer.AccessTokens}, Rules: []issuer.Rule{{Agent: "ci"}}}
		if err := issuer.Check([]issuer.Issuer{i}, catalogs()); err != nil {
			t.Fatal(err)
		}
		change(&i)
		if err := issuer.Check([]issuer.Issuer{i}, catalogs()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	one := issuer.Issuer{URL: "https://idp.example.com", Uses: []issuer.Use{issuer.AccessTokens}, Rules: []issuer.Rule{{Agent: "ci"}},
		Introspect: &issuer.Introspection{URL: "https://a/b", ClientID: "x", ClientSecret: secret}}
	two := one
	if err := issuer.Check([]issuer.Issuer{one, two}, catalogs()); err == nil || !strings.Contains(err.Error(), "named twice") {
		t.Errorf("%v", err)
	}
	two.URL = "https://b.example"
	if err := issuer.Check([]issuer.Issuer{one, two}, catalogs()); err == nil || !strings.Contains(err.Error(), "each would see those of the other") {
		t.Errorf("%v", err)
	}
}

// A rule for an issuer that signs for everybody says whose workloads it means.
func TestSharedIssuersNeedAnOwner(t *testing.T) {
	for url, rules := range map[string]map[*issuer.Rule]bool{
		gha: {
			{Subject: "repo:acme/*:**"}: true, {Subject: "repo:acme/x:ref:refs/heads/main"}: true, {Claims: map[string]string{"repository_owner": "acme"}}: true,
			{Claims: map[string]string{"repository": "acme/*"}}: true,
			{Subject: "repo:**"}: false, {Subject: "repo:*/x:**"}: false, {Subject: "repo:acme*/x:**"}: false, {Subject: "repo:/**"}: false,
			{Claims: map[string]string{"repository_owner": "acme*"}}: false, {Claims: map[string]string{"ref": "refs/heads/main"}}: false, {Claims: map[string]string{"repository": "acme*"}}: false,
		},
		"https://gitlab.com":          {{Subject: "project_path:acme/**"}: true, {Subject: "project_path:**"}: false, {Claims: map[string]string{"namespace_path": "acme"}}: true},
		"https://agent.buildkite.com": {{Subject: "organization:acme:pipeline:**"}: true, {Subject: "organization:**"}: false, {Subject: "organization:acme**"}: false},
		"https://app.terraform.io":    {{Subject: "organization:acme:**"}: true, {Subject: "organization:ac*:**"}: false},
		"https://ci.acme.example":     {{Subject: "job:*"}: true, {Subject: "*"}: false},
	} {
		for rule, good := range rules {
			rule.Agent = "ci"
			err := issuer.Check([]issuer.Issuer{{URL: url, Uses: []issuer.Use{issuer.Workloads}, Rules: []issuer.Rule{*rule}}}, catalogs())
			if (err == nil) != good {
				t.Errorf("%s: %q, %v: %v", url, rule.Subject, rule.Claims, err)
			}
		}
	}
}
