package transport

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"toolvault/tools"
)

// bearerTransport adds the token to what an unmodified client sends.
type bearerTransport string

func (t bearerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(t))
	return http.DefaultTransport.RoundTrip(r)
}

// The official Go SDK, unmodified, talks to us as it does to anybody.
func TestOfficialGoSDK(t *testing.T) {
	b := newBed(t)
	connect := func(token string) *mcp.ClientSession {
		t.Helper()
		client := mcp.NewClient(&mcp.Implementation{Name: "go-sdk-client", Version: "0.1"}, nil)
		session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
			Endpoint: b.url + "/mcp", HTTPClient: &http.Client{Transport: bearerTransport(token)}, MaxRetries: -1,
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return session
	}
	session := connect(alice)
	defer session.Close()
	list, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tool := range list.Tools {
		got = append(got, tool.Name)
		if tool.Annotations == nil || tool.InputSchema == nil {
			t.Errorf("%s: %+v", tool.Name, tool)
		}
	}
	if !slices.Equal(got, []string{"broken", "crash", "echo", "wait"}) {
		t.Errorf("tools %v", got)
	}

	r, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "echo", Arguments: map[string]any{"text": "hi"}})
	if err != nil || r.IsError {
		t.Fatalf("%v %+v", err, r)
	}
	structured, _ := json.Marshal(r.StructuredContent)
	if !strings.Contains(string(structured), `"arguments":{"text":"hi"}`) || r.Meta["call_id"] != "call-1" {
		t.Errorf("%s %v", structured, r.Meta)
	}
	if c := b.gateway.seen()[0]; c.Client != (tools.ClientInfo{Name: "go-sdk-client", Version: "0.1"}) {
		t.Errorf("client %+v", c.Client)
	}
	if r, err = session.CallTool(t.Context(), &mcp.CallToolParams{Name: "broken"}); err != nil || !r.IsError {
		t.Errorf("a failure: %v %+v", err, r)
	}
	if _, err = session.CallTool(t.Context(), &mcp.CallToolParams{Name: "nothing"}); err == nil || !strings.Contains(err.Error(), "no tool of that name") {
		t.Errorf("an unknown tool: %v", err)
	}

	// Two sessions at once, which both count from one.
	other := connect(bob)
	defer other.Close()
	var wg sync.WaitGroup
	for agent, s := range map[string]*mcp.ClientSession{"alice": session, "bob": other} {
		for i := range 20 {
			wg.Go(func() {
				text := fmt.Sprintf("%s %d", agent, i)
				r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "echo", Arguments: map[string]any{"text": text}})
				if err != nil {
					t.Error(err)
					return
				}
				b, _ := json.Marshal(r.StructuredContent)
				if !strings.Contains(string(b), `"agent":"`+agent+`"`) || !strings.Contains(string(b), text) {
					t.Errorf("%s got %s", text, b)
				}
			})
		}
	}
	wg.Wait()

	if _, err := mcp.NewClient(&mcp.Implementation{Name: "x"}, nil).Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: b.url + "/mcp", MaxRetries: -1}, nil); err == nil {
		t.Error("it connects without a token")
	}
}
