package server

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/auth/dpop"
	"toolvault/auth/people"
	"toolvault/auth/scope"
	"toolvault/vault/store"
)

const fixturePublic = "https://tools.example.com"

// fixtureSealer is AES-256-GCM with the name and version as associated data.
type fixtureSealer struct{ cipher.AEAD }

func newFixtureSealer(t testing.TB) fixtureSealer {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return fixtureSealer{gcm}
}

func (s fixtureSealer) Seal(plain []byte, name string, version int64) ([]byte, error) {
	return s.AEAD.Seal(nil, nil, plain, fmt.Appendf(nil, "%s\x00%d", name, version)), nil
}

func (s fixtureSealer) Open(sealed []byte, name string, version int64) ([]byte, error) {
	return s.AEAD.Open(nil, nil, sealed, fmt.Appendf(nil, "%s\x00%d", name, version))
}

// fixtureClock stands still unless moved.
type fixtureClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fixtureClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fixtureClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// house is what the replicas of a test share: who is there, and what they may.
type house struct {
	t      testing.TB
	clock  *fixtureClock
	sealer fixtureSealer
	url    string // of the store
	public string // URL of the server

	mu      sync.Mutex
	clients map[string]client.Client
	people  map[string]people.Person
	agents  map[string][]string // of a person
	admin   map[string][]string // of a person
	grants  map[string]string   // of an agent
	events  []Event
	deaf    error // of the audit log
	away    error // of the client registry
}

// replica is one process.
type replica struct {
	*Server
	h      *house
	store  store.Store
	tokens *auth.Tokens
	agents *auth.Agents
}

func fixtureCatalogs() scope.Catalogs {
	return scope.Catalogs{
		"slack": scope.NewCatalog("slack", scope.Def{Name: "chat:write", Write: true}, scope.Def{Name: "channels:read"}),
		"crm":   scope.NewCatalog("crm", scope.Def{Name: "contacts.read"}, scope.Def{Name: "contacts.write", Write: true, Implies: []string{"contacts.read"}}),
	}
}

const redirectURI = "https://app.example.com/cb"

// newHouse has the people alice and bob, the agents bot and other, and the clients
// web (public), cli (public, loopback), desk (confidential, secret "s3cret"), stranger
// (registered by itself), trusted, and boss (may administer). storeURL "" is a new
// SQLite file.
func newHouse(t testing.TB, storeURL string) *house {
	t.Helper()
	if storeURL == "" {
		storeURL = "file:" + t.TempDir() + "/store.db"
	}
	h := &house{
		t: t, clock: &fixtureClock{now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}, sealer: newFixtureSealer(t), url: storeURL, public: fixturePublic,
		people: map[string]people.Person{"alice": {Name: "alice"}, "bob": {Name: "bob"}},
		agents: map[string][]string{"alice": {"bot", "other"}, "bob": {"other"}},
		admin:  map[string][]string{"alice": {"audit:read"}},
		grants: map[string]string{"bot": "crm:read-write slack:chat:write", "other": "crm:contacts.read"},
	}
	codeAndRefresh := []string{client.GrantCode, client.GrantRefresh}
	only := []string{"bot"}
	h.clients = map[string]client.Client{
		"web":      {ID: "web", Name: "Web App", Origin: client.OriginConfig, Agents: only, Redirects: []string{redirectURI, "cursor://anysphere/cb"}, Grants: codeAndRefresh, Auth: client.AuthNone},
		"cli":      {ID: "cli", Name: "CLI", Origin: client.OriginConfig, Agents: only, Redirects: []string{"http://127.0.0.1/cb"}, Grants: codeAndRefresh, Auth: client.AuthNone},
		"desk":     {ID: "desk", Name: "Desk", Origin: client.OriginConfig, Agents: only, Redirects: []string{redirectURI}, Grants: codeAndRefresh, Auth: client.AuthPost, Secrets: [][32]byte{sha256.Sum256([]byte("s3cret"))}},
		"stranger": {ID: "stranger", Name: "Web App", Origin: client.OriginRegistered, Redirects: []string{"http://localhost:7777/cb"}, Grants: codeAndRefresh, Auth: client.AuthNone, Trusted: true},
		"trusted":  {ID: "trusted", Name: "Trusted", Origin: client.OriginConfig, Agents: only, Redirects: []string{redirectURI}, Grants: codeAndRefresh, Auth: client.AuthNone, Trusted: true},
		"boss":     {ID: "boss", Name: "Boss", Origin: client.OriginConfig, Redirects: []string{redirectURI}, Grants: codeAndRefresh, Auth: client.AuthNone, Admin: auth.AdminScopes()},
	}
	return h
}

// replica starts one more process.
func (h *house) replica() *replica {
	h.t.Helper()
	ctx := h.t.Context()
	st, err := store.Open(ctx, h.url)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = st.Close() })
	agents := auth.NewAgents(st, h.clock.Now)
	task, err := fixtureCatalogs().ParseGrants("crm:contacts.read")
	if err != nil {
		h.t.Fatal(err)
	}
	agents.Configure([]auth.Agent{{ID: "bot", Tasks: map[string]scope.Grants{"look-up": task}}, {ID: "other"}})
	tokens, err := auth.NewTokens(ctx, auth.TokenOptions{
		Store: st, Sealer: h.sealer, Agents: agents, Issuer: h.public, Audience: h.public + ResourcePath, Admin: h.public + AdminPath,
		Catalogs: fixtureCatalogs(), Now: h.clock.Now,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	s, err := New(ctx, Options{
		Store: st, Sealer: h.sealer, Tokens: tokens, Agents: agents, Catalogs: fixtureCatalogs(), Clients: h, People: visitors{h}, Prover: prover{}, Rights: rights{h},
		PublicURL: h.public, Now: h.clock.Now, Observe: h.observe,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return &replica{Server: s, h: h, store: st, tokens: tokens, agents: agents}
}

func (h *house) Find(_ context.Context, id string) (client.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.away != nil {
		return client.Client{}, h.away
	}
	c, ok := h.clients[id]
	if !ok {
		return client.Client{}, client.ErrUnknown
	}
	return c, nil
}

func (h *house) Keys(_ context.Context, c client.Client) (jose.JSONWebKeySet, error) {
	return c.Keys, nil
}

// MarkUsed has nothing to do: the clients of a house are never swept.
func (h *house) MarkUsed(context.Context, string) error { return nil }

// change alters what the replicas share.
func (h *house) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

func (h *house) observe(_ context.Context, e Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deaf != nil {
		return h.deaf
	}
	h.events = append(h.events, e)
	return nil
}

// told counts the events of a kind so far.
func (h *house) told(kind string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// all is every event, as text.
func (h *house) all() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	text, err := json.Marshal(h.events)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

// visitors are people who sit before a browser: the cookie "person" says who.
type visitors struct{ *house }

func (v visitors) Visitor(r *http.Request) (people.Person, bool) {
	cookie, err := r.Cookie("person")
	if err != nil {
		return people.Person{}, false
	}
	p, err := v.Get(r.Context(), cookie.Value)
	return p, err == nil && !p.Disabled
}

func (visitors) SignInURL(back string) string { return "/signin?return=" + url.QueryEscape(back) }

func (v visitors) Get(_ context.Context, name string) (people.Person, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p, ok := v.people[name]
	if !ok {
		return people.Person{}, people.ErrUnknown
	}
	return p, nil
}

type rights struct{ *house }

func (r rights) Agents(p people.Person) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.agents[p.Name])
}

func (r rights) Admin(p people.Person) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.admin[p.Name])
}

func (r rights) Grants(agent, _ string) (scope.Grants, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fixtureCatalogs().ParseGrants(r.grants[agent])
}

func (rights) Delegates(from, to string) bool { return from == "bot" && to == "other" }

// prover takes a proof "key:NAME", and NAME is the thumbprint; anything else is
// refused. It stands for dpop.Verifier, of which these tests need only the answer.
type prover struct{}

func (prover) Nonce() string { return "nonce" }

func (prover) Check(_ context.Context, proofs []string, _, _, _ string) (string, error) {
	name, ok := strings.CutPrefix(proofs[0], "key:")
	if !ok || len(proofs) != 1 {
		return "", &dpop.Error{Code: dpop.InvalidProof, Reason: "not signed"}
	}
	return name, nil
}

const verifier = "a-verifier-that-nobody-guesses-0123456789abcdef"

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// query is a request for authorization by the client web; pairs change it, and "" as a
// value takes a parameter away.
func query(pairs ...string) url.Values {
	q := url.Values{
		"response_type": {"code"}, "client_id": {"web"}, "redirect_uri": {redirectURI}, "state": {"st4te"}, "code_challenge": {challengeOf(verifier)},
		"code_challenge_method": {"S256"}, "resource": {fixturePublic + ResourcePath},
	}
	set(q, pairs...)
	return q
}

func set(q url.Values, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		} else {
			q.Set(pairs[i], pairs[i+1])
		}
	}
}

func (r *replica) serve(req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, req)
	return w
}

// browse is a GET by a browser in which a person is signed in ("": nobody).
func (r *replica) browse(person, target string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, target, nil)
	if person != "" {
		req.AddCookie(&http.Cookie{Name: "person", Value: person})
	}
	for _, c := range cookies {
		req.AddCookie(c)
	}
	return r.serve(req)
}

func (r *replica) authorize(person string, q url.Values) *httptest.ResponseRecorder {
	return r.browse(person, AuthorizePath+"?"+q.Encode())
}

// ask opens the consent page of a request, which has to be a good one.
func (r *replica) ask(person string, q url.Values) *opened {
	r.h.t.Helper()
	w := r.authorize(person, q)
	to := w.Header().Get("Location")
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(to, ConsentPath+"?request=") {
		r.h.t.Fatalf("no consent page: %d to %q: %s", w.Code, to, w.Body)
	}
	page := r.browse(person, to)
	if page.Code != http.StatusOK {
		r.h.t.Fatalf("the consent page: %d to %q: %s", page.Code, page.Header().Get("Location"), page.Body)
	}
	return &opened{r, person, to, page, formOf(page.Body.String())}
}

// opened is a consent page in a browser.
type opened struct {
	r      *replica
	person string
	url    string
	page   *httptest.ResponseRecorder
	form   url.Values // as it is sent if nothing is changed
}

var inputs = regexp.MustCompile(`<input type="(hidden|radio|checkbox)"([^>]*)>`)
var attribute = regexp.MustCompile(` (name|value)="([^"]*)"`)

func formOf(page string) url.Values {
	form := url.Values{}
	for _, in := range inputs.FindAllStringSubmatch(page, -1) {
		if in[1] != "hidden" && !strings.Contains(in[2], " checked") {
			continue
		}
		var name, value string
		for _, a := range attribute.FindAllStringSubmatch(in[2], -1) {
			if a[1] == "name" {
				name = a[2]
			} else {
				value = a[2]
			}
		}
		form.Add(name, value)
	}
	return form
}

func (o *opened) request(form url.Values) *http.Request {
	req := httptest.NewRequest(http.MethodPost, o.url, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", fixturePublic)
	req.AddCookie(&http.Cookie{Name: "person", Value: o.person})
	for _, c := range o.page.Result().Cookies() {
		req.AddCookie(c)
	}
	return req
}

func (o *opened) send(decision string) *httptest.ResponseRecorder {
	o.form.Set("decision", decision)
	return o.r.serve(o.request(o.form))
}

// answer is what the client is sent from the last page.
func answer(t testing.TB, w *httptest.ResponseRecorder) url.Values {
	t.Helper()
	to, ok := strings.CutPrefix(w.Header().Get("Refresh"), "0; url=")
	if !ok {
		to = w.Header().Get("Location")
	}
	u, err := url.Parse(to)
	if err != nil || to == "" {
		t.Fatalf("no answer to the client: %d, %v: %s", w.Code, w.Header(), w.Body)
	}
	return u.Query()
}

// code goes the whole way of a person to a code.
func (r *replica) code(person string, q url.Values) string {
	r.h.t.Helper()
	code := answer(r.h.t, r.ask(person, q).send("allow")).Get("code")
	if code == "" {
		r.h.t.Fatal("no code")
	}
	return code
}

// token is the answer of the token endpoint.
type token struct {
	Status      int    `json:"-"`
	Access      string `json:"access_token"`
	Type        string `json:"token_type"`
	Refresh     string `json:"refresh_token"`
	Scope       string `json:"scope"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
	body        string
}

// post is a request to the token endpoint; proof "" sends none.
func (r *replica) post(proof string, form url.Values) token {
	req := httptest.NewRequest(http.MethodPost, TokenPath, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if proof != "" {
		req.Header.Set("DPoP", proof)
	}
	w := r.serve(req)
	got := token{Status: w.Code, body: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		r.h.t.Errorf("the token endpoint answers %d %q", w.Code, w.Body)
	}
	return got
}

func exchange(code string, pairs ...string) url.Values {
	form := url.Values{"grant_type": {client.GrantCode}, "client_id": {"web"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier}}
	set(form, pairs...)
	return form
}

func refreshing(token string, pairs ...string) url.Values {
	form := url.Values{"grant_type": {client.GrantRefresh}, "client_id": {"web"}, "refresh_token": {token}}
	set(form, pairs...)
	return form
}

// consent goes the whole way to the first tokens of the client web.
func (r *replica) consent() token {
	r.h.t.Helper()
	got := r.post("", exchange(r.code("alice", query())))
	if got.Status != http.StatusOK || got.Refresh == "" {
		r.h.t.Fatalf("no tokens: %s", got.body)
	}
	return got
}

// alive reports whether an access token is taken.
func (r *replica) alive(access string) bool {
	_, err := r.tokens.Authenticate(r.h.t.Context(), access)
	var refused *auth.TokenError
	if err != nil && !errors.As(err, &refused) {
		r.h.t.Fatal(err)
	}
	return err == nil
}
