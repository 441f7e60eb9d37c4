package transport

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// user is the person in front of a client: what is said to the questions, one
// after another, and what was asked.
type user struct {
	mu    sync.Mutex
	says  []func() string
	asked []*mcp.ElicitParams
}

func (u *user) answer(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked = append(u.asked, r.Params)
	say := u.says[0]
	u.says = u.says[1:]
	return &mcp.ElicitResult{Action: say()}, nil
}

// sdk is the official Go SDK, unmodified, over HTTP and over stdio, as a client
// of that version.
func (w *whole) sdk(t *testing.T, version string, u *user, test func(t *testing.T, s *mcp.ClientSession)) {
	t.Helper()
	options := &mcp.ClientOptions{}
	if u != nil {
		options.ElicitationHandler = u.answer
		options.Capabilities = &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{URL: &mcp.URLElicitationCapabilities{}}}
	}
	connect := func(t *testing.T, by mcp.Transport) *mcp.ClientSession {
		t.Helper()
		session, err := mcp.NewClient(&mcp.Implementation{Name: "go-sdk-client", Version: "0.1"}, options).Connect(t.Context(), by, &mcp.ClientSessionOptions{ProtocolVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = session.Close() })
		if got := session.InitializeResult().ProtocolVersion; got != version {
			t.Fatalf("speaks %s", got)
		}
		return session
	}
	t.Run("http", func(t *testing.T) {
		test(t, connect(t, &mcp.StreamableClientTransport{
			Endpoint: w.url + "/mcp", HTTPClient: &http.Client{Transport: bearerTransport(alice)}, MaxRetries: -1,
		}))
	})
	t.Run("stdio", func(t *testing.T) {
		in, clientOut := io.Pipe()
		clientIn, out := io.Pipe()
		o := w.options(func(o *Options) { o.Gateway = w.gateway })
		ended := make(chan error, 1)
		go func() { ended <- ServeStdio(t.Context(), o, identity(t, "alice", "notes:read"), in, out) }()
		test(t, connect(t, &mcp.IOTransport{Reader: clientIn, Writer: clientOut}))
		_ = clientOut.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// sdkCall is new each time: the SDK writes into it.
func sdkCall() *mcp.CallToolParams {
	return &mcp.CallToolParams{Name: "get", Arguments: map[string]any{"text": "hi"}}
}

func TestTheOfficialGoSDKIsAsked(t *testing.T) {
	w := newWhole(t)
	accept := func() string { return "accept" }
	t.Run(modernVersion, func(t *testing.T) {
		u := &user{}
		w.sdk(t, modernVersion, u, func(t *testing.T, s *mcp.ClientSession) {
			defer w.revoke("alice")
			// The first time the page is only opened, the second time consent is given.
			*u = user{says: []func() string{accept, func() string { w.grant("alice"); return "accept" }}}
			r, err := s.CallTool(t.Context(), sdkCall())
			if err != nil || r.IsError {
				t.Fatalf("%v %+v", err, r)
			}
			if len(u.asked) != 2 || u.asked[0].Mode != "url" || u.asked[0].URL != consentPage || u.asked[0].Message != toUser ||
				u.asked[1].URL != consentPage || !strings.Contains(u.asked[1].Message, "not connected for agent alice yet") {
				t.Errorf("%+v", u.asked)
			}
		})
		w.sdk(t, modernVersion, u, func(t *testing.T, s *mcp.ClientSession) {
			*u = user{says: []func() string{func() string { return "decline" }}}
			r, err := s.CallTool(t.Context(), sdkCall())
			if err != nil || !r.IsError || !strings.Contains(r.Content[0].(*mcp.TextContent).Text, "declined") {
				t.Fatalf("%v %+v", err, r)
			}
		})
	})
	t.Run("2025-11-25", func(t *testing.T) {
		w.sdk(t, "2025-11-25", &user{}, func(t *testing.T, s *mcp.ClientSession) {
			_, err := s.CallTool(t.Context(), sdkCall())
			var rpc *jsonrpc.Error
			var data struct{ Elicitations []*mcp.ElicitParams }
			if !errors.As(err, &rpc) || rpc.Code != mcp.CodeURLElicitationRequired || json.Unmarshal(rpc.Data, &data) != nil ||
				len(data.Elicitations) != 1 || data.Elicitations[0].Mode != "url" || data.Elicitations[0].URL != consentPage || data.Elicitations[0].ElicitationID == "" {
				t.Fatalf("%v %+v", err, data)
			}
			w.grant("alice")
			defer w.revoke("alice")
			if r, err := s.CallTool(t.Context(), sdkCall()); err != nil || r.IsError {
				t.Errorf("%v %+v", err, r)
			}
		})
	})
	for _, version := range []string{modernVersion, "2025-11-25", "2025-06-18"} {
		t.Run("no elicitation, "+version, func(t *testing.T) {
			w.sdk(t, version, nil, func(t *testing.T, s *mcp.ClientSession) {
				r, err := s.CallTool(t.Context(), sdkCall())
				if err != nil || !r.IsError || r.Content[0].(*mcp.TextContent).Text != asText {
					t.Errorf("%v %+v", err, r)
				}
			})
		})
	}
}
