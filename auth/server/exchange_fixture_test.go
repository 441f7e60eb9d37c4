package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/auth/issuer"
	"toolvault/auth/scope"
	"toolvault/vault/store"
)

// plant is a process in which programs ask for tokens: agents with clients of their
// own (each with the secret "s3cret"), issuers of workloads and of assertions, and
// rules of who passes rights on to whom.
type plant struct {
	*replica
	delegates map[string][]string
	issuers   *issuer.Set
	key       signingKey // of both issuers
	other     signingKey // of nobody
}

const (
	clusterURL = "https://cluster.example.com" // of workloads
	companyURL = "https://login.example.com"   // of assertions
)

var chained = []string{"bot", "other", "third", "fourth", "fifth", "sixth"}

func secretHash(secret string) [][32]byte { return [][32]byte{sha256.Sum256([]byte(secret))} }

// programs are the clients of the plant, beside those of the house.
func programs() map[string]client.Client {
	all := map[string]client.Client{
		"app":      {ID: "app", Name: "App", Origin: client.OriginConfig, Grants: []string{client.GrantAssertion}, Auth: client.AuthPost, Secrets: secretHash("s3cret")},
		"tv":       {ID: "tv", Name: "Television", Origin: client.OriginConfig, Grants: []string{client.GrantDevice, client.GrantRefresh}, Auth: client.AuthNone},
		"radio":    {ID: "radio", Name: "Radio", Origin: client.OriginConfig, Grants: []string{client.GrantDevice}, Auth: client.AuthNone, Admin: auth.AdminScopes()},
		"ops":      {ID: "ops", Name: "Operations", Origin: client.OriginConfig, Grants: []string{client.GrantOwn}, Auth: client.AuthBasic, Secrets: secretHash("s3cret"), Admin: auth.AdminScopes()},
		"nobody's": {ID: "nobody's", Origin: client.OriginConfig, Grants: []string{client.GrantExchange}, Auth: client.AuthPost, Secrets: secretHash("s3cret")},
		"unarmed":  {ID: "unarmed", Origin: client.OriginConfig, Agent: "other", Grants: []string{client.GrantExchange}, Auth: client.AuthNone},
	}
	for _, id := range chained {
		all["c-"+id] = client.Client{
			ID: "c-" + id, Origin: client.OriginConfig, Agent: id, Grants: []string{client.GrantOwn, client.GrantExchange, client.GrantAssertion},
			Auth: client.AuthPost, Secrets: secretHash("s3cret"),
		}
	}
	return all
}

func newPlant(t testing.TB, storeURL string, change ...func(*Options)) *plant {
	t.Helper()
	return newPlantIn(t, newHouse(t, storeURL), change...)
}

func newPlantIn(t testing.TB, h *house, change ...func(*Options)) *plant {
	t.Helper()
	ctx := t.Context()
	st, err := store.Open(ctx, h.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	p := &plant{key: newSigningKey(t, "k1"), other: newSigningKey(t, "k1"), delegates: map[string][]string{
		"bot": {"other"}, "other": {"third", "bot"}, "third": {"fourth"}, "fourth": {"fifth"}, "fifth": {"sixth"},
	}}
	maps.Copy(h.clients, programs())
	for _, id := range chained[2:] {
		h.grants[id] = "crm:contacts.read slack:channels:read"
	}
	agents := auth.NewAgents(st, h.clock.Now)
	lookUp, err := fixtureCatalogs().ParseGrants("crm:contacts.read")
	if err != nil {
		t.Fatal(err)
	}
	var configured []auth.Agent
	for _, id := range chained {
		configured = append(configured, auth.Agent{ID: id, Tasks: map[string]scope.Grants{"look-up": lookUp, "look-again": lookUp}})
	}
	agents.Configure(configured)
	tokens, err := auth.NewTokens(ctx, auth.TokenOptions{
		Store: st, Sealer: h.sealer, Agents: agents, Issuer: h.public, Audience: h.public + ResourcePath, Admin: h.public + AdminPath,
		Catalogs: fixtureCatalogs(), Now: h.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.issuers = issuer.New(issuer.Options{Now: h.clock.Now, Catalogs: fixtureCatalogs(), Agents: agents, Audience: h.public + ResourcePath, Issuer: h.public})
	p.trust(t, issuer.Rule{Subject: "system:serviceaccount:prod:bot", Agent: "bot"}, issuer.Rule{User: "{sub}"})
	o := Options{
		Store: st, Sealer: h.sealer, Tokens: tokens, Agents: agents, Catalogs: fixtureCatalogs(), Clients: h, People: visitors{h}, Prover: prover{},
		Rights: plantRights{rights{h}, p}, Issuers: p.issuers, PublicURL: h.public, Now: h.clock.Now, Observe: h.observe,
	}
	for _, f := range change {
		f(&o)
	}
	s, err := New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	p.replica = &replica{Server: s, h: h, store: st, tokens: tokens, agents: agents}
	return p
}

// trust configures both issuers, with a rule each.
func (p *plant) trust(t testing.TB, workload, assertion issuer.Rule) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keys.json")
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{p.key.public()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	all := []issuer.Issuer{
		{URL: clusterURL, Uses: []issuer.Use{issuer.Workloads}, KeysFile: file, Rules: []issuer.Rule{workload}},
		{URL: companyURL, Uses: []issuer.Use{issuer.Assertions}, KeysFile: file, Rules: []issuer.Rule{assertion}},
	}
	if err := issuer.Check(all, fixtureCatalogs()); err != nil {
		t.Fatal(err)
	}
	p.issuers.Configure(all)
}

type plantRights struct {
	rights
	p *plant
}

func (r plantRights) Delegates(from, to string) bool { return slices.Contains(r.p.delegates[from], to) }

// signingKey is an ES256 key.
type signingKey struct {
	kid string
	key *ecdsa.PrivateKey
}

func newSigningKey(t testing.TB, kid string) signingKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signingKey{kid, key}
}

func (k signingKey) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.key.Public(), KeyID: k.kid, Use: "sig", Algorithm: "ES256"}
}

// sign signs whatever it is given, and says ES256 unless the header says otherwise.
func (k signingKey) sign(t testing.TB, header, claims map[string]any) string {
	t.Helper()
	head := map[string]any{"alg": "ES256", "kid": k.kid}
	maps.Copy(head, header)
	text := encodePart(t, head) + "." + encodePart(t, claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, k.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(slices.Concat(fill32(r), fill32(s)))
}

func fill32(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }

func encodePart(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// changed is a copy of claims; nil takes one out.
func changed(claims map[string]any, change map[string]any) map[string]any {
	claims = maps.Clone(claims)
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// told is what the token endpoint, or one beside it, answers.
type told struct {
	token
	Issued string `json:"issued_token_type"`
	In     int64  `json:"expires_in"`
	header http.Header
}

// call posts a form to an endpoint; pairs are its fields, and a field that begins
// with "@" is a header.
func (p *plant) call(path string, pairs ...string) told {
	p.h.t.Helper()
	form := url.Values{}
	header := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		switch name, isHeader := strings.CutPrefix(pairs[i], "@"); {
		case isHeader:
			header.Set(name, pairs[i+1])
		case pairs[i+1] != "":
			form.Add(name, pairs[i+1])
		}
	}
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	maps.Copy(req.Header, header)
	w := p.serve(req)
	got := told{token: token{Status: w.Code, body: w.Body.String()}, header: w.Header()}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			p.h.t.Errorf("%s answers %d %q", path, w.Code, w.Body)
		}
		got.Status, got.body = w.Code, w.Body.String()
	}
	return got
}

// as are the fields with which an agent's client proves who it is.
func as(id string, pairs ...string) []string {
	return append([]string{"client_id", id, "client_secret", "s3cret"}, pairs...)
}

// own is an agent's token for itself.
func (p *plant) own(agent string, pairs ...string) string {
	p.h.t.Helper()
	got := p.call(TokenPath, as("c-"+agent, append([]string{"grant_type", client.GrantOwn}, pairs...)...)...)
	if got.Status != http.StatusOK {
		p.h.t.Fatalf("no token for %s: %s", agent, got.body)
	}
	return got.Access
}

// pass exchanges one of our access tokens as an agent's client.
func (p *plant) pass(agent, subject string, pairs ...string) told {
	p.h.t.Helper()
	return p.call(TokenPath, as("c-"+agent, append([]string{
		"grant_type", client.GrantExchange, "subject_token", subject, "subject_token_type", typeAccess,
	}, pairs...)...)...)
}

func (p *plant) mustPass(agent, subject string, pairs ...string) string {
	p.h.t.Helper()
	got := p.pass(agent, subject, pairs...)
	if got.Status != http.StatusOK {
		p.h.t.Fatalf("%s gets no token: %s", agent, got.body)
	}
	return got.Access
}

// minted is a token made directly, for somebody.
func (p *plant) minted(r auth.Request) string {
	p.h.t.Helper()
	token, _, err := p.tokens.Mint(p.h.t.Context(), r)
	if err != nil {
		p.h.t.Fatal(err)
	}
	return token
}

func (p *plant) parsed(words string) scope.Grants {
	p.h.t.Helper()
	g, err := fixtureCatalogs().ParseGrants(words)
	if err != nil {
		p.h.t.Fatal(err)
	}
	return g
}

// who is the identity of a token that is taken.
func (p *plant) who(access string) auth.Identity {
	p.h.t.Helper()
	id, err := p.tokens.Authenticate(p.h.t.Context(), access)
	if err != nil {
		p.h.t.Fatal(err)
	}
	return id
}

// last is the newest event of a kind.
func (h *house) last(kind string) Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range slices.Backward(h.events) {
		if e.Kind == kind {
			return e
		}
	}
	return Event{}
}

func (p *plant) workloadClaims() map[string]any {
	now := p.h.clock.Now()
	return map[string]any{
		"iss": clusterURL, "sub": "system:serviceaccount:prod:bot", "aud": fixturePublic, "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "jti": "w-1",
	}
}

func (p *plant) assertionClaims() map[string]any {
	now := p.h.clock.Now()
	return map[string]any{
		"iss": companyURL, "sub": "bob", "aud": fixturePublic, "resource": fixturePublic + ResourcePath, "client_id": "app",
		"jti": random(8), "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
}
