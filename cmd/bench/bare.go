package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	official "github.com/modelcontextprotocol/go-sdk/mcp"
)

// serveChild is the child process: it serves until its stdin ends, which it does
// when the bench ends, however that happens.
func serveChild(name, upstream string, w work) error {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 128}}
	var h http.Handler
	switch name {
	case "upstream":
		h = fakeUpstream()
	case stock:
		h = server.NewStreamableHTTPServer(bareServer(client, upstream, w), server.WithStateLess(true), server.WithDisableStreaming(true))
	case behindOurs:
		h = bareHandler(bareServer(client, upstream, w))
	case officialSDK:
		h = officialServer(client, upstream, w)
	default:
		return fmt.Errorf("there is no server %q", name)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, _ = fmt.Printf("http://%s\n", l.Addr())
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = s.Close()
	}()
	if err := s.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// bareServer is mcp-go with one tool and no security.
func bareServer(client *http.Client, upstream string, w work) *server.MCPServer {
	s := server.NewMCPServer("bare", "1")
	s.AddTool(mcp.NewToolWithRawSchema(w.tool, "The tool of the benchmark.", json.RawMessage(w.schema)),
		func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			var in input
			if err := r.BindArguments(&in); err != nil {
				return mcp.NewToolResultError(err.Error()), nil
			}
			out, err := w.call(ctx, client, upstream, in)
			if err != nil {
				return mcp.NewToolResultError(err.Error()), nil
			}
			text, err := json.Marshal(out)
			if err != nil {
				return nil, err
			}
			return mcp.NewToolResultStructured(out, string(text)), nil
		})
	return s
}

// bareHandler is the least that a handler of one's own can do: read the body,
// have the message handled, encode the answer.
func bareHandler(s *server.MCPServer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAnswer))
		if err != nil {
			http.Error(w, "the body could not be read", http.StatusBadRequest)
			return
		}
		answer, err := json.Marshal(s.HandleMessage(r.Context(), body))
		if err != nil {
			http.Error(w, "the answer could not be encoded", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	})
}

// officialServer is the official Go SDK with the same tool.
func officialServer(client *http.Client, upstream string, w work) http.Handler {
	s := official.NewServer(&official.Implementation{Name: "bare", Version: "1"}, nil)
	official.AddTool(s, &official.Tool{Name: w.tool, Description: "The tool of the benchmark."},
		func(ctx context.Context, _ *official.CallToolRequest, in input) (*official.CallToolResult, map[string]any, error) {
			out, err := w.call(ctx, client, upstream, in)
			return nil, out, err
		})
	return official.NewStreamableHTTPHandler(func(*http.Request) *official.Server { return s },
		&official.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
}
