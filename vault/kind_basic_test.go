package vault

import (
	"encoding/base64"
	"net/http"
	"testing"
)

// Keys go where the service's Scheme says: a header, the query, or the user name of
// HTTP Basic.
func TestKeysAreSentAsTheServiceWants(t *testing.T) {
	const key = "key-3f9a/with+odd=chars&"
	for name, test := range map[string]struct {
		scheme Scheme
		admit  func(r *http.Request) bool
	}{
		"header": {Scheme{Header: "X-Api-Key"}, func(r *http.Request) bool { return r.Header.Get("X-Api-Key") == key }},
		"bearer": {Bearer, func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer "+key }},
		"query": {Scheme{Query: "api_key"}, func(r *http.Request) bool {
			q := r.URL.Query()
			return q.Get("api_key") == key && q.Get("a") == "1/" && q.Get("b") == "2" && r.Header.Get("Authorization") == ""
		}},
		"basic": {Scheme{Basic: true}, func(r *http.Request) bool {
			user, password, ok := r.BasicAuth()
			return ok && user == key && password == ""
		}},
	} {
		for _, typ := range []string{TypeAPIKey, TypeServiceToken} {
			t.Run(name+" "+typ, func(t *testing.T) {
				s := newCounterpart(t)
				s.admit = test.admit
				q := newQuiet(t, Service{BaseURL: s.URL, Schemes: map[string]Scheme{typ: test.scheme}})
				c := s.works(t, q.Vault, q.put(t, typ, key, nil))
				holds(t, c, key)
				if test.scheme.Basic {
					holds(t, c, base64.StdEncoding.EncodeToString([]byte(key+":")))
				}
				q.say(c)
			})
		}
	}
}

// Basic takes the name from the config and the password from the source, for a
// service that knows nothing of it.
func TestBasic(t *testing.T) {
	const password = "pass:word-8812"
	s := newCounterpart(t)
	s.admit = func(r *http.Request) bool {
		user, got, ok := r.BasicAuth()
		return ok && user == "ana@example.com" && got == password
	}
	q := newQuiet(t, Service{BaseURL: s.URL})
	d := q.put(t, TypeBasic, password, map[string]string{"username": "ana@example.com"})
	c := s.works(t, q.Vault, d)
	holds(t, c, password, base64.StdEncoding.EncodeToString([]byte("ana@example.com:"+password)))
	q.hide(base64.StdEncoding.EncodeToString([]byte("ana@example.com:" + password)))
	q.say(c)

	for name, want := range map[string]string{
		"":        "the name to log in with is missing: set username",
		"ana:pw":  "the name to log in with has a colon in it, which HTTP Basic does not take: is the password in it too?",
		"ana\x00": "the name to log in with has a line break or another control character in it: correct username",
	} {
		d.Params = map[string]string{"username": name}
		if got := q.fails(t, d, ErrInvalid); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}
