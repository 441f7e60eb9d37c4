package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// withToken adds a token to what an unmodified client sends.
type withToken string

func (t withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(t))
	return http.DefaultTransport.RoundTrip(r)
}

// The whole way, for a client that can ask its user: the program asks it to have
// the page opened, the person signs in and consents there, and the call succeeds.
func TestAClientAsksItsUserForConsent(t *testing.T) {
	for _, version := range []string{"2026-07-28", "2025-11-25"} {
		t.Run(version, func(t *testing.T) {
			config, _ := hubspotWith(t)
			data := t.TempDir() + "/d"
			s := serve(t, data, "--config", config)
			addPerson(t, data, "alice", "long-and-lovely-canaries")
			consent := func(link string) {
				v := newVisitor(t, s.addr)
				v.signIn("alice", "long-and-lovely-canaries")
				if page := v.consent(link, "allow"); !strings.Contains(page, "HubSpot is connected") {
					t.Error(page)
				}
			}
			asked := 0
			client := mcp.NewClient(&mcp.Implementation{Name: "desk", Version: "7"}, &mcp.ClientOptions{
				Capabilities: &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{URL: &mcp.URLElicitationCapabilities{}}},
				ElicitationHandler: func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
					asked++
					consent(r.Params.URL)
					return &mcp.ElicitResult{Action: "accept"}, nil
				},
			})
			session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
				Endpoint: "http://" + s.addr + "/mcp", HTTPClient: &http.Client{Transport: withToken(s.token("--config", config))}, MaxRetries: -1,
			}, &mcp.ClientSessionOptions{ProtocolVersion: version})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = session.Close() }()
			call := func() (*mcp.CallToolResult, error) {
				return session.CallTool(t.Context(), &mcp.CallToolParams{Name: "hubspot_search_objects", Arguments: map[string]any{"object_type": "contacts", "limit": 1}})
			}
			r, err := call()
			var rpc *jsonrpc.Error
			if errors.As(err, &rpc) && rpc.Code == mcp.CodeURLElicitationRequired { // 2025-11-25: the client calls again by itself
				asked++
				consent(linkIn(string(rpc.Data), s.addr))
				r, err = call()
			}
			if err != nil || r.IsError || asked != 1 {
				t.Fatalf("%v %+v, asked %d times\n%s", err, r, asked, s.logs)
			}
			log := commandOutput(t, data, "audit", "query", "-o", "json", "--config", config)
			for want, n := range map[string]int{`"outcome":"needs_consent"`: 1, `"consent.given"`: 1, "asked by ": map[bool]int{true: 1}[version == "2026-07-28"]} {
				if got := strings.Count(log, want); got != n {
					t.Errorf("the audit log has %s %d times, not %d: %s", want, got, n, log)
				}
			}
		})
	}
}

// linkIn is the link to a page of consent in a text.
func linkIn(text, addr string) string {
	_, rest, _ := strings.Cut(text, "http://"+addr)
	link, _, _ := strings.Cut(rest, `"`)
	return "http://" + addr + link
}

// On stdio a call that lacks a grant has the link to the server's page where there
// is a server, which asks its visitor to sign in, and else to a page of its own.
func TestOnStdioALinkIsGivenWhereAServerShowsThePage(t *testing.T) {
	config, _ := hubspotWith(t)
	data := t.TempDir() + "/d"
	ask := func(config string) string {
		cmd := program(t, data, "stdio", "--config", config)
		cmd.Stdin = strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{"url":{}}},"clientInfo":{"name":"desk","version":"7"}}}
{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"hubspot_search_objects","arguments":{"object_type":"contacts","limit":1}}}
`)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, `"id":2`) {
				return line
			}
		}
		t.Fatalf("no answer: %s", out)
		return ""
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, data, "--config", config)
	config += ".listening" // the same, for a process that has to know where the server is
	if err := os.WriteFile(config, append([]byte("server: { listen: \""+s.addr+"\" }\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ask(config); !strings.Contains(got, `"code":-32042`) || !strings.Contains(got, `"url":"http://`+s.addr+`/connect/`) {
		t.Errorf("with a server: %s", got)
	}
	s.kill()
	if got := ask(config); !strings.Contains(got, `"code":-32042`) || !strings.Contains(got, `"url":"http://127.0.0.1:`) {
		t.Errorf("without a server: %s", got)
	}
	// Another toolvault has the address: it does not know of this store.
	other := serve(t, t.TempDir()+"/other", "--sandbox")
	if err := os.WriteFile(config, append([]byte("server: { listen: \""+other.addr+"\" }\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ask(config); !strings.Contains(got, `"url":"http://127.0.0.1:`) || strings.Contains(got, other.addr) {
		t.Errorf("with another's server: %s", got)
	}
}

// A desktop client with nothing beside it: the process that it has started shows
// the page to whoever sits before this machine, and the call succeeds.
func TestOnStdioThePageIsItsOwn(t *testing.T) {
	for _, version := range []string{"2026-07-28", "2025-11-25"} {
		t.Run(version, func(t *testing.T) {
			config, _ := hubspotWith(t)
			consent := func(link string) {
				u, err := url.Parse(link)
				if err != nil {
					t.Error(err)
					return
				}
				if page := newVisitor(t, u.Host).consent(link, "allow"); !strings.Contains(page, "HubSpot is connected") {
					t.Error(page)
				}
				// The link is spent, and was one for this machine's pages alone.
				if r, err := http.Get("http://" + u.Host + "/mcp"); err == nil {
					_ = r.Body.Close()
					if r.StatusCode != http.StatusNotFound {
						t.Errorf("beside the page there is something: HTTP %d", r.StatusCode)
					}
				}
			}
			client := mcp.NewClient(&mcp.Implementation{Name: "desk", Version: "7"}, &mcp.ClientOptions{
				Capabilities: &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{URL: &mcp.URLElicitationCapabilities{}}},
				ElicitationHandler: func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
					consent(r.Params.URL)
					return &mcp.ElicitResult{Action: "accept"}, nil
				},
			})
			session, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: program(t, t.TempDir()+"/d", "stdio", "--config", config)},
				&mcp.ClientSessionOptions{ProtocolVersion: version})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = session.Close() }()
			call := func() (*mcp.CallToolResult, error) {
				return session.CallTool(t.Context(), &mcp.CallToolParams{Name: "hubspot_search_objects", Arguments: map[string]any{"object_type": "contacts", "limit": 1}})
			}
			r, err := call()
			var rpc *jsonrpc.Error
			if errors.As(err, &rpc) && rpc.Code == mcp.CodeURLElicitationRequired {
				_, link, _ := strings.Cut(string(rpc.Data), `"url":"`)
				link, _, _ = strings.Cut(link, `"`)
				consent(link)
				r, err = call()
			}
			if err != nil || r.IsError {
				t.Fatalf("%v %+v", err, r)
			}
		})
	}
}
