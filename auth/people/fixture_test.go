package people_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/auth/people"
	"toolvault/vault/store"
)

// sealer is AES-256-GCM with the name and version as associated data.
type sealer struct{ cipher.AEAD }

func newSealer(t testing.TB) sealer {
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
	return sealer{gcm}
}

func (s sealer) Seal(plain []byte, name string, version int64) ([]byte, error) {
	return s.AEAD.Seal(nil, nil, plain, fmt.Appendf(nil, "%s\x00%d", name, version)), nil
}

func (s sealer) Open(sealed []byte, name string, version int64) ([]byte, error) {
	return s.AEAD.Open(nil, nil, sealed, fmt.Appendf(nil, "%s\x00%d", name, version))
}

// clock stands still unless moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a store with some replicas on it, each a server of its own behind one
// public URL.
type world struct {
	t        testing.TB
	clock    *clock
	store    store.Store
	public   string
	replicas []*replica

	mu     sync.Mutex
	events []people.Event
	deaf   error // of the audit log

	external struct {
		people.External
		err error
	}
}

type replica struct {
	*people.People
	hashes *atomic.Int64
	http.Handler
}

const password = "long and lovely horses"

func newWorld(t testing.TB, replicas int, public string) *world {
	t.Helper()
	return newWorldOn(t, replicas, public, "file:"+t.TempDir()+"/store.db")
}

func newWorldOn(t testing.TB, replicas int, public, storeURL string) *world {
	t.Helper()
	return newWorldWith(t, replicas, storeURL, people.Options{PublicURL: public})
}

// newWorldWith takes what is not the same in all worlds from o.
func newWorldWith(t testing.TB, replicas int, storeURL string, o people.Options) *world {
	t.Helper()
	public := o.PublicURL
	w := &world{t: t, clock: &clock{now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}, public: public}
	seal := newSealer(t)
	for range replicas {
		st, err := store.Open(t.Context(), storeURL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		w.store = st
		o.Store, o.Sealer, o.Now, o.Observe = st, seal, w.clock.Now, w.observe
		p, err := people.New(o)
		if err != nil {
			t.Fatal(err)
		}
		r := &replica{People: p, hashes: people.Count(p)}
		mux := http.NewServeMux()
		mux.Handle("/", p.Handler())
		// Stands for what calls EnterExternal once it has verified an ID token.
		mux.HandleFunc("POST /external", func(rw http.ResponseWriter, req *http.Request) {
			w.external.err = p.EnterExternal(rw, req, w.external.External)
		})
		mux.HandleFunc("/consent", func(rw http.ResponseWriter, req *http.Request) {
			person, ok := p.Visitor(req)
			_, _ = fmt.Fprintf(rw, "%v %s", ok, person.Name)
		})
		r.Handler = mux
		w.replicas = append(w.replicas, r)
	}
	return w
}

func (w *world) observe(_ context.Context, e people.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deaf != nil {
		return w.deaf
	}
	w.events = append(w.events, e)
	return nil
}

// told returns the events since the last time, a line each.
func (w *world) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, e := range w.events {
		how := e.How
		if how == people.ByPassword { // of most
			how = ""
		}
		fmt.Fprintf(&b, "%s|%s|%s|%s\n", e.Kind, e.Person, strings.Trim(e.Address+" "+how, " "), e.Reason)
	}
	w.events = nil
	return b.String()
}

func (w *world) add(name string) {
	w.t.Helper()
	if err := w.replicas[0].Add(w.t.Context(), name, []byte(password)); err != nil {
		w.t.Fatal(err)
	}
}

// browser keeps cookies, and follows no redirects. Its requests go to any replica.
type browser struct {
	*world
	jar     http.CookieJar
	address string
	header  http.Header
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{world: w, jar: jar, address: "192.0.2.1", header: http.Header{}}
}

type answer struct {
	*http.Response
	text string
}

func (b *browser) do(on int, method, path string, form url.Values) answer {
	b.t.Helper()
	u, err := url.Parse(b.public + path)
	if err != nil {
		b.t.Fatal(err)
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	behind := *u // a proxy takes off what stands before our paths
	if public, err := url.Parse(b.public); err == nil {
		behind.Path = strings.TrimPrefix(u.Path, public.Path)
	}
	r := httptest.NewRequest(method, behind.String(), body)
	r.RemoteAddr = b.address + ":4711"
	if strings.Contains(b.address, ":") {
		r.RemoteAddr = "[" + b.address + "]:4711"
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.public)
	}
	for name, values := range b.header {
		r.Header[name] = values
	}
	for _, c := range b.jar.Cookies(u) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.replicas[on].ServeHTTP(w, r)
	b.jar.SetCookies(u, w.Result().Cookies())
	return answer{w.Result(), w.Body.String()}
}

var tokenField = regexp.MustCompile(`name="csrf" value="([^"]*)"`)

// token opens the sign-in page, on which there is one whoever is signed in.
func (b *browser) token(on int) string {
	b.t.Helper()
	m := tokenField.FindStringSubmatch(b.do(on, "GET", "/signin", nil).text)
	if m == nil {
		b.t.Fatal("the page has no token")
	}
	return m[1]
}

func (b *browser) signIn(on int, name, password string) answer {
	b.t.Helper()
	return b.do(on, "POST", "/signin", url.Values{"csrf": {b.token(on)}, "name": {name}, "password": {password}, "return": {"/consent?x=1"}})
}

// must signs in, which has to succeed.
func (b *browser) must(on int, name string) {
	b.t.Helper()
	if a := b.signIn(on, name, password); a.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("%s cannot sign in: %d\n%s", name, a.StatusCode, a.text)
	}
}

// who is what the page of consent sees.
func (b *browser) who(on int) string {
	b.t.Helper()
	return b.do(on, "GET", "/consent", nil).text
}

func (b *browser) cookie(name string) *http.Cookie {
	u, _ := url.Parse(b.public + "/")
	for _, c := range b.jar.Cookies(u) {
		if strings.HasSuffix(c.Name, "toolvault-"+name) {
			return c
		}
	}
	return nil
}

// plant sets a cookie from outside.
func (b *browser) plant(c *http.Cookie) {
	u, _ := url.Parse(b.public + "/")
	b.jar.SetCookies(u, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/"}})
}

const plain = "http://127.0.0.1:8765"
