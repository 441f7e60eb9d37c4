package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/auth/client"
	"toolvault/vault/store"
)

type plain struct{}

func (plain) Seal(p []byte, _ string, _ int64) ([]byte, error) { return p, nil }
func (plain) Open(p []byte, _ string, _ int64) ([]byte, error) { return p, nil }

func registry(t testing.TB, path string, edit func(*client.Options)) *client.Registry {
	t.Helper()
	st, err := store.Open(context.Background(), "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	o := client.Options{Store: st, Sealer: plain{}, Now: time.Now, Registration: true}
	if edit != nil {
		edit(&o)
	}
	r, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRedirects(t *testing.T) {
	c := client.Client{Redirects: []string{"https://app.example.com/cb", "http://127.0.0.1/cb", "http://localhost:7777/cb", "com.example.app:/cb"}}
	for uri, want := range map[string]bool{
		"https://app.example.com/cb":       true,
		"http://127.0.0.1/cb":              true,
		"http://127.0.0.1:5123/cb":         true,
		"http://localhost:9/cb":            true,
		"com.example.app:/cb":              true,
		"https://app.example.com/cb/":      false,
		"https://app.example.com/cb/x":     false,
		"https://app.example.com/c":        false,
		"https://app.example.com/cb?x=1":   false,
		"https://app.example.com/cb#x":     false,
		"https://app.example.com:444/cb":   false,
		"https://APP.example.com/cb":       false,
		"https://app.example.com.evil/cb":  false,
		"https://app.example.com@evil/cb":  false,
		"http://app.example.com/cb":        false,
		"http://127.0.0.1:80@evil/cb":      false,
		"http://127.0.0.1.evil.example/cb": false,
		"http://user@127.0.0.1/cb":         false,
		"http://127.0.0.1/cb/../x":         false,
		"http://127.0.0.1/%63b":            false,
		"http://127.0.0.1/cb#":             false,
		"http://[::1]/cb":                  false,
		"http://127.0.0.2/cb":              false,
		"https://127.0.0.1/cb":             false,
		"com.example.app:/cb2":             false,
		"":                                 false,
	} {
		if got := c.Redirect(uri); got != want {
			t.Errorf("%q: %v", uri, got)
		}
	}
	if (client.Client{Redirects: []string{"http://127.0.0.1/cb"}}).Redirect("http://localhost/cb") {
		t.Error("localhost is taken for 127.0.0.1")
	}
}

func TestCheckRedirect(t *testing.T) {
	for uri, want := range map[string]bool{
		"https://a.example/cb": true, "http://127.0.0.1/cb": true, "http://[::1]:8/cb": true, "http://localhost/cb": true,
		"com.example.app:/cb": true, "cursor://anysphere.cursor/cb": true,
		"": false, "/cb": false, "a.example/cb": false, "http://a.example/cb": false, "https:///cb": false, "https://u@a.example/cb": false,
		"https://a.example/cb#f": false, "https://a.example/cb#": false, "javascript:alert(1)": false, "data:text/html,x": false, "file:///etc/passwd": false,
		"vbscript:x": false, "https://a.example/c b": false, "https://a.example/\n": false, "ws://a.example/": false, "https://a.example\\@evil/": false,
		"https://a.example/" + strings.Repeat("a", 600): false,
	} {
		if err := client.CheckRedirect(uri); (err == nil) != want {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

// TestDocuments: what describes a client, and what is taken for it.
func TestDocuments(t *testing.T) {
	var body atomic.Value
	var status, asked atomic.Int64
	var kind atomic.Value
	site := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path == "/elsewhere" {
			http.Redirect(w, r, "/c", http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", kind.Load().(string))
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write([]byte(body.Load().(string)))
	}))
	defer site.Close()
	id := site.URL + "/c"
	good := fmt.Sprintf(`{"client_id":%q,"client_name":"App","redirect_uris":["https://app.example.com/cb"],"extraField":1}`, id)
	find := func(id, text string, code int, contentType string) (client.Client, error) {
		body.Store(text)
		status.Store(int64(code))
		kind.Store(contentType)
		r := registry(t, filepath.Join(t.TempDir(), "s.db"), func(o *client.Options) { o.Fetch = site.Client() })
		return r.Find(t.Context(), id)
	}
	c, err := find(id, good, 200, "application/json; charset=utf-8")
	if err != nil || c.Name != "App" || c.Origin != client.OriginMetadata || !c.Public() || !slices.Equal(c.Grants, []string{client.GrantCode, client.GrantRefresh}) {
		t.Fatalf("%+v %v", c, err)
	}
	replace := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, text := range map[string]string{
		"another id":          replace("/c\"", "/d\""),
		"the id without case": replace("https://", "HTTPS://"),
		"a secret":            replace(`"extraField":1`, `"client_secret":"s"`),
		"a secret's method":   replace(`"extraField":1`, `"token_endpoint_auth_method":"client_secret_basic"`),
		"no name":             replace(`"client_name":"App",`, ``),
		"no redirects":        replace(`["https://app.example.com/cb"]`, `[]`),
		"a bad redirect":      replace("https://app.example.com/cb", "javascript:alert(1)"),
		"a name twice":        replace(`"extraField":1`, `"client_id":"x"`),
		"a name in capitals":  replace(`"extraField":1`, `"Redirect_URIs":["https://evil.example/"]`),
		"more after it":       good + "}",
		"two":                 good + good,
		"no object":           "[]",
		"cut off":             good[:20],
		"another grant":       replace(`"extraField":1`, `"grant_types":["client_credentials"]`),
		"a key without keys":  replace(`"extraField":1`, `"token_endpoint_auth_method":"private_key_jwt"`),
		"keys over http":      replace(`"extraField":1`, `"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"http://a.example/k"`),
		"huge":                replace("App", strings.Repeat("a", 20<<10)),
	} {
		if c, err := find(id, text, 200, "application/json"); err == nil {
			t.Errorf("%s: taken as %+v", name, c)
		}
	}
	if _, err := find(id, good, 404, "application/json"); err == nil {
		t.Error("404 is taken")
	}
	if _, err := find(id, good, 200, "text/html"); err == nil {
		t.Error("a page is taken")
	}
	if _, err := find(site.URL+"/elsewhere", replace("/c\"", "/elsewhere\""), 200, "application/json"); err == nil {
		t.Error("a redirect is followed")
	}
	before := asked.Load()
	host := strings.TrimPrefix(site.URL, "https://")
	for _, id := range []string{
		"http://" + host + "/c", "https://" + host, "https://" + host + "/", "https://u@" + host + "/c", "https://" + host + "/c#f", "https://" + host + "/a/../c",
		"https://" + host + "/./c", "HTTPS://" + host + "/c", "ftp://" + host + "/c", "https:///c", "https://" + host + "/" + strings.Repeat("a", 600),
	} {
		if _, err := find(id, good, 200, "application/json"); err == nil {
			t.Errorf("%s is taken", id)
		}
	}
	if asked.Load() != before {
		t.Error("a URL that is none was asked for")
	}

	// What is good and what is wrong are both remembered.
	body.Store(good)
	status.Store(200)
	r := registry(t, filepath.Join(t.TempDir(), "s.db"), func(o *client.Options) { o.Fetch = site.Client() })
	before = asked.Load()
	for range 20 {
		_, _ = r.Find(t.Context(), id)
		_, _ = r.Find(t.Context(), site.URL+"/wrong")
	}
	if n := asked.Load() - before; n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	none := registry(t, filepath.Join(t.TempDir(), "s.db"), func(o *client.Options) {
		o.Fetch, o.Allowed = site.Client(), func(string) bool { return false }
	})
	if _, err := none.Find(t.Context(), id); err == nil {
		t.Error("a host that is not allowed is taken")
	}
}

// TestNobodyInsideIsAsked: a stranger's URL reaches no address that is not public.
func TestNobodyInsideIsAsked(t *testing.T) {
	var asked atomic.Int64
	site := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer site.Close()
	r := registry(t, filepath.Join(t.TempDir(), "s.db"), func(o *client.Options) { o.Fetch = client.GuardedClient() })
	_, port, _ := strings.Cut(strings.TrimPrefix(site.URL, "https://"), ":")
	for _, host := range []string{"127.0.0.1:" + port, "[::1]:" + port, "[::ffff:127.0.0.1]:" + port, "localhost:" + port, "169.254.169.254", "10.0.0.1", "[fd00::1]"} {
		if _, err := r.Find(t.Context(), "https://"+host+"/c"); err == nil {
			t.Errorf("%s is taken", host)
		}
	}
	if asked.Load() != 0 {
		t.Error("somebody inside was asked")
	}
}

func TestAddedClients(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	var events []string
	failing := false
	a := registry(t, path, func(o *client.Options) {
		o.Observe = func(_ context.Context, e client.Event) error {
			if failing {
				return errors.New("the log is full")
			}
			events = append(events, e.Kind)
			return nil
		}
	})
	b := registry(t, path, nil)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	defer func() { stop(); <-done }()
	web := client.Client{ID: "web", Name: "Web", Auth: client.AuthBasic, Redirects: []string{"https://a.example/cb"}, Grants: []string{client.GrantCode}}
	if err := a.Add(ctx, web); err != nil {
		t.Fatal(err)
	}
	if err := a.Add(ctx, web); err == nil {
		t.Error("added twice")
	}
	one, err := a.NewSecret(ctx, "web")
	if err != nil {
		t.Fatal(err)
	}
	two, err := a.NewSecret(ctx, "web")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := a.Find(ctx, "web"); err != nil || !c.SecretIs(one.Reveal()) || !c.SecretIs(two.Reveal()) || c.SecretIs("") || c.SecretIs("other") {
		t.Errorf("%v: two secrets overlap", err)
	}
	soon := func(what string, ok func(client.Client, error) bool) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); ; {
			if ok(b.Find(ctx, "web")) {
				return
			}
			if time.Now().After(end) {
				t.Fatal(what)
			}
			time.Sleep(5 * time.Millisecond) // the step of a poll
		}
	}
	soon("another process does not know it", func(c client.Client, err error) bool { return err == nil && c.SecretIs(two.Reveal()) })
	if third, err := a.NewSecret(ctx, "web"); err != nil {
		t.Fatal(err)
	} else if c, _ := a.Find(ctx, "web"); c.SecretIs(one.Reveal()) || !c.SecretIs(third.Reveal()) {
		t.Error("the oldest secret is still good")
	}
	if err := a.Configure([]client.Client{{ID: "web", Auth: client.AuthNone, Redirects: []string{"https://b.example/cb"}, Grants: []string{client.GrantCode}}}); err != nil {
		t.Fatal(err)
	}
	if c, _ := a.Find(ctx, "web"); c.Origin != client.OriginConfig {
		t.Error("the store hides the config")
	}
	if err := a.Remove(ctx, "web"); err == nil {
		t.Error("a client of the config was removed")
	}
	if err := a.Configure(nil); err != nil {
		t.Fatal(err)
	}

	// A removal that could not be recorded can be asked for again.
	failing = true
	if err := a.Remove(ctx, "web"); err == nil {
		t.Error("removed, and nobody knows")
	}
	if _, err := a.Find(ctx, "web"); !errors.Is(err, client.ErrUnknown) {
		t.Error("it can still get tokens")
	}
	failing = false
	if err := a.Remove(ctx, "web"); err != nil {
		t.Errorf("it cannot be removed again: %v", err)
	}
	soon("another process still knows it", func(_ client.Client, err error) bool { return errors.Is(err, client.ErrUnknown) })
	if err := a.Remove(ctx, "web"); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("%v", err)
	}
	for _, bad := range []client.Client{
		{ID: "", Auth: client.AuthNone}, {ID: "a b", Auth: client.AuthNone}, {ID: "https://x.example/c", Auth: client.AuthNone}, {ID: "x", Auth: "magic"},
		{ID: "x", Agent: "bot", Auth: client.AuthNone}, {ID: "x", Auth: client.AuthNone, Grants: []string{client.GrantCode}},
		{ID: "x", Auth: client.AuthNone, Redirects: []string{"http://evil.example/"}}, {ID: "x", Name: "a\u202eb", Auth: client.AuthNone},
	} {
		if err := a.Add(ctx, bad); err == nil {
			t.Errorf("added: %+v", bad)
		}
	}
}

func TestRegistration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	r := registry(t, path, nil)
	h := r.RegisterHandler()
	post := func(body string) (int, map[string]any) {
		w := httptest.NewRecorder()
		req := httptest.NewRequest("POST", "/oauth/register", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		h.ServeHTTP(w, req)
		var answer map[string]any
		_ = json.Unmarshal(w.Body.Bytes(), &answer)
		return w.Code, answer
	}
	status, a := post(`{"client_name":"A\u202epp\n","redirect_uris":["http://127.0.0.1/cb"],"token_endpoint_auth_method":"client_secret_post","grant_types":["authorization_code","client_credentials"],"client_secret":"mine"}`)
	secret, _ := a["client_secret"].(string)
	if status != 201 || a["client_name"] != "App" || len(secret) < 40 || secret == "mine" || fmt.Sprint(a["grant_types"]) != "[authorization_code]" {
		t.Fatalf("%d %v", status, a)
	}
	c, err := r.Find(t.Context(), a["client_id"].(string))
	if err != nil || !c.SecretIs(secret) || c.May(client.GrantOwn) || c.Origin != client.OriginRegistered {
		t.Errorf("%+v %v", c, err)
	}
	for body, want := range map[string]string{
		`{"redirect_uris":["http://evil.example/cb"]}`: "invalid_redirect_uri",
		`{}`: "invalid_redirect_uri",
		`{"redirect_uris":["https://a.example/cb"],"grant_types":["implicit"]}`:       "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/cb"],"token_endpoint_auth_method":"x"}`: "invalid_client_metadata",
		`{"redirect_uris":["http://127.0.0.1/cb"],"application_type":"web"}`:          "",
		`[]`: "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/cb"],"redirect_uris":["https://b.x/cb"]}`: "invalid_client_metadata",
	} {
		status, a := post(body)
		if status != 400 || want != "" && a["error"] != want {
			t.Errorf("%s: %d %v", body, status, a)
		}
	}
	for range 20 {
		status, _ = post(`{"redirect_uris":["https://a.example/cb"]}`)
	}
	if status != http.StatusTooManyRequests {
		t.Errorf("one address registers as often as it likes: %d", status)
	}
}

func FuzzRedirect(f *testing.F) {
	f.Add("http://127.0.0.1:80@evil/cb")
	f.Add("https://app.example.com/cb")
	c := client.Client{Redirects: []string{"https://app.example.com/cb", "http://127.0.0.1/cb"}}
	f.Fuzz(func(t *testing.T, uri string) {
		if c.Redirect(uri) && uri != "https://app.example.com/cb" && !(strings.HasPrefix(uri, "http://127.0.0.1") && strings.HasSuffix(uri, "/cb") && !strings.Contains(uri, "@")) {
			t.Errorf("%q", uri)
		}
		_ = client.CheckRedirect(uri)
	})
}
