package double

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Consents are the questions that an authorization server has asked a person, and
// the codes that came of them. It is not safe for concurrent use: the lock of its
// double guards it.
type Consents struct {
	title  string // of the service
	client string
	known  []string // scopes that the app may ask for
	now    func() time.Time
	asked  map[string]Consented // by a random id, until the person has answered
	codes  map[string]Consented // by code, until it is redeemed
}

// Consented is one authorization request (RFC 6749 section 4.1.1), and what a code
// stands for.
type Consented struct {
	redirect, state, challenge string
	Scopes, UserScopes         []string
	until                      time.Time
}

const consentFor = 10 * time.Minute

// CodeFor is how long an authorization code is good: as short as HubSpot's.
const CodeFor = time.Minute

// NewConsents makes those of an app at a service, by its title. known are the scopes
// that the app may ask for; none: the service has no scopes.
func NewConsents(title, client string, known []string, now func() time.Time) *Consents {
	return &Consents{title: title, client: client, known: known, now: now, asked: map[string]Consented{}, codes: map[string]Consented{}}
}

var consentPage = template.Must(template.New("consent").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{.Title}} (sandbox)</title>
<body style="font-family: system-ui, sans-serif; max-width: 34rem; margin: 2rem auto">
{{if .Fault}}<h1>{{.Title}} cannot ask you</h1><p>{{.Fault}}</p>{{else}}
<h1>Connect toolvault to {{.Title}}?</h1>
<p>This is the stand-in of the sandbox, not the real {{.Title}}: no account is needed.</p>
<ul>{{range .Scopes}}<li><code>{{.}}</code></li>{{end}}</ul>
<form method="post"><input type="hidden" name="asked" value="{{.ID}}">
<button name="answer" value="allow">Allow</button> <button name="answer" value="deny">Deny</button></form>{{end}}
</body></html>`))

type consentView struct {
	Title, Fault, ID string
	Scopes           []string
}

// Show is the page of an authorization request. Only one that is whole, of the app
// that is known, and leads back to this machine or over https is asked.
func (c *Consents) Show(w http.ResponseWriter, r *http.Request, scopes, optional, userScopes []string) {
	q := r.URL.Query()
	view := consentView{Title: c.title}
	a := Consented{
		redirect: q.Get("redirect_uri"), state: q.Get("state"), challenge: q.Get("code_challenge"),
		Scopes: scopes, UserScopes: userScopes, until: c.now().Add(consentFor),
	}
	for _, s := range optional {
		if slices.Contains(c.known, s) {
			a.Scopes = append(a.Scopes, s)
		}
	}
	unknown := slices.ContainsFunc(append(slices.Clone(scopes), userScopes...), func(s string) bool { return !slices.Contains(c.known, s) })
	switch {
	case q.Get("client_id") != c.client:
		view.Fault = "There is no app with that client_id."
	case !comesBack(a.redirect):
		view.Fault = "The redirect_uri is not one of the app's."
	case q.Has("response_type") && q.Get("response_type") != "code":
		view.Fault = "The response_type must be code."
	case q.Has("code_challenge") && q.Get("code_challenge_method") != "S256":
		view.Fault = "The code_challenge_method must be S256."
	case unknown || len(scopes)+len(userScopes) == 0 && len(c.known) > 0:
		view.Fault = "The app asks for a scope that it has not been given, or for none."
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if view.Fault != "" {
		w.WriteHeader(http.StatusBadRequest)
	} else {
		view.ID = rand.Text()
		view.Scopes = append(slices.Clone(a.Scopes), a.UserScopes...)
		c.asked[view.ID] = a
	}
	_ = consentPage.Execute(w, view)
}

func comesBack(redirect string) bool {
	u, err := url.Parse(redirect)
	if err != nil || u.Fragment != "" || u.User != nil {
		return false
	}
	return u.Scheme == "https" && u.Host != "" || u.Scheme == "http" && (u.Hostname() == "127.0.0.1" || u.Hostname() == "localhost")
}

// Answered sends the browser back with a code, or with the person's no.
func (c *Consents) Answered(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("asked")
	a, ok := c.asked[id]
	delete(c.asked, id)
	if !ok || c.now().After(a.until) {
		http.Error(w, "this question was answered already, or has ended", http.StatusBadRequest)
		return
	}
	u, err := url.Parse(a.redirect)
	if err != nil {
		http.Error(w, "bad redirect_uri", http.StatusBadRequest)
		return
	}
	q := u.Query()
	if a.state != "" {
		q.Set("state", a.state)
	}
	if r.PostFormValue("answer") == "allow" {
		code := rand.Text()
		a.until = c.now().Add(CodeFor)
		c.codes[code] = a
		q.Set("code", code)
	} else {
		q.Set("error", "access_denied")
		q.Set("error_description", "the user denied the request")
	}
	u.RawQuery = q.Encode()
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
}

// Redeem takes a code out: it is good once, for the redirect that it was given to,
// with the verifier of its challenge (RFC 7636 section 4.6). The fault is the name
// of the form field that is wrong, "" for none.
func (c *Consents) Redeem(form url.Values) (a Consented, fault string) {
	code := form.Get("code")
	a, ok := c.codes[code]
	delete(c.codes, code)
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	switch {
	case !ok || c.now().After(a.until):
		return a, "code"
	case form.Get("redirect_uri") != a.redirect:
		return a, "redirect_uri"
	case a.challenge == "" && form.Get("code_verifier") != "",
		a.challenge != "" && a.challenge != base64.RawURLEncoding.EncodeToString(sum[:]):
		return a, "code_verifier"
	}
	return a, ""
}

// Words splits a text at spaces and commas.
func Words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })
}
