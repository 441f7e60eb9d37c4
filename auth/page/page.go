// Package page is how the web pages of toolvault look and what guards them.
//
// A page is a template of the caller's package inside one layout: HTML from the
// server, one stylesheet, no script but for the few pages that cannot do without
// one (WriteScripted). Every answer forbids what a page does not need: scripts,
// images, frames, forms to elsewhere (Content-Security-Policy), being framed (clickjacking: RFC 9700, section 4.16), being kept by a cache, and
// being read by a window of another site. Forms carry a token against forgery
// from other sites (Token and Checked). All that a caller hands in as data is
// escaped where it is shown.
//
// What the stylesheet knows: h2, p, ul, dl (facts: dt and dd), form, label, input,
// button (the main action), button.other (the second one), a.button, p.note (what
// went well), p.fault (what went wrong; give it role="alert"), div.actions
// (buttons in a row). A template has no h1: the title is the one of the page.
//
// The package imports nothing of ours.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
)

//go:embed templates/layout.html templates/error.html
var layoutFiles embed.FS

//go:embed page.css
var stylesheet string

// Set is the pages of one package, on a server with one public URL. It is safe
// for concurrent use.
type Set struct {
	pages  map[string]*template.Template // by file name
	style  string                        // the CSP source of the stylesheet
	public *url.URL
}

// New reads the pages of a package: each *.html at the top of templates is one,
// named by its file. Its template sees the data of Write as dot, and may use
// {{template "token" .Token}}, which is the hidden field of a form for a token
// that Token made. publicURL is how browsers reach the server: http or https, a
// host, and perhaps a path before ours. It decides the form of cookies, and where
// forms may come from.
func New(templates fs.FS, publicURL string) (*Set, error) {
	public, err := parsePublic(publicURL)
	if err != nil {
		return nil, err
	}
	layout, err := template.New("layout.html").ParseFS(layoutFiles, "templates/layout.html")
	if err != nil {
		return nil, fmt.Errorf("the layout of pages: %w", err)
	}
	sum := sha256.Sum256([]byte(stylesheet))
	s := &Set{
		pages: map[string]*template.Template{}, public: public,
		style: "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
	}
	own, err := fs.Sub(layoutFiles, "templates")
	if err != nil {
		return nil, err
	}
	if err := s.read(layout, own, errorPage); err != nil {
		return nil, err
	}
	if templates == nil {
		return s, nil
	}
	names, err := fs.Glob(templates, "*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := s.read(layout, templates, name); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func parsePublic(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the public URL %q of the pages has to be https://HOST or https://HOST/PATH", raw)
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

func (s *Set) read(layout *template.Template, files fs.FS, name string) error {
	body, err := fs.ReadFile(files, name)
	if err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	t, err := layout.Clone()
	if err == nil {
		_, err = t.New("body").Parse(string(body))
	}
	if err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	s.pages[name] = t
	return nil
}

// view is what the layout sees.
type view struct {
	Title, Product string
	Style          template.CSS
	Script         string // its path as browsers see it; "" for a page without
	Data           any
}

// Write answers with a page: the template called name under the title, which is
// also its heading. formAction are origins (https://HOST) beyond our own to which
// a form of this page may lead, by a redirect after it was sent; browsers hold
// the whole way of a form against the policy of its page (CSP 3, section 6.6.1).
//
// An error means that the template did not fit the data; the visitor has then
// seen a bare error of ours.
func (s *Set) Write(w http.ResponseWriter, r *http.Request, status int, name, title string, data any, formAction ...string) error {
	return s.write(w, status, name, title, data, "", formAction)
}

// WriteScripted is Write for a page that needs a script: the file of ours at a path
// of this server, which ServeScript answers. The page may then run scripts from
// files of this server, none inside its HTML, and fetch from this server, nothing
// else. It must be of use where scripts are switched off, or say that it is not.
func (s *Set) WriteScripted(w http.ResponseWriter, r *http.Request, status int, name, title string, data any, script string, formAction ...string) error {
	if !Local(script) {
		return fmt.Errorf("page %s: the script %q is not a path of this server", name, script)
	}
	return s.write(w, status, name, title, data, s.Path(script), formAction)
}

func (s *Set) write(w http.ResponseWriter, status int, name, title string, data any, script string, formAction []string) error {
	var b bytes.Buffer
	t, ok := s.pages[name]
	err := fmt.Errorf("there is no page %q", name)
	if ok {
		err = t.Execute(&b, view{Title: title, Product: product, Style: template.CSS(stylesheet), Script: script, Data: data})
	}
	s.headers(w.Header(), formAction)
	if script != "" {
		w.Header().Set("Content-Security-Policy", w.Header().Get("Content-Security-Policy")+"; script-src 'self'; connect-src 'self'")
	}
	if err != nil {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(brokenPage))
		return fmt.Errorf("page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
	return nil
}

const errorPage = "error.html"

// Error answers with a page that says what happened and whose fault it is (what),
// and what to do about it (todo). Both are shown as text, whatever is in them.
func (s *Set) Error(w http.ResponseWriter, r *http.Request, status int, title, what, todo string) {
	_ = s.Write(w, r, status, errorPage, title, struct{ What, Todo, Next string }{what, todo, whatNext}) // it has one form, which a test executes
}

// headers are the same on every page.
func (s *Set) headers(h http.Header, formAction []string) {
	form := "'self'"
	for _, origin := range formAction {
		if source, ok := cspOrigin(origin); ok {
			form += " " + source
		}
	}
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+s.style+"; form-action "+form+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: under that, browsers send "Origin: null" with a form (Fetch
	// standard, "append a request Origin header"), and whence it came could not be
	// checked. Nothing leaves for other sites under this one either.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// cspOrigin is the origin of a URL as a source of the policy. What is none, or
// could add to the policy, is left out.
func cspOrigin(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.ContainsAny(u.Host, " ;,'\"*\\") {
		return "", false
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), true
}

// Redirect sends the browser on with a GET (303, so that a password that was sent
// is not sent again: RFC 9700, section 4.12). target is a path as browsers see it
// (Path), or the http or https URL of a provider that the caller trusts; anything
// else leads to "/".
func (s *Set) Redirect(w http.ResponseWriter, r *http.Request, target string) {
	if u, err := url.Parse(target); !Local(target) && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		target = s.Path("/")
	}
	s.headers(w.Header(), nil)
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
}

// Path is a path of the server as browsers see it: below the path of the public
// URL, where that has one.
func (s *Set) Path(local string) string { return s.public.Path + local }
