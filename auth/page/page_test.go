package page_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"toolvault/auth/page"
)

func newSet(t testing.TB, publicURL string) *page.Set {
	t.Helper()
	s, err := page.New(fstest.MapFS{
		"hello.html": {Data: []byte(`<p>Hello {{.Name}}</p><form method="post">{{template "token" .Token}}<a href="{{.Link}}">x</a></form>`)},
		"other.html": {Data: []byte(`<p>Another page</p>`)},
	}, publicURL)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type hello struct{ Name, Token, Link string }

func TestEveryAnswerForbidsWhatAPageDoesNotNeed(t *testing.T) {
	s := newSet(t, "https://tools.example.com")
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"a page":              func(w http.ResponseWriter, r *http.Request) { _ = s.Write(w, r, 200, "other.html", "T", nil) },
		"an error":            func(w http.ResponseWriter, r *http.Request) { s.Error(w, r, 404, "T", "w", "d") },
		"a redirect":          func(w http.ResponseWriter, r *http.Request) { s.Redirect(w, r, "/there") },
		"a form that is none": func(w http.ResponseWriter, r *http.Request) { s.Form(w, r) },
		"a broken page":       func(w http.ResponseWriter, r *http.Request) { _ = s.Write(w, r, 200, "hello.html", "T", 7) },
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			answer(w, httptest.NewRequest("GET", "/x", nil))
			for header, want := range map[string]string{
				"X-Content-Type-Options":       "nosniff",
				"Referrer-Policy":              "same-origin",
				"Cache-Control":                "no-store",
				"Cross-Origin-Opener-Policy":   "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin",
				"X-Frame-Options":              "DENY",
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
			csp := w.Header().Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'sha256-"} {
				if !strings.Contains(csp, want) {
					t.Errorf("the policy %q lacks %s", csp, want)
				}
			}
			if strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") {
				t.Errorf("the policy %q allows scripts", csp)
			}
		})
	}
}

// TestTheStylesheetIsTheOneOfThePolicy: by its hash, as a browser computes it.
func TestTheStylesheetIsTheOneOfThePolicy(t *testing.T) {
	w := httptest.NewRecorder()
	if err := newSet(t, "https://tools.example.com").Write(w, httptest.NewRequest("GET", "/", nil), 200, "other.html", "T", nil); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(w.Body.String(), "<style>")
	style, _, ok := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !ok || style == "" || !strings.Contains(w.Header().Get("Content-Security-Policy"), want) {
		t.Errorf("%s is not in %s", want, w.Header().Get("Content-Security-Policy"))
	}
}

func TestWhatIsHandedInIsShownAsText(t *testing.T) {
	s := newSet(t, "https://tools.example.com")
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	s.Error(w, r, 400, evil, evil, evil)
	if err := s.Write(w, r, 200, "hello.html", evil, hello{evil, evil, "javascript:alert(1)"}); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	for _, bad := range []string{"<script", "<img", "javascript:"} {
		if strings.Contains(body, bad) {
			t.Errorf("%s came through:\n%s", bad, body)
		}
	}
}

func TestFormsLeadOnlyWhereThePageSays(t *testing.T) {
	s := newSet(t, "https://tools.example.com")
	w := httptest.NewRecorder()
	if err := s.Write(w, httptest.NewRequest("GET", "/", nil), 200, "other.html", "T", nil,
		"https://Provider.example.com/authorize?x=1", "https://a.example; script-src *", "https://b.example;script-src", "https://*", "javascript:alert(1)", "https://b.example.com:8443", "*"); err != nil {
		t.Fatal(err)
	}
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.Contains(csp, "form-action 'self' https://provider.example.com https://b.example.com:8443;") {
		t.Error(csp)
	}
}

func TestAPageThatDoesNotFitItsDataIsNotHalfShown(t *testing.T) {
	s := newSet(t, "https://tools.example.com")
	for _, name := range []string{"hello.html", "missing.html"} {
		w := httptest.NewRecorder()
		err := s.Write(w, httptest.NewRequest("GET", "/", nil), 200, name, "T", struct{ Secret string }{"canary"})
		if err == nil || w.Code != 500 || strings.Contains(w.Body.String(), "<") || strings.Contains(w.Body.String(), "canary") {
			t.Errorf("%s: %v, %d %s", name, err, w.Code, w.Body)
		}
	}
}

func TestARedirectLeadsToAPathOrAProvider(t *testing.T) {
	s := newSet(t, "https://tools.example.com/tv")
	for target, want := range map[string]string{
		s.Path("/connect/x?y=1"):             "/tv/connect/x?y=1",
		"https://provider.example.com/a?b=c": "https://provider.example.com/a?b=c",
		"//evil.example":                     "/tv/",
		`/\evil.example`:                     "/tv/",
		"javascript:alert(1)":                "/tv/",
		"https:evil":                         "/tv/",
		"":                                   "/tv/",
		"/a\r\nSet-Cookie: x=y":              "/tv/",
	} {
		w := httptest.NewRecorder()
		s.Redirect(w, httptest.NewRequest("POST", "/", nil), target)
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("%q: %d %q, want 303 %q", target, w.Code, got, want)
		}
	}
}

func TestCookiesFitThePublicURL(t *testing.T) {
	for public, want := range map[string]string{
		"https://tools.example.com":    "__Host-toolvault-x=v; Path=/; HttpOnly; Secure; SameSite=Lax",
		"https://tools.example.com/tv": "__Host-toolvault-x=v; Path=/; HttpOnly; Secure; SameSite=Lax",
		"http://127.0.0.1:8765":        "toolvault-x=v; Path=/; HttpOnly; SameSite=Lax",
	} {
		s := newSet(t, public)
		if got := s.Cookie("x", "v", 0).String(); got != want {
			t.Errorf("%s: %s, want %s", public, got, want)
		}
		w := httptest.NewRecorder()
		s.Token(w, httptest.NewRequest("GET", "/", nil))
		if got := w.Header().Get("Set-Cookie"); !strings.HasSuffix(got, strings.TrimPrefix(want, strings.SplitN(want, "; ", 2)[0])) {
			t.Errorf("%s: the cookie of forms is %s", public, got)
		}
	}
	s := newSet(t, "https://tools.example.com")
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "__Host-toolvault-x=planted; __Host-toolvault-x=own")
	if got := s.CookieValue(r, "x"); got != "" {
		t.Errorf("of two cookies of one name, %q was taken", got)
	}
}

func TestAPublicURLThatIsNoneIsRefused(t *testing.T) {
	for _, bad := range []string{"", "tools.example.com", "ftp://x", "https://", "https://u:p@x", "https://x?y", "https://x#y", "https://x y"} {
		if _, err := page.New(nil, bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestThePageSpeaksToAScreenReader reads the page as the parser of a browser
// would, as far as our own markup goes.
func TestThePageSpeaksToAScreenReader(t *testing.T) {
	w := httptest.NewRecorder()
	newSet(t, "https://tools.example.com").Error(w, httptest.NewRequest("GET", "/", nil), 404, "Not here", "What", "Do")
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(strings.TrimSpace(w.Body.String()), "<!doctype html>")))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	seen := map[string]int{}
	var lang, viewport, role string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		seen[e.Name.Local]++
		for _, a := range e.Attr {
			switch {
			case e.Name.Local == "html" && a.Name.Local == "lang":
				lang = a.Value
			case e.Name.Local == "meta" && strings.HasPrefix(a.Value, "width="):
				viewport = a.Value
			case e.Name.Local == "p" && a.Name.Local == "role":
				role = a.Value
			}
		}
	}
	for _, once := range []string{"html", "title", "main", "h1", "header"} {
		if seen[once] != 1 {
			t.Errorf("%d times <%s>", seen[once], once)
		}
	}
	if seen["script"] != 0 || lang != "en" || viewport != "width=device-width, initial-scale=1" || role != "alert" {
		t.Errorf("scripts %d, lang %q, viewport %q, role %q", seen["script"], lang, viewport, role)
	}
}

// TestColoursCanBeRead: WCAG 2.2, 1.4.3 (text, 4.5 to 1) and 1.4.11 (edges of
// fields and the focus, 3 to 1), light and dark.
func TestColoursCanBeRead(t *testing.T) {
	css, err := os.ReadFile("page.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, ok := strings.Cut(string(css), "prefers-color-scheme: dark")
	if !ok {
		t.Fatal("there is no dark scheme")
	}
	dark, _, _ = strings.Cut(dark, "*,")
	for scheme, part := range map[string]string{"light": light, "dark": dark} {
		colour := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(part, -1) {
			colour[m[1]] = m[2]
		}
		for _, pair := range []struct {
			front, back string
			least       float64
		}{
			{"text", "card", 4.5}, {"text", "back", 4.5}, {"soft", "back", 4.5}, {"soft", "card", 4.5}, {"main", "card", 4.5},
			{"main-text", "main", 4.5}, {"note-text", "note-back", 4.5}, {"fault-text", "fault-back", 4.5},
			{"line", "card", 3}, {"focus", "card", 3}, {"focus", "back", 3},
		} {
			if got := contrast(t, colour[pair.front], colour[pair.back]); got < pair.least {
				t.Errorf("%s: %s on %s is %.2f to 1, want %.1f", scheme, pair.front, pair.back, got, pair.least)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func luminance(t *testing.T, colour string) float64 {
	n, err := strconv.ParseUint(colour, 16, 32)
	if err != nil {
		t.Fatal(fmt.Errorf("colour %q: %w", colour, err))
	}
	part := func(c uint64) float64 {
		v := float64(c) / 255
		if v <= .04045 {
			return v / 12.92
		}
		return math.Pow((v+.055)/1.055, 2.4)
	}
	return .2126*part(n>>16&255) + .7152*part(n>>8&255) + .0722*part(n&255)
}
