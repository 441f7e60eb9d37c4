package server

import (
	"crypto/rand"
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"toolvault/auth/client"
	"toolvault/auth/people"
)

// noise is text that cannot be packed: n characters of base64url.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)[:n]
}

// manyScopes are words of which no two are alike; two of them are known here.
func manyScopes(n int) string {
	all := []string{"crm:contacts.read", "slack:chat:write"}
	for len(all) < n {
		all = append(all, "hubspot:crm.objects."+strings.ToLower(rand.Text()[:8])+".read")
	}
	return strings.Join(all, " ")
}

// within sends requests to a handler, as a browser that knows one server alone.
type within struct{ http.Handler }

func (h within) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "192.0.2.1:4711"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	h.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// longHouse is a server with a long name, real people (ada, password adaPassword) and a
// client that describes itself at a long URL.
func longHouse(t *testing.T) (p *plant, browser *http.Client) {
	t.Helper()
	h := newHouse(t, "")
	label := strings.Repeat("a", 62)
	h.public = "https://" + label + "." + label + "." + label[:54] + ".example"
	id := "https://" + label + ".example/" + noise(120)
	h.clients[id] = client.Client{
		ID: id, Name: "Long", Origin: client.OriginMetadata, Redirects: []string{redirectURI + "/" + noise(80)}, Grants: []string{client.GrantCode}, Auth: client.AuthNone,
	}
	h.clients["long"] = h.clients[id]
	h.agents["ada"] = []string{"bot", "other"}
	var real *people.People
	p = newPlantIn(t, h, func(o *Options) {
		var err error
		if real, err = people.New(people.Options{Store: o.Store, Sealer: h.sealer, Now: h.clock.Now, PublicURL: h.public}); err != nil {
			t.Fatal(err)
		}
		o.People, o.Metadata = real, true
	})
	if err := real.Add(t.Context(), "ada", []byte(adaPassword)); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", p.Handler())
	mux.Handle("/signin", real.Handler())
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser = &http.Client{Transport: within{mux}, Jar: jar}
	browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), h.public+"/") {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return p, browser
}

const adaPassword = "long-and-lovely-horses"

func (p *plant) longQuery(state, scopes string) url.Values {
	c := p.h.clients["long"]
	return query("client_id", c.ID, "redirect_uri", c.Redirects[0], "resource", p.h.public+ResourcePath, "state", state, "scope", scopes, "dpop_jkt", noise(43))
}

// open gets a page, or sends a form to it.
func open(t *testing.T, browser *http.Client, target string, form url.Values) (*http.Response, string) {
	t.Helper()
	var resp *http.Response
	var err error
	if form == nil {
		resp, err = browser.Get(target)
	} else {
		resp, err = browser.PostForm(target, form)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]*)"`)
var returnField = regexp.MustCompile(`name="return" value="([^"]*)"`)

// TestALongRequestGoesAllTheWay: through a real sign-in and the consent, from a client
// that names itself, the server and many scopes at length.
func TestALongRequestGoesAllTheWay(t *testing.T) {
	p, browser := longHouse(t)
	if n := len(p.resource()); n < 200 {
		t.Fatalf("the resource has %d characters", n)
	}
	for name, c := range map[string]struct {
		state  int
		scopes int
	}{"many scopes and a long state": {512, 60}, "the longest state": {maxState, 12}} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		browser.Jar = jar
		state := noise(c.state)
		q := p.longQuery(state, manyScopes(c.scopes))
		resp, text := open(t, browser, p.h.public+AuthorizePath+"?"+q.Encode(), nil)
		if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/signin" {
			t.Fatalf("%s: %d at %s: %s", name, resp.StatusCode, resp.Request.URL, text)
		}
		csrf, back := csrfField.FindStringSubmatch(text), returnField.FindStringSubmatch(text)
		if csrf == nil || back == nil {
			t.Fatalf("%s: the sign-in has forgotten where it was going: %s", name, text)
		}
		resp, text = open(t, browser, p.h.public+"/signin", url.Values{
			"csrf": {csrf[1]}, "name": {"ada"}, "password": {adaPassword}, "return": {html.UnescapeString(back[1])},
		})
		if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != ConsentPath {
			t.Fatalf("%s: after the sign-in %d at %s: %s", name, resp.StatusCode, resp.Request.URL, text)
		}
		form := formOf(text)
		form.Set("decision", "allow")
		form.Set("agent", "bot")
		resp, text = open(t, browser, resp.Request.URL.String(), form)
		to, err := url.Parse(strings.TrimPrefix(resp.Header.Get("Refresh"), "0; url="))
		if err != nil || to.Query().Get("code") == "" || to.Query().Get("state") != state {
			t.Fatalf("%s: %d to %s: %s", name, resp.StatusCode, to, text)
		}
		got := p.post("key:"+q.Get("dpop_jkt"), exchange(to.Query().Get("code"), "client_id", q.Get("client_id"), "redirect_uri", q.Get("redirect_uri")))
		if got.Status != http.StatusOK || got.Scope != "crm:contacts.read slack:chat:write" {
			t.Errorf("%s: %s", name, got.body)
		}
	}
}

// TestTooLongARequest: the client is told, or the person where it cannot be.
func TestTooLongARequest(t *testing.T) {
	p, _ := longHouse(t)
	long := noise(maxState)
	for name, c := range map[string]struct {
		state, scopes string
		back          bool // the state is sent back
	}{
		"a state beyond the limit":   {long + "x", "crm:contacts.read", false},
		"more scopes than there are": {"s", manyScopes(300), true},
		"both at length":             {long, manyScopes(100), true},
	} {
		q := p.longQuery(c.state, c.scopes)
		if len(q.Encode()) > maxQuery { // as some clients do
			q.Set("scope", q.Get("scope")[:5<<10])
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			req := httptest.NewRequest(method, AuthorizePath+"?"+q.Encode(), nil)
			if method == http.MethodPost {
				req = httptest.NewRequest(method, AuthorizePath, strings.NewReader(q.Encode()))
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			w := p.serve(req)
			if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), q.Get("redirect_uri")+"?") {
				t.Errorf("%s, %s: %d to %q: %s", name, method, w.Code, w.Header().Get("Location"), w.Body)
				continue
			}
			to := answer(t, w)
			want := ""
			if c.back {
				want = c.state
			}
			if to.Get("error") != "invalid_request" || to.Get("error_description") == "" || to.Get("state") != want || to.Get("iss") != p.h.public {
				t.Errorf("%s, %s: %v", name, method, to)
			}
		}
	}
	for name, q := range map[string]url.Values{
		"a query of 9 KiB":         query("scope", noise(9<<10)),
		"a client of 9 KiB":        query("client_id", "https://a.example/"+noise(9<<10)),
		"a client of 3 KiB":        query("client_id", "https://a.example/"+noise(3<<10)),
		"a redirect URI of 3 KiB":  query("redirect_uri", redirectURI+"/"+noise(3<<10)),
		"a client that is unknown": query("client_id", "https://a.example/"+noise(300)),
	} {
		w := p.authorize("", q)
		if w.Code < 400 || w.Code >= 500 || w.Header().Get("Location") != "" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d to %q: %s", name, w.Code, w.Header().Get("Location"), w.Body)
		}
	}
	// And of what a browser brings to the page itself.
	for _, n := range []int{1, maxSealed, maxSealed + 1, 8 << 10} {
		w := p.browse("", ConsentPath+"?request="+noise(n))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "<h1") {
			t.Errorf("%d characters: %d %s", n, w.Code, w.Body)
		}
	}
}

// TestALongResource: one that is not ours is an answer, whatever its length.
func TestALongResource(t *testing.T) {
	p, _ := longHouse(t)
	q := p.longQuery("s", "crm:contacts.read")
	for _, resource := range []string{"https://other.example/" + noise(180), "https://other.example/" + noise(4<<10)} {
		q.Set("resource", resource)
		w := p.serve(httptest.NewRequest(http.MethodGet, AuthorizePath+"?"+q.Encode(), nil))
		if to := answer(t, w); w.Code != http.StatusSeeOther || to.Get("error") != "invalid_target" {
			t.Errorf("%d %v", w.Code, to)
		}
	}
}
