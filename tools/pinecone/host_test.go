package pinecone

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

func TestPin(t *testing.T) {
	const vendor = "https://api.pinecone.io"
	const local = "http://127.0.0.1:5080"
	for _, c := range []struct{ base, host, want string }{
		{vendor, "semantic-search-c01b5b5.svc.us-west1-gcp.pinecone.io", "https://semantic-search-c01b5b5.svc.us-west1-gcp.pinecone.io"},
		{vendor, "a.svc.aped-4627-b74a.pinecone.io", "https://a.svc.aped-4627-b74a.pinecone.io"},
		{vendor, "https://a.svc.x.pinecone.io", "https://a.svc.x.pinecone.io"},
		{vendor, "a.svc.x.pinecone.io:443", "https://a.svc.x.pinecone.io"},
		{"https://api.pinecone.io:443", "a.svc.x.pinecone.io", "https://a.svc.x.pinecone.io"},
		{local, "127.0.0.1:5080", local},
		{local, "http://127.0.0.1:5080", local},
		{"https://pinecone.proxy.example/v1", "pinecone.proxy.example", "https://pinecone.proxy.example"},
		{"https://pinecone.proxy.example", "pinecone.proxy.example:443", "https://pinecone.proxy.example"},
		{"https://pinecone.proxy.example/v1", "pinecone.proxy.example/v1/tickets_2", "https://pinecone.proxy.example/v1/tickets_2"},
		{local, "127.0.0.1:5080/i/faq", local + "/i/faq"},

		{vendor, "", ""},
		{vendor, "169.254.169.254", ""},
		{vendor, "127.0.0.1", ""},
		{vendor, "[::1]", ""},
		{vendor, "localhost", ""},
		{vendor, "evil.com", ""},
		{vendor, "evil.com/.svc.x.pinecone.io", ""},
		{vendor, "evil.com#.svc.x.pinecone.io", ""},
		{vendor, "evil.com?.svc.x.pinecone.io", ""},
		{vendor, "evil.com\\.svc.x.pinecone.io", ""},
		{vendor, "user@a.svc.x.pinecone.io", ""},
		{vendor, "a.svc.x.pinecone.io@evil.com", ""},
		{vendor, "a.svc.x.pinecone.io:8443", ""},
		{vendor, "a.svc.x.pinecone.io:443@evil.com", ""},
		{vendor, "a.svc.x.pinecone.io:0443", ""},
		{vendor, "a.svc.x.pinecone.io:", ""},
		{vendor, "a.svc.x.pinecone.io/path", ""},
		{vendor, "http://a.svc.x.pinecone.io", ""},
		{vendor, "ftp://a.svc.x.pinecone.io", ""},
		{vendor, "a.svc.x.pinecone.io.evil.com", ""},
		{vendor, "a.svc.x.evilpinecone.io", ""},
		{vendor, "a.x.pinecone.io", ""},
		{vendor, "svc.pinecone.io", ""},
		{vendor, "api.pinecone.io", ""},
		{vendor, "A.SVC.X.PINECONE.IO", ""},
		{vendor, "a..svc.x.pinecone.io", ""},
		{vendor, "a.svc.x.pinecone.io.", ""},
		{vendor, "a.svc.x.pinecone.io\r\nHost: evil.com", ""},
		{vendor, "а.svc.x.pinecone.io", ""}, // Cyrillic
		{vendor, "a%2esvc.x.pinecone.io", ""},
		{vendor, strings.Repeat("a.", 130) + "svc.x.pinecone.io", ""},
		{local, "127.0.0.1:5081", ""},
		{local, "127.0.0.1:5080/../x", ""},
		{local, "127.0.0.1:5080/a//b", ""},
		{local, "127.0.0.1:5080/a?b=c", ""},
		{local, "127.0.0.1:5080/a#b", ""},
		{local, "127.0.0.1:5080/@evil.com", ""},
		{local, "127.0.0.1:5080/%2e%2e", ""},
		{local, "127.0.0.1", ""},
		{local, "localhost:5080", ""},
		{local, "https://127.0.0.1:5080", ""},
		{local, "evil.com:5080", ""},
		{local, "a.svc.x.pinecone.io", ""},
		{"https://pinecone.proxy.example", "http://pinecone.proxy.example", ""},
		{"https://pinecone.proxy.example", "evil.example", ""},
		{"", "127.0.0.1", ""},
	} {
		got, err := pin(c.base, c.host)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("pin(%q, %q) = %q, %v; want %q", c.base, c.host, got, err, c.want)
		}
	}
}

func FuzzPin(f *testing.F) {
	f.Add("a.svc.x.pinecone.io")
	f.Add("user@a.svc.x.pinecone.io:443")
	f.Fuzz(func(t *testing.T, host string) {
		base, err := pin("https://api.pinecone.io", host)
		if err != nil {
			return
		}
		u, err := url.Parse(base)
		if err != nil || u.Scheme != "https" || u.Port() != "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" ||
			!strings.HasSuffix(u.Hostname(), ".pinecone.io") || !strings.Contains(u.Hostname(), ".svc.") {
			t.Errorf("pin(%q) = %q", host, base)
		}
	})
}

// An answer of the control plane that names a foreign host must not get the key.
func TestKeyNeverGoesToAForeignHost(t *testing.T) {
	var got []string
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Api-Key"))
	}))
	defer thief.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"name":"x","host":%q,"status":{"ready":true,"state":"Ready"},"embed":{"model":"m"},"spec":{}}`, strings.TrimPrefix(thief.URL, "http://"))
	}))
	defer s.Close()
	w := &world{t: t, svc: New(), url: s.URL, key: "k"}
	for name, args := range map[string]string{
		"pinecone_search_records": `{"index":"x","text":"y"}`,
		"pinecone_fetch_records":  `{"index":"x","ids":["1"]}`,
		"pinecone_upsert_records": `{"index":"x","namespace":"n","records":[{"_id":"1","text":"y"}]}`,
	} {
		_, err := w.call(name, args)
		if f := toolstest.FaultOf(t, err); f.Kind != fault.UpstreamError || !strings.Contains(f.Message, "not one of its own") {
			t.Errorf("%s: %+v", name, f)
		}
	}
	must[Description](w, "pinecone_describe_index", `{"index":"x"}`)
	if len(got) > 0 {
		t.Errorf("the foreign host was asked %d times", len(got))
	}
}

// counting counts how often the control plane is asked about an index.
func counting(next http.Handler, n *int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/indexes/") {
			*n++
		}
		next.ServeHTTP(w, r)
	})
}

func TestHostsAreRememberedForAWhileByCredential(t *testing.T) {
	var asked int
	w := against(t, counting(sandbox.NewPinecone(), &asked))
	c := &clock{t: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.svc = newService(c.now, atOnce)
	search := func(want int, why string) {
		t.Helper()
		must[Hits](w, "pinecone_search_records", `{"index":"support-tickets","text":"export"}`)
		if asked != want {
			t.Errorf("%s: asked %d times, want %d", why, asked, want)
		}
	}
	search(1, "first")
	search(1, "second")
	c.t = c.t.Add(hostTTL)
	search(2, "after its time")
	other := toolstest.Client(w.svc.Endpoint, w.url, named{toolstest.Static{Scheme: w.svc.Auth[vault.TypeAPIKey], Secret: sandbox.PineconeReader}})
	if _, err := toolstest.Call(t, w.svc, other, "pinecone_search_records", `{"index":"support-tickets","text":"export"}`); err != nil || asked != 3 {
		t.Errorf("another credential: asked %d times, %v", asked, err)
	}
}

type named struct{ toolstest.Static }

func (named) Key() string { return "another" }

func TestHostsAreBounded(t *testing.T) {
	c := &clock{t: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	h := newHosts(c.now)
	for i := range maxHosts * 2 {
		c.t = c.t.Add(time.Millisecond)
		h.put(hostKey{index: fmt.Sprint(i)}, known{base: "b"})
	}
	if len(h.m) != maxHosts {
		t.Errorf("%d entries", len(h.m))
	}
	if _, ok := h.get(hostKey{index: fmt.Sprint(maxHosts*2 - 1)}); !ok {
		t.Error("the newest is gone")
	}
	if _, ok := h.get(hostKey{index: "0"}); ok {
		t.Error("the oldest is there")
	}
}

func TestHostsAreSafeForConcurrentUse(t *testing.T) {
	w := sandboxed(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				must[Hits](w, "pinecone_search_records", `{"index":"support-tickets","text":"export","top_k":1}`)
			}
		})
	}
	wg.Wait()
}

// An index that was deleted and made anew answers elsewhere; the remembered host
// knows nothing of it.
func TestAHostThatKnowsNothingIsLookedUpAgain(t *testing.T) {
	double := sandbox.NewPinecone()
	var asked int
	gone := false
	w := against(t, counting(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if gone && strings.HasPrefix(r.URL.Path, "/records/") {
			rw.WriteHeader(http.StatusNotFound)
			return
		}
		double.ServeHTTP(rw, r)
	}), &asked))
	const args = `{"index":"support-tickets","text":"export"}`
	must[Hits](w, "pinecone_search_records", args)
	gone = true
	if _, err := w.call("pinecone_search_records", args); toolstest.FaultOf(t, err).Kind != fault.NotFound {
		t.Errorf("got %v", err)
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	gone = false
	must[Hits](w, "pinecone_search_records", args)
}

// wire answers in place of the internet.
type wire func(*http.Request) (int, string)

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	rec.Header().Set("Content-Type", "application/json")
	status, body := w(r)
	rec.WriteHeader(status)
	_, _ = rec.WriteString(body)
	resp := rec.Result()
	resp.Request = r
	return resp, nil
}

// The whole of it with the vendor's own hosts: an index moves between two calls,
// and both a read and a write follow it, once.
func TestAnIndexThatMovedIsFollowed(t *testing.T) {
	home := "old-1.svc.x.pinecone.io"
	var asked []string
	net := wire(func(r *http.Request) (int, string) {
		asked = append(asked, r.URL.Scheme+"://"+r.URL.Host)
		switch {
		case r.Header.Get("Api-Key") != "k":
			return 401, `{}`
		case r.URL.Host == "api.pinecone.io":
			return 200, fmt.Sprintf(`{"name":"x","host":%q,"status":{"ready":true,"state":"Ready"},"embed":{"model":"m"},"spec":{}}`, home)
		case r.URL.Host != home:
			return 404, `{"code":5,"message":"gone"}`
		case strings.HasSuffix(r.URL.Path, "/upsert"):
			return 201, ""
		}
		return 200, `{"result":{"hits":[{"_id":"1","_score":1,"fields":{}}]},"usage":{"read_units":1}}`
	})
	svc := New()
	c := upstream.NewPool(net).Client(svc.Endpoint, toolstest.Static{Scheme: svc.Auth[vault.TypeAPIKey], Secret: "k"}, "id")
	for i, step := range []struct{ tool, args string }{
		{"pinecone_search_records", `{"index":"x","text":"y"}`},
		{"pinecone_search_records", `{"index":"x","text":"y"}`},
		{"pinecone_upsert_records", `{"index":"x","namespace":"n","records":[{"_id":"1","text":"y"}]}`},
	} {
		if i > 0 {
			home = fmt.Sprintf("new-%d.svc.x.pinecone.io", i)
		}
		if _, err := toolstest.Call(t, svc, c, step.tool, step.args); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	want := "https://api.pinecone.io https://old-1.svc.x.pinecone.io " +
		"https://old-1.svc.x.pinecone.io https://api.pinecone.io https://new-1.svc.x.pinecone.io " +
		"https://new-1.svc.x.pinecone.io https://api.pinecone.io https://new-2.svc.x.pinecone.io"
	if got := strings.Join(asked, " "); got != want {
		t.Errorf("asked\n%s, want\n%s", got, want)
	}
}
