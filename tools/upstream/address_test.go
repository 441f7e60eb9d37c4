package upstream

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolvault/tools/fault"
)

// internet is every host there is, by what each answers, and what each was sent.
type internet struct {
	hosts map[string]http.HandlerFunc
	seen  []*http.Request
	bytes []string
}

func (n *internet) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		b, _ := io.ReadAll(r.Body)
		body = string(b)
	}
	n.seen, n.bytes = append(n.seen, r), append(n.bytes, body)
	answer := n.hosts[strings.ToLower(r.URL.Host)]
	if answer == nil {
		return nil, fmt.Errorf("no such host")
	}
	w := httptest.NewRecorder()
	answer(w, r)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func (n *internet) client(cred Credential) *Client {
	e := Endpoint{
		Service: "acme", BaseURL: "https://acme.example/api", Header: http.Header{"Api-Version": {"7"}}, RequestIDHeader: "X-Call",
		Hosts: []string{"files.acme.example", "cdn.acme.example"},
		Fault: func(r *Response) *fault.Error { return fault.New(fault.Internal, "the API's own judge was asked") },
	}
	c := NewPool(n, Sleep((&waits{}).sleep)).Client(e, cred, "call-1")
	c.Conceal(func(s string) string { return strings.ReplaceAll(s, secret, "[redacted]") })
	return c
}

func gives(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "Text/CSV; charset=utf-8")
		_, _ = io.WriteString(w, body)
	}
}

func sends(code int, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(code)
	}
}

func TestWhichAddressesAreCalled(t *testing.T) {
	for address, good := range map[string]bool{
		"https://files.acme.example/f/a%2Fb?pub=1#x": true,
		"https://files.acme.example:443/f":           true,
		"https://FILES.acme.example/f":               true,
		"https://acme.example/files/f":               true, // what a double or a proxy serves beside the API
		"https://acme.example:443/files/f":           true,

		"http://files.acme.example/f":               false,
		"https://files.acme.example:8443/f":         false,
		"https://files.acme.example.evil.example/f": false,
		"https://evil.example/f":                    false,
		"https://evil.example/files.acme.example/":  false,
		"https://evilfiles.acme.example/f":          false,
		"https://x.files.acme.example/f":            false,
		"https://files.acme.example./f":             false,
		"https://files.acme.example@evil.example/f": false,
		"https://me:pass@files.acme.example/f":      false,
		"https://evil.example#@files.acme.example/": false,
		`https://evil.example\@files.acme.example/`: false,
		"https://127.0.0.1/f":                       false,
		"ftp://files.acme.example/f":                false,
		"//files.acme.example/f":                    false,
		"/files/f":                                  false,
		"javascript:alert(1)":                       false,
		"https:files.acme.example/f":                false,
		"https://files.acme.e\u2c6fample/f":         false,
		"https://files.acm\uff45.example/f":         false,
		"https://fi\u017fes.acme.example/f":         false,
		"https://":                                  false,
		"\x00":                                      false,
		// No address that somebody put into an answer calls a method of the API.
		"https://acme.example/api":                    false,
		"https://acme.example/api/auth.revoke":        false,
		"https://acme.example/API/auth.revoke":        false,
		"https://acme.example/%61pi/auth.revoke":      false,
		"https://acme.example//api//auth.revoke":      false,
		"https://acme.example/files/../api/x":         false,
		"https://acme.example/files/%2e%2e/api/x":     false,
		"https://acme.example:8443/files/f":           false,
		"http://acme.example/files/f":                 false,
		"https://ACME.example/x/..%2fapi/auth.revoke": false,
	} {
		n := &internet{hosts: map[string]http.HandlerFunc{}}
		for _, host := range []string{"files.acme.example", "files.acme.example:443", "acme.example", "acme.example:443"} {
			n.hosts[host] = gives("x")
		}
		file, err := n.client(&key{}).Download(within(t), address, 0)
		if good {
			if err != nil || string(file.Body) != "x" {
				t.Errorf("%s: %v", address, err)
			}
			continue
		}
		f := failure(t, err)
		if f.Kind != fault.UpstreamError || !f.NotSent || f.Retryable || len(n.seen) > 0 {
			t.Errorf("%s: %d requests, %+v", address, len(n.seen), f)
		}
		if strings.Contains(f.Message, "evil") || strings.Contains(f.Message, "pass") {
			t.Errorf("%s is repeated: %s", address, f.Message)
		}
	}
}

// Where the whole host is the API, no address at it is called.
func TestAddressAtAHostThatIsAllAPI(t *testing.T) {
	n := &internet{}
	c := n.client(&key{})
	c.endpoint.BaseURL = "https://acme.example"
	if _, err := c.Download(within(t), "https://acme.example/files/f", 0); failure(t, err).Kind != fault.UpstreamError || len(n.seen) > 0 {
		t.Errorf("%d requests, %v", len(n.seen), err)
	}
}

func TestDownload(t *testing.T) {
	n := &internet{hosts: map[string]http.HandlerFunc{"files.acme.example": gives("a,b\n1," + secret)}}
	file, err := n.client(&key{}).Download(within(t), "https://files.acme.example/f", 0)
	if err != nil || file.Type != "text/csv" || string(file.Body) != "a,b\n1,[redacted]" {
		t.Fatalf("%+v %v", file, err)
	}
	h := n.seen[0].Header
	if h.Get("Authorization") != "Bearer "+secret || h.Get("Accept") != "*/*" || h.Get("Api-Version") != "" || h.Get("X-Call") != "" {
		t.Errorf("it was asked with %v", h)
	}
	n.hosts["files.acme.example"] = gives(strings.Repeat("x", 101))
	if f := failure(t, second(n.client(&key{}).Download(within(t), "https://files.acme.example/f", 100))); f.Kind != fault.UpstreamError || !strings.Contains(f.Message, "larger than 100 bytes") {
		t.Errorf("too large: %+v", f)
	}
	n.hosts["files.acme.example"] = sends(http.StatusNotFound, "")
	if f := failure(t, second(n.client(&key{}).Download(within(t), "https://files.acme.example/f", 0))); f.Kind != fault.NotFound {
		t.Errorf("not there: %+v", f)
	}
}

func second(_ *File, err error) error { return err }

// The credential goes to the host that the file is at, along a redirect only
// within it, and never to another host, not even back again.
func TestTheCredentialStaysBehindOnARedirect(t *testing.T) {
	with, without := true, false
	for name, tt := range map[string]struct {
		hops []string // the address, and where each sends on
		has  []bool   // of the requests that are made, whether the credential goes along
		ok   bool
	}{
		"none":               {hops: []string{"https://files.acme.example/1"}, has: []bool{with}, ok: true},
		"the same host":      {hops: []string{"https://files.acme.example/1", "/2"}, has: []bool{with, with}, ok: true},
		"the same, its port": {hops: []string{"https://files.acme.example/1", "https://files.acme.example:443/2"}, has: []bool{with, with}, ok: true},
		"another host":       {hops: []string{"https://files.acme.example/1", "https://cdn.acme.example/2"}, has: []bool{with, without}, ok: true},
		"there and back":     {hops: []string{"https://files.acme.example/1", "//cdn.acme.example/2", "https://files.acme.example/3"}, has: []bool{with, without, without}, ok: true},
		"on at another host": {hops: []string{"https://files.acme.example/1", "https://cdn.acme.example/2", "/3"}, has: []bool{with, without, without}, ok: true},
		"three":              {hops: []string{"https://files.acme.example/1", "/2", "/3", "/4"}, has: []bool{with, with, with, with}, ok: true},
		"four":               {hops: []string{"https://files.acme.example/1", "/2", "/3", "/4", "/5"}, has: []bool{with, with, with, with}},
		"not allowed":        {hops: []string{"https://files.acme.example/1", "https://evil.example/2"}, has: []bool{with}},
		"in the second hop":  {hops: []string{"https://files.acme.example/1", "https://cdn.acme.example/2", "https://evil.example/3"}, has: []bool{with, without}},
		"to plain HTTP":      {hops: []string{"https://files.acme.example/1", "http://files.acme.example/2"}, has: []bool{with}},
		"to a method":        {hops: []string{"https://files.acme.example/1", "https://acme.example/api/auth.revoke"}, has: []bool{with}},
		"to a page of its":   {hops: []string{"https://files.acme.example/1", "https://acme.example/login?next=1"}, has: []bool{with, without}, ok: true},
		"that names it":      {hops: []string{"https://files.acme.example/1", "https://cdn.acme.example/2?t=" + secret}, has: []bool{with}},
		"nowhere":            {hops: []string{"https://files.acme.example/1", ""}, has: []bool{with}},
		"not an address":     {hops: []string{"https://files.acme.example/1", "https://%zz"}, has: []bool{with}},
	} {
		for _, code := range []int{301, 302, 303, 307, 308} {
			n := &internet{hosts: map[string]http.HandlerFunc{}}
			answer := func(w http.ResponseWriter, r *http.Request) {
				if at := len(n.seen); at < len(tt.hops) {
					sends(code, tt.hops[at])(w, r)
				} else {
					gives("x")(w, r)
				}
			}
			for _, host := range []string{"files.acme.example", "files.acme.example:443", "cdn.acme.example", "evil.example", "acme.example"} {
				n.hosts[host] = answer
			}
			cred := &key{}
			_, err := n.client(cred).Download(within(t), tt.hops[0], 0)
			if tt.ok != (err == nil) {
				t.Errorf("%s, %d: %v", name, code, err)
			}
			if err != nil {
				if f := failure(t, err); f.Kind != fault.UpstreamError || f.Retryable || f.Status != code || !f.NotSent {
					t.Errorf("%s, %d: %+v", name, code, f)
				}
			}
			var has []bool
			for _, r := range n.seen {
				has = append(has, r.Header.Get("Authorization") != "")
				if strings.Contains(r.URL.String(), secret) || r.URL.Host == "evil.example" {
					t.Errorf("%s, %d: %s was called", name, code, r.URL)
				}
			}
			if fmt.Sprint(has) != fmt.Sprint(tt.has) {
				t.Errorf("%s, %d: the credential went along with %v, want %v", name, code, has, tt.has)
			}
		}
	}
}

// An address that does not take a request without the credential says nothing of
// the credential: it is not renewed, nor called bad.
func TestRefusedWithoutTheCredential(t *testing.T) {
	n := &internet{hosts: map[string]http.HandlerFunc{
		"files.acme.example": sends(302, "https://cdn.acme.example/2"), "cdn.acme.example": sends(401, ""),
	}}
	cred := &key{fresh: "another"}
	_, err := n.client(cred).Download(within(t), "https://files.acme.example/1", 0)
	if f := failure(t, err); f.Kind != fault.UpstreamError || f.Retryable || cred.renewed != 0 || f.Status != 401 {
		t.Errorf("renewed %d times: %+v", cred.renewed, f)
	}
	n.hosts["files.acme.example"] = sends(401, "")
	_, err = n.client(cred).Download(within(t), "https://files.acme.example/1", 0)
	if f := failure(t, err); f.Kind != fault.CredentialInvalid || cred.renewed != 1 {
		t.Errorf("with it: renewed %d times: %+v", cred.renewed, f)
	}
	if f := failure(t, n.client(cred).Upload(within(t), "https://files.acme.example/up", "", []byte("x"))); f.Kind != fault.UpstreamError || cred.renewed != 1 {
		t.Errorf("uploaded: renewed %d times: %+v", cred.renewed, f)
	}
}

func TestUpload(t *testing.T) {
	n := &internet{hosts: map[string]http.HandlerFunc{"files.acme.example": gives("OK - 5")}}
	if err := n.client(&key{}).Upload(within(t), "https://files.acme.example/upload/v1/abc", "image/png", []byte("12345")); err != nil {
		t.Fatal(err)
	}
	r := n.seen[0]
	if r.Method != "POST" || n.bytes[0] != "12345" || r.Header.Get("Content-Type") != "image/png" || r.Header.Get("Authorization") != "" || strings.Contains(fmt.Sprint(r.URL, r.Header), secret) {
		t.Errorf("sent %s %s with %v", r.Method, n.bytes[0], r.Header)
	}
	// What is sent on somewhere else is not: the bytes may be nobody else's business.
	n.hosts["files.acme.example"] = sends(307, "https://cdn.acme.example/up")
	if f := failure(t, n.client(&key{}).Upload(within(t), "https://files.acme.example/up", "", []byte("x"))); f.Kind != fault.UpstreamError || len(n.seen) != 2 {
		t.Errorf("%d requests, %+v", len(n.seen)-1, f)
	}
	if f := failure(t, n.client(&key{}).Upload(within(t), "https://evil.example/up", "", []byte("x"))); !f.NotSent || len(n.seen) != 2 {
		t.Errorf("%d requests, %+v", len(n.seen)-2, f)
	}
}

// A request that is not for an address follows nothing, as before.
func TestOnlyAddressesAreSentOn(t *testing.T) {
	n := &internet{hosts: map[string]http.HandlerFunc{"acme.example": sends(302, "/files/x"), "files.acme.example": sends(302, "/x")}}
	for _, req := range []Request{{Path: "/x", Read: true}, {Host: "https://files.acme.example", Path: "/x", Read: true}} {
		n.seen = nil
		if f := failure(t, n.client(&key{}).Do(within(t), req, nil)); f.Status != 302 || len(n.seen) != 1 {
			t.Errorf("%d requests, %+v", len(n.seen), f)
		}
	}
	n.seen = nil
	f := failure(t, n.client(&key{}).Do(within(t), Request{URL: "https://files.acme.example/x", Path: "/y"}, nil))
	if f.Kind != fault.Internal || len(n.seen) != 0 {
		t.Errorf("%+v", f)
	}
}

// In a guarded pool an address has to be a public one, at first and after a
// redirect, even where the name is allowed.
func TestAddressesOfAGuardedPool(t *testing.T) {
	for name, host := range map[string]string{"loopback": "127.0.0.1", "private": "10.1.2.3", "metadata": "169.254.169.254", "a name for it": "localhost"} {
		home := httptest.NewServer(sends(302, "https://"+host+"/f"))
		defer home.Close()
		e := Endpoint{Service: "acme", BaseURL: home.URL + "/api", Private: true, Hosts: []string{host}}
		addresses := []string{"https://" + host + "/f", home.URL + "/f"}
		if host == "127.0.0.1" { // at the admin's own host all is well, so it is another here
			e.BaseURL, addresses = "https://acme.example", addresses[:1]
		}
		for _, address := range addresses {
			_, err := NewPool(nil, Guarded).Client(e, &key{}, "call-1").Download(within(t), address, 0)
			if f := failure(t, err); f.Kind != fault.UpstreamError || !strings.Contains(f.Message, "not a public one") {
				t.Errorf("%s, %s: %+v", name, address, f)
			}
		}
	}
}

func request(t *testing.T, address string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(within(t), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A client certificate is a credential too: it is not shown at another host.
func TestACertificateStaysBehindOnARedirect(t *testing.T) {
	n := &internet{hosts: map[string]http.HandlerFunc{"cdn.acme.example": gives("x")}}
	cred := &shown{}
	c := n.client(cred)
	u, f := c.address("https://files.acme.example/1")
	if f != nil {
		t.Fatal(f)
	}
	hr := request(t, u.String())
	first, err := c.ready(hr, true, false)
	if err != nil || cred.asked != 1 || first.carrier == c.pool.transport {
		t.Fatalf("it is asked for %d times at its own host: %v", cred.asked, err)
	}
	next, f := c.next(first, "https://cdn.acme.example/2", 0)
	if f != nil || cred.asked != 1 || next.carrier != c.pool.transport {
		t.Errorf("it is asked for %d times at another: %v", cred.asked-1, f)
	}
}

type shown struct {
	key
	asked int
}

func (s *shown) Authorize(*http.Request) error       { return nil }
func (s *shown) Renew(context.Context) (bool, error) { return false, nil }
func (s *shown) TLS() *tls.Config                    { s.asked++; return &tls.Config{MinVersion: tls.VersionTLS12} }

// FuzzAddress: whatever an answer names, and wherever it sends on, nothing goes to
// another host, nor below the API, and no credential to another origin.
func FuzzAddress(f *testing.F) {
	for _, a := range []string{
		"https://files.acme.example/f", "//cdn.acme.example", "https://evil.example\\@files.acme.example", "https://acme.example/x/..;/api/y",
		"https://acme.example/%2e%2e/api", "/api/x", "?x", "https://files.acme.example:443\t/f", "HTTPS://Files.Acme.Example/", "https://[files.acme.example]/",
	} {
		f.Add(a, "https://cdn.acme.example/2", 302)
		f.Add("https://files.acme.example/1", a, 307)
	}
	f.Fuzz(func(t *testing.T, address, location string, code int) {
		n := &internet{hosts: map[string]http.HandlerFunc{}}
		answer := func(w http.ResponseWriter, r *http.Request) {
			if len(n.seen) == 1 {
				sends(300+max(0, code)%10, location)(w, r)
			} else {
				gives("x")(w, r)
			}
		}
		for _, host := range []string{"files.acme.example", "files.acme.example:443", "cdn.acme.example", "cdn.acme.example:443", "acme.example", "acme.example:443"} {
			n.hosts[host] = answer
		}
		_, err := n.client(&key{}).Download(t.Context(), address, 0)
		if err != nil && failure(t, err).Kind == fault.Internal {
			t.Fatalf("%q, %q: %v", address, location, err)
		}
		for i, r := range n.seen {
			host := strings.ToLower(r.URL.Hostname())
			if r.URL.Scheme != "https" || n.hosts[strings.ToLower(r.URL.Host)] == nil || host == "acme.example" && strings.HasPrefix(strings.ToLower(r.URL.Path), "/api/") {
				t.Fatalf("%q, %q: %s was called", address, location, r.URL)
			}
			if i > 0 && host != strings.ToLower(n.seen[0].URL.Hostname()) && r.Header.Get("Authorization") != "" {
				t.Fatalf("%q, %q: the credential went to %s", address, location, r.URL)
			}
		}
	})
}
