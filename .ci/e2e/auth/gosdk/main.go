// Gosdk is an app on the official Go SDK that knows nothing but the server's URL. The
// SDK discovers, registers, redeems the code and refreshes; $PERSON is the program
// that opens the page, signs in and allows.
//
//	PERSON="node person.mjs" gosdk URL
//
// It prints what it got as one JSON object.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := run(ctx, os.Args[1])
	if err != nil {
		out = map[string]any{"error": err.Error()}
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
	if err != nil {
		os.Exit(1)
	}
}

func run(ctx context.Context, target string) (map[string]any, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	callback := "http://" + l.Addr().String() + "/callback"
	came := make(chan url.Values, 1)
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/callback" {
				came <- r.URL.Query()
			}
			_, _ = fmt.Fprintln(w, "Connected.")
		}))
	}()

	var sources []*renewed
	asked := 0
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			ClientName: "End-to-end app", RedirectURIs: []string{callback}, TokenEndpointAuthMethod: "none",
			GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"},
		}},
		RequestRefreshToken: true,
		AuthorizationCodeFetcher: func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			asked++
			words := append(strings.Fields(os.Getenv("PERSON")), args.URL)
			cmd := exec.CommandContext(ctx, words[0], words[1:]...)
			cmd.Stderr = os.Stderr
			if err := cmd.Run(); err != nil {
				return nil, fmt.Errorf("the person: %w", err)
			}
			select {
			case q := <-came:
				return &auth.AuthorizationResult{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss")}, nil
			case <-time.After(5 * time.Second):
				return nil, errors.New("nobody came back to the app")
			}
		},
		// The SDK refreshes what has run out: what it got is said to have, so that the
		// first request is made with a token that came from a refresh.
		NewTokenSource: func(ctx context.Context, cfg *oauth2.Config, t *oauth2.Token) (oauth2.TokenSource, error) {
			old := *t
			old.Expiry = time.Now().Add(-time.Minute)
			s := &renewed{source: cfg.TokenSource(ctx, &old), first: t}
			sources = append(sources, s)
			return s, nil
		},
	})
	if err != nil {
		return nil, err
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "toolvault-e2e", Version: "1.0.0"}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: target, OAuthHandler: handler}, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = session.Close() }()
	listed, err := session.ListTools(ctx, nil)
	if err != nil {
		return nil, err
	}
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "toolvault_whoami", Arguments: map[string]any{}})
	if err != nil {
		return nil, err
	}
	text, _ := json.Marshal(result.Content)
	if result.IsError {
		return nil, fmt.Errorf("toolvault_whoami failed: %s", text)
	}
	if asked != 1 || len(sources) != 1 {
		return nil, fmt.Errorf("a person was asked %d times", asked)
	}
	now, err := sources[0].Token()
	if err != nil {
		return nil, err
	}
	if now.AccessToken == sources[0].first.AccessToken || now.RefreshToken == sources[0].first.RefreshToken {
		return nil, errors.New("the tokens were not refreshed")
	}
	return map[string]any{"tools": len(listed.Tools), "text": string(text), "refreshed": true}, nil
}

type renewed struct {
	source oauth2.TokenSource
	first  *oauth2.Token
}

func (c *renewed) Token() (*oauth2.Token, error) { return c.source.Token() }
