package server

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"toolvault/auth/client"
	"toolvault/auth/issuer"
	"toolvault/vault/store/storetest"
)

// bring presents an assertion, as the client that the pairs name.
func (p *plant) bring(assertion string, pairs ...string) told {
	p.h.t.Helper()
	return p.call(TokenPath, append([]string{"grant_type", client.GrantAssertion, "assertion", assertion}, pairs...)...)
}

// swap presents a workload's token by token exchange.
func (p *plant) swap(subject string, pairs ...string) told {
	p.h.t.Helper()
	return p.call(TokenPath, append([]string{"grant_type", client.GrantExchange, "subject_token", subject, "subject_token_type", typeJWT}, pairs...)...)
}

func TestJWTBearerAWorkloadWithoutASecret(t *testing.T) {
	p := newPlant(t, "")
	subject := p.key.sign(t, nil, p.workloadClaims())
	for name, present := range map[string]func(string, ...string) told{"jwt-bearer": p.bring, "token exchange": p.swap} {
		t.Run(name, func(t *testing.T) {
			got := present(subject)
			if got.Status != http.StatusOK || got.Refresh != "" {
				t.Fatalf("%d %s", got.Status, got.body)
			}
			id := p.who(got.Access)
			if id.Agent != "bot" || id.User != "" || len(id.Chain) != 0 || id.Client != "workload:system:serviceaccount:prod:bot" {
				t.Errorf("the token is for %+v", id)
			}
			if end := p.h.clock.Now().Add(10 * time.Minute); id.Expires.After(end) {
				t.Errorf("it ends at %v, after the workload's at %v", id.Expires, end)
			}
			if e := p.h.last(Issued); e.Issuer != clusterURL || e.Agent != "bot" || e.Client != id.Client || e.TokenID != id.TokenID {
				t.Errorf("the log has %+v", e)
			}
			if again := present(subject); again.Status != http.StatusOK {
				t.Errorf("the same token again, as each replica of a workload sends it: %s", again.body)
			}
			if narrow := present(subject, "scope", "crm:contacts.read", "task", "look-up"); p.who(narrow.Access).Grants.String() != "crm:contacts.read" {
				t.Errorf("narrowed: %s", narrow.body)
			}
			if got := present(subject, as("c-bot")...); got.Status != http.StatusOK || p.who(got.Access).Client != "c-bot" {
				t.Errorf("with the agent's own client: %s", got.body)
			}
			for _, wrong := range [][]string{as("c-other"), as("app")} {
				if got := present(subject, wrong...); got.Status != http.StatusBadRequest || got.Error != "unauthorized_client" {
					t.Errorf("with the client of another: %d %s", got.Status, got.body)
				}
			}
			if got := present(subject, "client_id", "c-bot", "client_secret", "wrong"); got.Status != http.StatusUnauthorized {
				t.Errorf("with a wrong secret: %d %s", got.Status, got.body)
			}
		})
	}
}

func TestJWTBearerWorkloadRefusals(t *testing.T) {
	p := newPlant(t, "")
	sign := func(header, change map[string]any) string {
		return p.key.sign(t, header, changed(p.workloadClaims(), change))
	}
	old := sign(nil, map[string]any{"exp": p.h.clock.Now().Add(-time.Minute).Unix(), "iat": p.h.clock.Now().Add(-time.Hour).Unix()})
	for name, c := range map[string]struct {
		subject string
		pairs   []string
		want    string // error; of token exchange invalid_request instead of invalid_grant
	}{
		"another audience":         {sign(nil, map[string]any{"aud": "https://elsewhere.example.com"}), nil, "invalid_grant"},
		"the tools' audience":      {sign(nil, map[string]any{"aud": fixturePublic + ResourcePath}), nil, "invalid_grant"},
		"another issuer":           {sign(nil, map[string]any{"iss": "https://elsewhere.example.com"}), nil, "invalid_grant"},
		"the issuer of assertions": {sign(nil, map[string]any{"iss": companyURL}), nil, "invalid_grant"},
		"another key":              {p.other.sign(t, nil, p.workloadClaims()), nil, "invalid_grant"},
		"no algorithm":             {sign(map[string]any{"alg": "none"}, nil), nil, "invalid_grant"},
		"a secret's algorithm":     {sign(map[string]any{"alg": "HS256"}, nil), nil, "invalid_grant"},
		"another subject":          {sign(nil, map[string]any{"sub": "system:serviceaccount:prod:other"}), nil, "invalid_grant"},
		"an access token":          {sign(map[string]any{"typ": "at+jwt"}, nil), nil, "invalid_grant"},
		"an ID-JAG's type":         {sign(map[string]any{"typ": typeIDJAG}, nil), nil, "invalid_client"},
		"expired":                  {old, nil, "invalid_grant"},
		"no token at all":          {"x", nil, "invalid_grant"},
		"our own token":            {p.own("bot"), nil, "invalid_grant"},
		"to administer":            {sign(nil, nil), []string{"resource", fixturePublic + AdminPath}, "invalid_target"},
		"for another resource":     {sign(nil, nil), []string{"resource", "https://elsewhere.example.com"}, "invalid_target"},
		"a scope that is not ours": {sign(nil, nil), []string{"scope", "crm:everything"}, "invalid_scope"},
		"an unknown task":          {sign(nil, nil), []string{"task", "nothing"}, "invalid_scope"},
		"bound to a key":           {sign(nil, map[string]any{"cnf": map[string]any{"jkt": strings.Repeat("k", 43)}}), nil, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := p.bring(c.subject, c.pairs...); got.Error != c.want || got.Access != "" || got.Status >= 500 {
				t.Errorf("jwt-bearer: %d %s, want %s", got.Status, got.body, c.want)
			}
			want := c.want
			if want == "invalid_grant" || want == "invalid_client" {
				want = "invalid_request" // RFC 8693 section 2.2.2
			}
			if got := p.swap(c.subject, c.pairs...); got.Error != want || got.Access != "" || got.Status != http.StatusBadRequest {
				t.Errorf("token exchange: %d %s, want %s", got.Status, got.body, want)
			}
		})
	}
	if got := p.swap(p.key.sign(t, nil, p.workloadClaims()), "actor_token", p.own("bot"), "actor_token_type", typeAccess); got.Error != "invalid_request" {
		t.Errorf("with an actor: %s", got.body)
	}
	without := newPlant(t, "", func(o *Options) { o.Issuers = nil })
	if got := without.bring(p.key.sign(t, nil, p.workloadClaims())); got.Error != "invalid_grant" {
		t.Errorf("where no issuer is trusted: %d %s", got.Status, got.body)
	}
}

func TestJWTBearerAWorkloadWithinItsRule(t *testing.T) {
	p := newPlant(t, "")
	rule := issuer.Rule{Subject: "system:serviceaccount:prod:bot", Agent: "bot", User: "{sub}", Task: "look-up", Scope: "crm:read-write", TTL: 2 * time.Minute}
	p.trust(t, rule, issuer.Rule{User: "{sub}"})
	subject := p.key.sign(t, nil, p.workloadClaims())
	got := p.bring(subject)
	id := p.who(got.Access)
	if id.Task != "look-up" || id.Grants.String() != "crm:contacts.read" || id.User != "system:serviceaccount:prod:bot" || got.In > 120 {
		t.Errorf("%+v for %d s", id, got.In)
	}
	if got := p.bring(subject, "task", "look-again"); got.Error != "invalid_scope" {
		t.Errorf("another task: %s", got.body)
	}
	rule.Task, rule.Scope = "", "crm:contacts.read"
	p.trust(t, rule, issuer.Rule{User: "{sub}"})
	if got := p.bring(subject, "scope", "slack:chat:write"); got.Error != "invalid_scope" {
		t.Errorf("more than the rule: %s", got.body)
	}
	if got := p.bring(subject, "scope", "crm:read-write slack:chat:write"); p.who(got.Access).Grants.String() != "crm:contacts.read" {
		t.Errorf("also more than the rule: %s", got.body)
	}
	if err := p.agents.Suspend(t.Context(), "bot", ""); err != nil {
		t.Fatal(err)
	}
	if got := p.bring(subject); got.Error != "invalid_grant" {
		t.Errorf("of a suspended agent: %s", got.body)
	}
}

func TestJWTBearerWorkloadID(t *testing.T) {
	long := strings.Repeat("é", 300)
	a, b := workloadID(long+"a"), workloadID(long+"b")
	if a == b || len(a) > maxWorkloadID || !utf8.ValidString(a) || !strings.HasPrefix(a, "workload:éé") {
		t.Errorf("%q and %q", a, b)
	}
}

func TestJWTBearerAnIDJAG(t *testing.T) {
	p := newPlant(t, "")
	idjag := func(change map[string]any) string {
		return p.key.sign(t, map[string]any{"typ": typeIDJAG}, changed(p.assertionClaims(), change))
	}
	got := p.bring(idjag(nil), as("app")...)
	if got.Status != http.StatusOK || got.Refresh != "" {
		t.Fatalf("%d %s", got.Status, got.body)
	}
	if id := p.who(got.Access); id.User != "bob" || id.Agent != "other" || id.Client != "app" {
		t.Errorf("the token is for %+v", id)
	}
	if e := p.h.last(Issued); e.Issuer != companyURL || e.User != "bob" || e.Client != "app" {
		t.Errorf("the log has %+v", e)
	}
	alice := map[string]any{"sub": "alice"}
	if got := p.bring(idjag(alice), as("app")...); got.Error != "invalid_request" || !strings.Contains(got.Description, "bot, other") {
		t.Errorf("of two agents none was chosen: %s", got.body)
	}
	if got := p.bring(idjag(alice), as("app", "agent", "bot", "scope", "crm:contacts.read openid")...); p.who(got.Access).Agent != "bot" || p.who(got.Access).Grants.String() != "crm:contacts.read" {
		t.Errorf("bot was chosen: %s", got.body)
	}
	alice["scope"] = "crm:contacts.read something:else"
	if got := p.bring(idjag(alice), as("app", "agent", "bot", "scope", "crm:read-write slack:chat:write")...); p.who(got.Access).Grants.String() != "crm:contacts.read" {
		t.Errorf("more than the assertion: %s", got.body)
	}
}

func TestJWTBearerIDJAGRefusals(t *testing.T) {
	p := newPlant(t, "")
	sign := func(header, change map[string]any) string {
		head := map[string]any{"typ": typeIDJAG}
		for k, v := range header {
			head[k] = v
		}
		return p.key.sign(t, head, changed(p.assertionClaims(), change))
	}
	p.h.change(func() {
		public := p.h.clients["app"]
		public.ID, public.Auth, public.Secrets = "public-app", client.AuthNone, nil
		p.h.clients["public-app"] = public
	})
	replayed := sign(nil, nil)
	if got := p.bring(replayed, as("app")...); got.Status != http.StatusOK {
		t.Fatal(got.body)
	}
	now := p.h.clock.Now()
	for name, c := range map[string]struct {
		assertion string
		pairs     []string
		want      string
	}{
		"of another client":           {sign(nil, map[string]any{"client_id": "desk"}), as("app"), "invalid_grant"},
		"brought by another client":   {sign(nil, nil), as("c-bot"), "invalid_grant"},
		"brought by nobody":           {sign(nil, nil), nil, "invalid_client"},
		"with a wrong secret":         {sign(nil, nil), []string{"client_id", "app", "client_secret", "wrong"}, "invalid_client"},
		"a client that may not":       {sign(nil, map[string]any{"client_id": "desk"}), as("desk"), "unauthorized_client"},
		"a client that proves naught": {sign(nil, map[string]any{"client_id": "public-app"}), []string{"client_id", "public-app"}, "unauthorized_client"},
		"replayed":                    {replayed, as("app"), "invalid_grant"},
		"no type":                     {sign(map[string]any{"typ": "JWT"}, nil), as("app"), "invalid_grant"},
		"an ID token's type":          {sign(map[string]any{"typ": ""}, nil), as("app"), "invalid_grant"},
		"another audience":            {sign(nil, map[string]any{"aud": "https://elsewhere.example.com"}), as("app"), "invalid_grant"},
		"two audiences":               {sign(nil, map[string]any{"aud": []string{fixturePublic, "https://elsewhere.example.com"}}), as("app"), "invalid_grant"},
		"another resource":            {sign(nil, map[string]any{"resource": "https://elsewhere.example.com/mcp"}), as("app"), "invalid_grant"},
		"no resource":                 {sign(nil, map[string]any{"resource": nil}), as("app"), "invalid_grant"},
		"another resource asked for":  {sign(nil, nil), as("app", "resource", "https://elsewhere.example.com/mcp"), "invalid_target"},
		"to administer":               {sign(nil, nil), as("app", "resource", fixturePublic+AdminPath), "invalid_target"},
		"another issuer":              {sign(nil, map[string]any{"iss": "https://elsewhere.example.com"}), as("app"), "invalid_grant"},
		"the issuer of workloads":     {sign(nil, map[string]any{"iss": clusterURL}), as("app"), "invalid_grant"},
		"another key":                 {p.other.sign(t, map[string]any{"typ": typeIDJAG}, p.assertionClaims()), as("app"), "invalid_grant"},
		"expired":                     {sign(nil, map[string]any{"iat": now.Add(-time.Hour).Unix(), "exp": now.Add(-time.Minute).Unix()}), as("app"), "invalid_grant"},
		"no id":                       {sign(nil, map[string]any{"jti": nil}), as("app"), "invalid_grant"},
		"a person without an agent":   {sign(nil, map[string]any{"sub": "carol"}), as("app"), "invalid_grant"},
		"an agent that is not theirs": {sign(nil, nil), as("app", "agent", "bot"), "invalid_grant"},
		"bound to a key":              {sign(nil, map[string]any{"cnf": map[string]any{"jkt": strings.Repeat("k", 43)}}), as("app"), "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := p.bring(c.assertion, c.pairs...); got.Error != c.want || got.Access != "" || got.Status >= 500 {
				t.Errorf("%d %s, want %s", got.Status, got.body, c.want)
			}
		})
	}
	if e := p.h.last(Replayed); e.Issuer != companyURL || e.Client != "app" || e.User != "bob" {
		t.Errorf("of the replay the log has %+v", e)
	}
	p.h.change(func() { bob := p.h.people["bob"]; bob.Disabled = true; p.h.people["bob"] = bob })
	if got := p.bring(sign(nil, nil), as("app", "@Authorization", "Basic YXBwOnMzY3JldA==")...); got.Error != "invalid_request" {
		t.Errorf("two ways at once: %s", got.body)
	}
	if got := p.bring(sign(nil, nil), as("app")...); got.Error != "invalid_grant" {
		t.Errorf("of a person who has left: %s", got.body)
	}
	if text := p.h.all(); strings.Contains(text, strings.Split(replayed, ".")[2]) {
		t.Error("the log has the assertion")
	}
}

func TestJWTBearerIDJAGOnceAmongManyAtOnce(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "", "redis": storetest.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, url)
			a, b := newPlantIn(t, h), newPlantIn(t, h)
			b.key = a.key
			b.trust(t, issuer.Rule{Subject: "system:serviceaccount:prod:bot", Agent: "bot"}, issuer.Rule{User: "{sub}"})
			assertion := a.key.sign(t, map[string]any{"typ": typeIDJAG}, a.assertionClaims())
			taken := atOnce(8, func(i int) bool { return []*plant{a, b}[i%2].bring(assertion, as("app")...).Status == http.StatusOK })
			if taken != 1 {
				t.Errorf("%d of 8 were taken", taken)
			}
		})
	}
}

// atOnce does something n times at once, and counts how often it is so.
func atOnce(n int, f func(i int) bool) (yes int) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	for i := range n {
		wait.Go(func() {
			is := f(i)
			mu.Lock()
			defer mu.Unlock()
			if is {
				yes++
			}
		})
	}
	wait.Wait()
	return yes
}

func TestJWTBearerTheRuleNamesTheAgent(t *testing.T) {
	p := newPlant(t, "")
	p.trust(t, issuer.Rule{Subject: "system:serviceaccount:prod:bot", Agent: "bot"}, issuer.Rule{Agent: "third", User: "{sub}", TTL: time.Minute})
	bring := func(pairs ...string) told {
		return p.bring(p.key.sign(t, map[string]any{"typ": typeIDJAG}, p.assertionClaims()), as("app", pairs...)...)
	}
	if got := bring(); p.who(got.Access).Agent != "third" || got.In > 60 {
		t.Error(got.body)
	}
	if got := bring("agent", "other"); got.Error != "invalid_grant" {
		t.Errorf("another agent: %s", got.body)
	}
	p.h.change(func() { c := p.h.clients["app"]; c.Agents = []string{"other"}; p.h.clients["app"] = c })
	if got := bring(); got.Error != "invalid_grant" {
		t.Errorf("an agent that is not the client's: %s", got.body)
	}
	p.h.change(func() { c := p.h.clients["app"]; c.Agents, c.Agent = nil, "other"; p.h.clients["app"] = c })
	if got := bring(); got.Error != "invalid_grant" {
		t.Errorf("an agent that the client is not: %s", got.body)
	}
	p.h.change(func() { c := p.h.clients["app"]; c.Agent = ""; p.h.clients["app"] = c })
	p.trust(t, issuer.Rule{Subject: "system:serviceaccount:prod:bot", Agent: "bot"}, issuer.Rule{Agent: "third"})
	if got := bring(); got.Error != "invalid_grant" {
		t.Errorf("a rule that names no person: %s", got.body)
	}
}
