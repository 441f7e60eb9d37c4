package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/auth/client"
)

// clock is a clock that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)} }

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

// TestRedirectTricks: auth.md section 5, redirect_uri.
func TestRedirectTricks(t *testing.T) {
	c := client.Client{Redirects: []string{"http://127.0.0.1/cb", "http://localhost/l", "https://a.example/cb", "http://[::1]:80/six", "http://127.0.0.1/q?a=1"}}
	for uri, want := range map[string]bool{
		"http://127.0.0.1:9/cb":        true,
		"http://127.0.0.1:65535/cb":    true,
		"http://[::1]:99/six":          true,
		"http://127.0.0.1:9/q?a=1":     true,
		"http://127.0.0.1:/cb":         false,
		"http://127.0.0.1:0/cb":        false,
		"http://127.0.0.1:65536/cb":    false,
		"http://127.0.0.1:99999/cb":    false,
		"http://127.0.0.1:-1/cb":       false,
		"http://127.0.0.1:080@evil/cb": false,
		"http://127.0.0.1:9/CB":        false,
		"http://127.0.0.1:9/l":         false,
		"http://127.0.0.1:9/cb?x=1":    false,
		"http://127.0.0.1:9/q?a=2":     false,
		"http://127.0.0.1:9/./cb":      false,
		"http://127.0.0.1:9//cb":       false,
		"http://127.0.0.1:9/cb\n":      false,
		"http://127.0.0.1:9/cb#":       false,
		"http://127.0.0.1:9/cb#f":      false,
		"http://127.0.0.1:9\\@evil/cb": false,
		"HTTP://127.0.0.1:9/cb":        false,
		"http://127.1:9/cb":            false,
		"http://[::ffff:127.0.0.1]/cb": false,
		"http://LOCALHOST/l":           false,
		"https://a.example:443/cb":     false,
		"//127.0.0.1/cb":               false,
	} {
		if got := c.Redirect(uri); got != want {
			t.Errorf("Redirect(%q) = %v", uri, got)
		}
	}
	if (client.Client{Redirects: []string{"http://a.example/cb"}}).Redirect("http://a.example:9/cb") {
		t.Error("the port of another machine is free")
	}
	for uri, want := range map[string]bool{
		"com.example.app:/cb":       true,
		"com.example.app:/":         true,
		"cursor://host/cb":          true,
		"https://h:8443/cb":         true,
		"foo:/x":                    false,
		"foo:///x":                  false,
		"foo://:80/x":               false,
		"com.example.app:cb":        false,
		"JavaScript://x/%0aalert()": false,
		"javascript://x/%0aalert()": false,
		"HTTPS://a.example/cb":      false,
		"jar:https://a.example!/x":  false,
		"jar://a.example/x":         false,
		"intent://x/":               false,
		"view-source://a.example/":  false,
		"https://h:/cb":             false,
		"https://h:65536/cb":        false,
		"https://h:0/cb":            false,
		"http://127.0.0.1:/cb":      false,
		"https://:443/cb":           false,
		"http://127.0.0.1@evil/":    false,
		"https://a.example/{x}":     false,
		"https://a.example/`x`":     false,
		"https://ä.example/":        false,
	} {
		if err := client.CheckRedirect(uri); (err == nil) != want {
			t.Errorf("CheckRedirect(%q): %v", uri, err)
		}
	}
}

// TestNamesThatHide: what a stranger calls itself is shown to people.
func TestNamesThatHide(t *testing.T) {
	now := newClock()
	r := registry(t, filepath.Join(t.TempDir(), "s.db"), func(o *client.Options) { o.Now = now.Now })
	for name, want := range map[string]string{
		"x\ny\tz": "x y z", "a\u061cb": "ab", "a\u00adb": "ab", "a\u2028b": "a b", "a\ufff9b": "ab", "a\u180eb": "ab", "a\u202eb": "ab", "a\u200db": "ab",
		"a\ufe0fb": "ab", "a\u3164b": "ab", "\U000e0041a": "a", "a\u0085b": "a b", "  a ": "a", "\xffa": "a", "Zürich 東京": "Zürich 東京", strings.Repeat("ä", 60): strings.Repeat("ä", 50),
	} {
		now.pass(time.Hour) // a bucket of registrations that is never empty
		c, _, err := r.Register(t.Context(), name, client.Metadata{Name: name, Redirects: []string{"https://a.example/cb"}})
		if err != nil || c.Name != want {
			t.Errorf("%q is shown as %q, want %q: %v", name, c.Name, want, err)
		}
	}
}

// site is where clients describe themselves.
type site struct {
	*httptest.Server
	asked atomic.Int64
	mu    sync.Mutex
	files map[string]string
	away  bool
}

func newSite(t testing.TB) *site {
	s := &site{files: map[string]string{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		s.mu.Lock()
		text, ok := s.files[r.URL.Path]
		away := s.away
		s.mu.Unlock()
		switch {
		case away:
			w.WriteHeader(http.StatusBadGateway)
		case !ok:
			http.NotFound(w, r)
		default:
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "max-age=999999999")
			_, _ = w.Write([]byte(text))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) set(path, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path] = text
}

func (s *site) fail(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func (s *site) describe(path, more string) string {
	s.set(path, fmt.Sprintf(`{"client_id":%q,"client_name":"App","redirect_uris":["https://app.example.com/cb"]%s}`, s.URL+path, more))
	return s.URL + path
}

// TestSpellingsThatGoTwoWays: encoding/json takes other spellings of a name for it.
func TestSpellingsThatGoTwoWays(t *testing.T) {
	s := newSite(t)
	for i, more := range []string{
		`,"Redirect_uris":["https://evil.example/"]`, `,"redirect_uri` + "\u017f" + `":["https://evil.example/"]`, `,"redirect_uri\u017f":["https://evil.example/"]`,
		`,"redirect_uris":["https://evil.example/"]`, `,"jw` + "\u212a" + `s":1`, `,"jw\u212as":{}`, `,"client_name":"App"`, `,"x":1,"x":2`, `}{`, `} x`, `}]`,
		`,"client_secret":"s"`, `,"client_secret":null`, `,"client_secret_expires_at":0`, `,"CLIENT_SECRET":"s"`,
	} {
		r := registry(t, filepath.Join(t.TempDir(), "s.db"), func(o *client.Options) { o.Fetch = s.Client() })
		id := s.describe(fmt.Sprintf("/c%d", i), more)
		var wrong *client.InvalidError
		if c, err := r.Find(t.Context(), id); !errors.As(err, &wrong) {
			t.Errorf("%s: %+v %v", more, c, err)
		}
	}
	r := registry(t, filepath.Join(t.TempDir(), "s.db"), func(o *client.Options) { o.Fetch = s.Client() })
	s.set("/hidden", fmt.Sprintf(`{"client_id":%q,"client_name":"\u200b\u202e","redirect_uris":["https://a.example/cb"]}`, s.URL+"/hidden"))
	if _, err := r.Find(t.Context(), s.URL+"/hidden"); err == nil {
		t.Error("a name of which nothing can be seen is taken")
	}
	s.describe("/padded", "")
	s.set("/padded", s.files["/padded"]+strings.Repeat(" ", 10<<10))
	if _, err := r.Find(t.Context(), s.URL+"/padded"); err == nil {
		t.Error("more than 10 KiB are taken")
	}
	long := "/" + strings.Repeat("l", 400)
	if _, err := r.Find(t.Context(), s.describe(long, "")); err != nil {
		t.Errorf("a URL of 400 bytes is refused: %v", err)
	}
}

// TestWhatIsRemembered: a document is kept a day at most, one that is wrong for half a
// minute, and a thousand wrong ones push out none that is good.
func TestWhatIsRemembered(t *testing.T) {
	s, now := newSite(t), newClock()
	r := registry(t, filepath.Join(t.TempDir(), "s.db"), func(o *client.Options) { o.Fetch, o.Now = s.Client(), now.Now })
	good := s.describe("/good", "")
	find := func(id string) int64 {
		before := s.asked.Load()
		_, _ = r.Find(t.Context(), id)
		return s.asked.Load() - before
	}
	if find(good) != 1 || find(good) != 0 || find(s.URL+"/junk") != 1 || find(s.URL+"/junk") != 0 {
		t.Error("it is not remembered")
	}
	now.pass(31 * time.Second)
	if find(s.URL+"/junk") != 1 || find(good) != 0 {
		t.Error("what is wrong is not asked for again after half a minute, or what is good is")
	}
	for i := range 1100 {
		find(fmt.Sprintf("%s/junk%d", s.URL, i))
	}
	if find(good) != 0 {
		t.Error("junk pushed out what is good")
	}
	if find(s.URL+"/junk1099") != 0 || find(s.URL+"/junk0") != 1 {
		t.Error("not the oldest was forgotten")
	}
	now.pass(24 * time.Hour)
	if find(good) != 1 {
		t.Error("a day is the longest")
	}
}

// TestTooManyRegister: a flood leaves few lines in the audit log, and they say how
// many there were.
func TestTooManyRegister(t *testing.T) {
	now := newClock()
	var mu sync.Mutex
	var told []client.Event
	r := registry(t, filepath.Join(t.TempDir(), "s.db"), func(o *client.Options) {
		o.Now = now.Now
		o.Observe = func(_ context.Context, e client.Event) error {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, e)
			return nil
		}
	})
	h := r.RegisterHandler()
	post := func(body string) *httptest.ResponseRecorder {
		w, req := httptest.NewRecorder(), httptest.NewRequest("POST", "/oauth/register", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		h.ServeHTTP(w, req)
		return w
	}
	for range 20 { // the wrong ones count too
		if w := post(`{"redirect_uris":["javascript:x"]}`); w.Code != http.StatusBadRequest {
			t.Fatal(w.Code, w.Body)
		}
	}
	before := len(told)
	for range 50 {
		if w := post(`{"redirect_uris":["https://a.example/cb"]}`); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
			t.Fatal(w.Code, w.Body)
		}
	}
	now.pass(time.Second)
	post(`{"redirect_uris":["https://a.example/cb"]}`)
	if n := len(told) - before; n != 2 {
		t.Fatalf("%d lines, want 2", n)
	}
	if e := told[len(told)-1]; e.Kind != client.Refused || !strings.Contains(e.Reason, "50 refused") {
		t.Errorf("%+v", e)
	}
	if w := post(`{"client_name":"` + strings.Repeat("a", 17<<10) + `"}`); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge body: %d", w.Code)
	}
}

// TestSecretIsOnlyHashed: what a client is given stands nowhere in the store.
func TestSecretIsOnlyHashed(t *testing.T) {
	var sealed [][]byte
	path := filepath.Join(t.TempDir(), "s.db")
	r := registry(t, path, func(o *client.Options) { o.Sealer = spy{&sealed} })
	c, secret, err := r.Register(t.Context(), "a", client.Metadata{Redirects: []string{"https://a.example/cb"}, Auth: client.AuthPost})
	if err != nil || !c.SecretIs(secret.Reveal()) {
		t.Fatal(err)
	}
	if p, none, err := r.Register(t.Context(), "a", client.Metadata{Redirects: []string{"https://a.example/cb"}}); err != nil || !p.Public() || none.Reveal() != "" {
		t.Errorf("%+v %v", p, err)
	}
	for _, text := range sealed {
		if strings.Contains(string(text), secret.Reveal()) {
			t.Error("the secret is in the store")
		}
	}
	out, err := json.Marshal(c)
	if err != nil || strings.Contains(string(out), secret.Reveal()) {
		t.Errorf("%s %v", out, err)
	}
}

// spy keeps what is sealed.
type spy struct{ sealed *[][]byte }

func (s spy) Seal(p []byte, _ string, _ int64) ([]byte, error) {
	*s.sealed = append(*s.sealed, p)
	return p, nil
}
func (s spy) Open(p []byte, _ string, _ int64) ([]byte, error) { return p, nil }

func FuzzDocument(f *testing.F) {
	f.Add(`{"client_id":"https://a.example/c","client_name":"n","redirect_uris":["https://a.example/cb"]}`)
	f.Add(`{"client_id":"https://a.example/c","client_name":"n","redirect_uris":["https://a.example/cb"],"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}}`)
	f.Add(`{"redirect_urıs":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		const id = "https://a.example/c"
		c, err := client.ParseDocument(id, []byte(text))
		var wrong *client.InvalidError
		switch {
		case err != nil && !errors.As(err, &wrong):
			t.Errorf("%q: %v", text, err)
		case err != nil:
		case c.ID != id || c.Origin != client.OriginMetadata || c.Name == "" || c.Trusted || c.Agent != "" || c.Admin != nil || c.Secrets != nil || len(c.Redirects) == 0 || c.May(client.GrantOwn):
			t.Errorf("%q: %+v", text, c)
		default:
			var plain map[string]any // compared with its capitals
			if err := json.Unmarshal([]byte(text), &plain); err != nil || plain["client_id"] != id {
				t.Errorf("%q: another reader reads another id", text)
			}
			for _, uri := range c.Redirects {
				if !c.Redirect(uri) || client.CheckRedirect(uri) != nil {
					t.Errorf("%q", uri)
				}
			}
		}
	})
}
