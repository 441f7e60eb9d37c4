package vault

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// counterpart is a service that checks what it is sent: a token endpoint at /token
// and an API at /api, which takes the tokens that it has issued.
type counterpart struct {
	*httptest.Server
	mu     sync.Mutex
	asked  int             // for a token
	tokens map[string]bool // in force
	life   string          // expires_in of the next answer, as JSON; "" for none

	// prove says what is wrong with a request for a token, as an OAuth error code.
	prove func(r *http.Request) string
	// admit says whether the API takes a request.
	admit func(r *http.Request) bool
	// answer answers in the place of the token endpoint.
	answer http.HandlerFunc
}

func newCounterpart(t *testing.T) *counterpart {
	c := &counterpart{tokens: map[string]bool{}, life: "3600"}
	c.admit = func(r *http.Request) bool {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		return ok && c.tokens[token]
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", c.token)
	mux.HandleFunc("/api", func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.admit(r) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	return c
}

func (c *counterpart) token(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if c.answer != nil {
		c.answer(w, r)
		return
	}
	_ = r.ParseForm()
	w.Header().Set("Content-Type", "application/json")
	if code := c.prove(r); code != "" {
		w.WriteHeader(map[bool]int{true: http.StatusUnauthorized, false: http.StatusBadRequest}[code == "invalid_client"])
		// A careless server repeats what it was sent.
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": r.PostForm.Encode() + r.Header.Get("Authorization")})
		return
	}
	token := fmt.Sprintf("issued-token-%d", c.asked)
	c.tokens[token] = true
	expires := ""
	if c.life != "" {
		expires = `,"expires_in":` + c.life
	}
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","scope":"read"%s}`, token, expires)
}

// end ends all tokens.
func (c *counterpart) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.tokens)
}

func (c *counterpart) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

// try sends a request with a body to the API and returns the status.
func (c *counterpart) try(t testing.TB, cred *Credential) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL+"/api?b=2&a=1%2F", bytes.NewReader([]byte(`{"text":"hi"}`)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if err := cred.Authorize(r); err != nil {
		t.Fatal(err)
	}
	resp, err := c.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// works resolves a credential and tries it; it fails the test where the API says no.
func (c *counterpart) works(t testing.TB, v *Vault, d Declaration) *Credential {
	t.Helper()
	cred, err := v.Resolve(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if status := c.try(t, cred); status != http.StatusOK {
		t.Fatalf("the service answers %d", status)
	}
	return cred
}

// quiet is a vault for one service, and all that it says. Where it ends, none of the
// secrets that the test has told of may have been said.
type quiet struct {
	*Vault
	clock   *clock
	mu      sync.Mutex
	said    bytes.Buffer
	secrets []string
}

func (q *quiet) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.said.Write(p)
}

// hide tells of texts that are not to be said.
func (q *quiet) hide(secrets ...string) { q.secrets = append(q.secrets, secrets...) }

// say adds what was returned.
func (q *quiet) say(all ...any) {
	for _, v := range all {
		_, _ = fmt.Fprintf(q, "%v\n%+v\n%#v\n", v, v, v)
		_ = json.NewEncoder(q).Encode(v)
	}
}

const serviceName = "crm"

func newQuiet(t *testing.T, service Service) *quiet {
	t.Helper()
	q := &quiet{clock: newClock()}
	st := newStore(t)
	ring, err := OpenKeyring(t.Context(), st, NewMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	q.Vault = New(Options{
		Store: st, Keyring: ring, Now: q.clock.now, HTTP: &http.Client{Timeout: 20 * time.Second},
		Logger: slog.New(slog.NewJSONHandler(q, &slog.HandlerOptions{Level: slog.LevelDebug})), Observe: func(e Event) { q.say(e) },
	})
	q.Configure(nil, map[string]Service{serviceName: service})
	t.Cleanup(func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		for _, s := range q.secrets {
			for line := range strings.SplitSeq(s, "\n") {
				if len(line) > 7 && !strings.HasPrefix(line, "-----") && strings.Contains(q.said.String(), line) {
					t.Errorf("a secret was said: %.12s…", line)
				}
			}
		}
	})
	return q
}

// put stores a secret and declares it.
func (q *quiet) put(t testing.TB, typ, secret string, params map[string]string) Declaration {
	t.Helper()
	q.hide(secret)
	d := Declaration{ID: serviceName + "/a", Owner: Owner{Agent: "a"}, Service: serviceName, Type: typ, Source: "vault:" + serviceName + "/a", Params: params}
	if _, err := q.Put(t.Context(), serviceName+"/a", Stored{Type: typ, Secret: NewSecret(secret)}); err != nil {
		t.Fatal(err)
	}
	return d
}

// fails resolves a credential that cannot be had, and returns why.
func (q *quiet) fails(t testing.TB, d Declaration, kind error) string {
	t.Helper()
	c, err := q.Resolve(t.Context(), d)
	if c != nil || err == nil {
		t.Fatal("it was resolved")
	}
	q.say(err)
	oneSentence(t, err)
	if !is(err, kind) {
		t.Errorf("%v: want it to be %q", err, kind)
	}
	return err.Error()
}

func is(err, kind error) bool {
	for _, k := range []error{ErrInvalid, ErrUnavailable, ErrNeedsConsent} {
		if isKind := errors.Is(err, k); isKind != (k == kind) {
			return false
		}
	}
	return true
}

func oneSentence(t testing.TB, err error) {
	t.Helper()
	if text := err.Error(); len(text) < 20 || len(text) > 300 || strings.ContainsAny(text, "\n\r\t") {
		t.Errorf("this is not one sentence: %q", text)
	}
}

// holds fails the test where a credential's secrets lack one.
func holds(t testing.TB, c *Credential, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		found := false
		for _, has := range c.Secrets() {
			found = found || has.Reveal() == s
		}
		if !found {
			t.Errorf("a secret is not among those to be redacted: %.12s…", s)
		}
	}
}

// keys are made once: RSA keys take a while.
type keys struct {
	rsa, otherRSA *rsa.PrivateKey
	ec, otherEC   *ecdsa.PrivateKey
	ed            ed25519.PrivateKey
}

var testKeys = sync.OnceValue(func() keys {
	var k keys
	k.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.otherRSA, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.otherEC, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, k.ed, _ = ed25519.GenerateKey(rand.Reader)
	return k
})

func pkcs8(t testing.TB, key crypto.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("PRIVATE KEY", der)
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
