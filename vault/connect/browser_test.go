package connect

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"

	"toolvault/auth/people"
)

// browser is one with cookies.
type browser struct {
	w      *world
	client *http.Client
	url    string
	status int
	body   string
	header http.Header
}

func (w *world) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{w: w, client: &http.Client{Jar: jar, Timeout: 20 * time.Second}}
}

// as is a browser in which somebody has signed in.
func (w *world) as(name string) *browser {
	w.t.Helper()
	if !w.real {
		b := w.browser()
		b.become(name)
		return b
	}
	if _, err := w.people.Get(w.t.Context(), name); err != nil {
		if err := w.people.Add(w.t.Context(), name, []byte(password)); err != nil {
			w.t.Fatal(err)
		}
	}
	b := w.browser()
	b.open(w.url + people.SignInPath)
	b.send(url.Values{"name": {name}, "password": {password}})
	if b.status != http.StatusOK || !strings.Contains(b.body, name) {
		w.t.Fatalf("%s could not sign in: %d %s", name, b.status, b.body)
	}
	return b
}

// become is to sign in as somebody, or as somebody else.
func (b *browser) become(name string) {
	at, err := url.Parse(b.w.url)
	if err != nil {
		b.w.t.Fatal(err)
	}
	b.client.Jar.SetCookies(at, []*http.Cookie{{Name: "who", Value: name, Path: "/"}})
}

func (b *browser) do(r *http.Request) *browser {
	b.w.t.Helper()
	answer, err := b.client.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	b.url, b.status, b.body, b.header = answer.Request.URL.String(), answer.StatusCode, string(body), answer.Header
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	if strings.HasPrefix(b.url, b.w.url) {
		b.w.pages.WriteString(b.body)
	}
	return b
}

func (b *browser) open(url string) *browser {
	b.w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return b.do(r)
}

var (
	csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)
	formPlace = regexp.MustCompile(`<form method="post" action="([^"]+)"`)
	onward    = regexp.MustCompile(`<a class="button" href="([^"]+)"`)
)

// send fills in the form of the page and sends it.
func (b *browser) send(values url.Values) *browser {
	b.w.t.Helper()
	token, action := csrfField.FindStringSubmatch(b.body), formPlace.FindStringSubmatch(b.body)
	if token == nil || action == nil {
		b.w.t.Fatalf("there is no form on the page %s: %d %s", b.url, b.status, b.body)
	}
	values = url.Values(http.Header(values).Clone())
	values.Set("csrf", html.UnescapeString(token[1]))
	at, err := url.Parse(b.url)
	if err != nil {
		b.w.t.Fatal(err)
	}
	to, err := at.Parse(html.UnescapeString(action[1]))
	if err != nil {
		b.w.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, to.String(), strings.NewReader(values.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// approve says yes, and returns the address of the provider that the browser is to
// go on to.
func (b *browser) approve() string {
	b.w.t.Helper()
	b.send(url.Values{"answer": {"approve"}})
	m := onward.FindStringSubmatch(b.body)
	if b.status != http.StatusOK || m == nil {
		b.w.t.Fatalf("the browser is not sent on: %d %s", b.status, b.body)
	}
	return html.UnescapeString(m[1])
}

// halfway goes to the provider, and returns the address that the provider sends the
// browser back to, without going there.
func (b *browser) halfway() string {
	b.w.t.Helper()
	to := b.approve()
	client := *b.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Get(to)
	if err != nil {
		b.w.t.Fatal(err)
	}
	_ = answer.Body.Close()
	back := answer.Header.Get("Location")
	if back == "" {
		b.w.t.Fatalf("the provider does not send the browser back: %d", answer.StatusCode)
	}
	return back
}

func (b *browser) shows(status int, texts ...string) {
	b.w.t.Helper()
	plain := html.UnescapeString(b.body)
	if b.status != status {
		b.w.t.Fatalf("the page has the status %d, not %d: %s", b.status, status, plain)
	}
	for _, text := range texts {
		if !strings.Contains(plain, text) {
			b.w.t.Fatalf("the page does not say %q: %s", text, plain)
		}
	}
}

func (b *browser) hides(texts ...string) {
	b.w.t.Helper()
	for _, text := range texts {
		if strings.Contains(html.UnescapeString(b.body), text) {
			b.w.t.Fatalf("the page says %q: %s", text, b.body)
		}
	}
}
