package transport

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestPagesAreReachedUnderOurHostsOnly: a name that somebody else gave to our
// address (DNS rebinding) is none.
func TestPagesAreReachedUnderOurHostsOnly(t *testing.T) {
	var refused []string
	h, err := GuardHost(Options{
		PublicURL: "https://Tools.example.com", AllowedHosts: []string{"other.example.com:8443"},
		Refused: func(_ context.Context, reason string, r *http.Request) { refused = append(refused, reason+" "+r.Host) },
	}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"tools.example.com": 204, "TOOLS.example.com": 204, "other.example.com:8443": 204,
		"evil.example": 403, "tools.example.com.evil.example": 403, "other.example.com": 403, "127.0.0.1": 403, "": 403,
	} {
		r := httptest.NewRequest("GET", "/signin", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", host, w.Code, want)
		}
	}
	if len(refused) != 5 || refused[0][:5] != RefusedHost+" " {
		t.Errorf("refused: %q", refused)
	}
	if _, err := GuardHost(Options{PublicURL: "ftp://x"}, h); err == nil {
		t.Error("a public URL that is none is taken")
	}
}

// TestProgramsAreAskedForTheirOrigin: a page of somebody else's cannot use what
// programs use, and one that may can read the answer.
func TestProgramsAreAskedForTheirOrigin(t *testing.T) {
	h, err := GuardOrigin(Options{PublicURL: "https://tools.example.com", AllowedOrigins: []string{"https://app.example.com"}},
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host, origin string
		want         int
	}{
		{"tools.example.com", "", 204},
		{"tools.example.com", "https://app.example.com", 204},
		{"tools.example.com", "https://tools.example.com", 204},
		{"tools.example.com", "https://evil.example", 403},
		{"tools.example.com", "null", 403},
		{"evil.example", "https://app.example.com", 403},
	} {
		r := httptest.NewRequest("POST", "/oauth/token", nil)
		r.Host = c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%+v: %d", c, w.Code)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); w.Code == 204 && got != c.origin {
			t.Errorf("%+v: the answer can be read by %q", c, got)
		}
	}
}
