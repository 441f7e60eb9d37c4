package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// asking is what a request for authorization leaves behind besides the library's
// answer.
type asking struct {
	request *http.Request // for who sits before the browser
	fault   *fault        // what to tell the person, if the client must not be told
}

type askingKey struct{}

// fault is an error page: what happened and whose fault it is, and what to do.
type fault struct {
	status            int
	title, what, todo string
}

func (f *fault) Error() string { return f.title + ": " + f.what }

// asked are the parameters that count. The library sees no others, so that nothing
// else can make it answer by itself.
var asked = []string{
	"response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method", "resource", "prompt",
	"request", "request_uri", "dpop_jkt", "task", "agent",
}

// person guards the request for authorization, which a browser brings (RFC 6749
// section 4.1.1): its form before the library, and how it is answered. What is wrong
// before client and redirect URI are known to belong together becomes a page, and
// never a redirect (RFC 9700 section 4.11).
func (s *Server) person(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form, bad := readAsked(w, r)
		if bad != nil {
			s.pageRefused(w, r, bad)
			return
		}
		r.Form, r.PostForm = url.Values{}, url.Values{}
		for _, name := range asked {
			if form.Has(name) {
				r.Form[name] = form[name]
			}
		}
		a := &asking{request: r}
		ctx := context.WithValue(r.Context(), visitKey{}, &visit{address: addressOf(r)})
		answer := &recorder{header: http.Header{}}
		next.ServeHTTP(answer, r.WithContext(context.WithValue(ctx, askingKey{}, a)))
		to := answer.header.Get("Location")
		switch {
		case a.fault != nil:
			s.pageRefused(w, r, a.fault)
		case answer.status < 300 || answer.status >= 400 || to == "":
			var e struct {
				Description string `json:"error_description"`
			}
			_ = json.Unmarshal(answer.body.Bytes(), &e)
			s.pageRefused(w, r, requestFault(e.Description))
		case strings.HasPrefix(to, "/"):
			s.pages.Redirect(w, r, to)
		default:
			sendBack(w, to)
		}
	})
}

// sendBack sends the browser to a client with an answer: with a GET (303: RFC 9700
// section 4.12), kept nowhere, and telling nobody where it comes from. The URI is one
// of the client's own, of any scheme (RFC 8252 section 7.1).
func sendBack(w http.ResponseWriter, to string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// readAsked is the query of a GET, or the form of a POST.
func readAsked(w http.ResponseWriter, r *http.Request) (url.Values, *fault) {
	raw := r.URL.RawQuery
	switch r.Method {
	case http.MethodGet:
	case http.MethodPost:
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if raw != "" || err != nil || kind != "application/x-www-form-urlencoded" {
			return nil, requestFault(whatNoForm)
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuery))
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, tooLong()
		}
		if err != nil {
			return nil, requestFault(whatNoForm)
		}
		raw = string(body)
	default:
		w.Header().Set("Allow", "GET, POST")
		return nil, &fault{http.StatusMethodNotAllowed, titleRequest, whatMethod, todoApp}
	}
	if len(raw) > maxQuery {
		return nil, tooLong()
	}
	form, err := url.ParseQuery(raw)
	if err != nil {
		return nil, requestFault(whatNoForm)
	}
	if repeated(form) {
		return nil, requestFault(whatRepeated)
	}
	return form, nil
}

func tooLong() *fault {
	return &fault{http.StatusRequestURITooLong, titleRequest, whatTooLong, todoApp}
}

func requestFault(what string) *fault {
	if what == "" {
		what = whatUnreadable
	}
	return &fault{http.StatusBadRequest, titleRequest, what, todoApp}
}

// pageRefused shows and records why a person's request goes no further.
func (s *Server) pageRefused(w http.ResponseWriter, r *http.Request, f *fault) {
	s.tell(r.Context(), Event{Kind: Refused, Grant: "authorization_code", Client: clip(r.Form.Get("client_id"), 200), Address: addressOf(r), Reason: f.Error()})
	s.pages.Error(w, r, f.status, f.title, f.what, f.todo)
}

// plainURI reports whether a redirect URI can be sent in a header and a page: only
// printable characters, no fragment (RFC 6749 section 3.1.2), and no scheme with
// which a browser would run or open what the URI holds.
func plainURI(uri string) bool {
	for i := 0; i < len(uri); i++ {
		if c := uri[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\^{|}#`+"`", c) >= 0 {
			return false
		}
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || u.User != nil {
		return false
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		return u.Host != ""
	}
	return !slices.Contains([]string{"javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source", "ws", "wss", "ftp"}, u.Scheme)
}

// answerURL is a client's redirect URI with an answer in its query: with the state
// that the client sent, and who answers (RFC 9207), so that it cannot take the answer
// for another server's.
func (s *Server) answerURL(redirect, state string, answer url.Values) string {
	answer.Set("iss", s.PublicURL)
	if state != "" {
		answer.Set("state", state)
	}
	separator := "?"
	if strings.Contains(redirect, "?") {
		separator = "&"
	}
	return redirect + separator + answer.Encode()
}
