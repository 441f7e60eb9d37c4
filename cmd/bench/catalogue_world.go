package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/sandbox"
	"toolvault/tools/sandbox/double"
)

// world is a fresh double of every service, and what lets a program in.
type world struct {
	doubles map[string]*double.Double
	secrets map[string]string
	slack   *slackProxy
}

// personScopes are what a person lets a client do that reads and searches for them.
func personScopes() []string {
	scopes := []string{"users:read", "users:read.email", "search:read", "search:read.public"}
	for _, kind := range []string{"channels", "groups", "im", "mpim"} {
		scopes = append(scopes, kind+":read", kind+":history")
	}
	return scopes
}

// newWorld starts the doubles. Their clock stands still at now, so that two worlds
// in which the same was done are alike to the byte. One for another's program takes
// requests in forms that the services take, but ours does not send: what the doubles
// hold ours to stays as strict as it is.
func newWorld(now time.Time, others bool) (*world, error) {
	w := &world{doubles: map[string]*double.Double{}, secrets: map[string]string{}}
	for _, d := range sandbox.All(func() time.Time { return now }) {
		w.secrets[d.Service] = d.Secret
		switch d.Service {
		case "hubspot": // the vendor's server takes a private app's token
			w.secrets[d.Service] = sandbox.HubSpotPrivateApp(d)
		case "slack":
			w.secrets["person"] = sandbox.SlackUserToken(d, personScopes()...)
			if others {
				d.Handler = formsOnly(d.Handler)
			}
		case "pinecone":
			if others {
				d.Handler = named(d.Handler)
			}
		}
		if err := d.Start(); err != nil {
			w.close()
			return nil, err
		}
		w.doubles[d.Service] = d
	}
	var err error
	if w.slack, err = startSlackProxy(w.doubles["slack"].Handler); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) close() {
	if w.slack != nil {
		w.slack.close()
	}
	for _, d := range w.doubles {
		_ = d.Close()
	}
}

// state is what a service holds.
func (w *world) state(service string) (map[string]string, error) {
	d := w.doubles[service]
	if d == nil || d.Snapshot == nil {
		return nil, fmt.Errorf("the double of %s cannot say what it holds", service)
	}
	return d.Snapshot(), nil
}

// formsOnly lets servers that send Slack GET requests and JSON, or the token among
// the fields, as Slack takes them (docs.slack.dev/apis/web-api), talk to the double,
// which takes forms with the token in the header, as ours sends them.
func formsOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form, err := fields(w, r)
		switch {
		case err != nil:
			http.Error(w, "invalid_json", http.StatusBadRequest)
			return
		case form == nil:
			next.ServeHTTP(w, r)
			return
		}
		sent := r.Clone(r.Context())
		sent.Form, sent.PostForm = nil, nil // to be read again
		if token := form.Get("token"); token != "" {
			sent.Header.Set("Authorization", "Bearer "+token)
			form.Del("token")
		}
		if r.URL.Path == "/api/search.all" { // that is search.messages and search.files in one
			sent.URL.Path = "/api/search.messages"
		}
		body := form.Encode()
		sent.Method, sent.URL.RawQuery = http.MethodPost, ""
		sent.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		sent.Header.Set("Content-Length", strconv.Itoa(len(body)))
		sent.Body, sent.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		next.ServeHTTP(w, sent)
	})
}

// fields are the arguments of a method, wherever the request has them; nil where it
// is no call of a method.
func fields(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		return nil, nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxAnswer)
	switch kind := r.Header.Get("Content-Type"); {
	case r.Method == http.MethodPost && strings.HasPrefix(kind, "application/json"):
		var in map[string]any
		dec := json.NewDecoder(r.Body)
		dec.UseNumber()
		if err := dec.Decode(&in); err != nil {
			return nil, err
		}
		form := url.Values{}
		for k, v := range in {
			form.Set(k, fieldOf(v))
		}
		return form, nil
	case r.Method == http.MethodGet || strings.HasPrefix(kind, "application/x-www-form-urlencoded"):
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		return r.Form, nil
	}
	return nil, nil
}

// named gives records that come without a type of content the one that they have:
// the vendor's SDK leaves it out, and the double holds ours to the description.
func named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/records/") && strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
			r.Header.Set("Content-Type", "application/x-ndjson")
		}
		next.ServeHTTP(w, r)
	})
}

// fieldOf is a value of JSON as a form has it.
func fieldOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
