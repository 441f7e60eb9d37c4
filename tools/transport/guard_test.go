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
