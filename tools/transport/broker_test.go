package transport

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolvault/auth"
	"toolvault/tools"
	"toolvault/tools/fault"
)

// broker is a double that has one credential, of the agent a1.
type broker struct{ asked []tools.ReleaseRequest }

func (b *broker) Release(_ context.Context, id auth.Identity, ask tools.ReleaseRequest) (tools.Release, *fault.Error) {
	b.asked = append(b.asked, ask)
	if ask.Agent != id.Agent || ask.Service != "notes" {
		return tools.Release{CallID: "call-0"}, fault.New(fault.NotFound, "There is no such credential.")
	}
	return tools.Release{ID: "notes/a1", Service: "notes", Type: "api_key", Scope: ask.Scope, Token: "t0ken", CallID: "call-1"}, nil
}

// one is an authenticator that knows one token.
type one struct{ agent string }

func (o one) Authenticate(_ context.Context, p auth.Presented) (auth.Identity, error) {
	if p.Token != "good" {
		return auth.Identity{}, io.ErrUnexpectedEOF
	}
	return auth.Identity{Agent: o.agent}, nil
}

func TestBroker(t *testing.T) {
	b := &broker{}
	h, err := NewHTTP(Options{Gateway: newGateway(t), Auth: one{"a1"}, Broker: b, PublicURL: "http://tools.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		method, path, token, host, origin string
		status                            int
		text                              string
	}{
		"given out":        {"GET", "/v1/agents/a1/credentials/notes?scope=read", "good", "", "", 200, `"token":"t0ken"`},
		"another agent's":  {"GET", "/v1/agents/a2/credentials/notes", "good", "", "", 404, `"kind":"not_found"`},
		"no such service":  {"GET", "/v1/agents/a1/credentials/other", "good", "", "", 404, `"call_id":"call-0"`},
		"no token":         {"GET", "/v1/agents/a1/credentials/notes", "", "", "", 401, ""},
		"a wrong token":    {"GET", "/v1/agents/a1/credentials/notes", "bad", "", "", 401, ""},
		"POST":             {"POST", "/v1/agents/a1/credentials/notes", "good", "", "", 405, "GET"},
		"scope twice":      {"GET", "/v1/agents/a1/credentials/notes?scope=a&scope=b", "good", "", "", 400, "scope stands there twice"},
		"another key":      {"GET", "/v1/agents/a1/credentials/notes?scpoe=a", "good", "", "", 400, "not scpoe"},
		"a longer path":    {"GET", "/v1/agents/a1/credentials/notes/x", "good", "", "", 404, ""},
		"a shorter path":   {"GET", "/v1/agents/a1", "good", "", "", 404, ""},
		"another Host":     {"GET", "/v1/agents/a1/credentials/notes", "good", "evil.example.com", "", 403, ""},
		"a page elsewhere": {"GET", "/v1/agents/a1/credentials/notes", "good", "", "https://evil.example.com", 403, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "http://tools.example.com"+c.path, nil)
			if c.token != "" {
				r.Header.Set("Authorization", "Bearer "+c.token)
			}
			if c.host != "" {
				r.Host = c.host
			}
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
				t.Fatalf("HTTP %d %s", w.Code, w.Body)
			}
			if c.status != 403 && w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("it may be cached: %v", w.Header())
			}
			if c.status == 200 && !json.Valid(w.Body.Bytes()) {
				t.Error("that is no JSON")
			}
		})
	}
}

// Without a broker there is no such path.
func TestNoBroker(t *testing.T) {
	h, err := NewHTTP(Options{Gateway: newGateway(t), Auth: one{"a1"}, PublicURL: "http://tools.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "http://tools.example.com/v1/agents/a1/credentials/notes", nil)
	r.Header.Set("Authorization", "Bearer good")
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusNotFound {
		t.Errorf("HTTP %d", w.Code)
	}
}
