package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"toolvault/auth"
	"toolvault/schemas"
	"toolvault/tools"
)

// instant is a gateway that costs nothing.
type instant struct{ list []schemas.Tool }

func (instant) Knows(auth.Identity, string) (string, bool)       { return "", true }
func (instant) Direct(_ auth.Identity, c tools.Call) tools.Call  { return c }
func (g instant) List(auth.Identity) []schemas.Tool              { return g.list }
func (instant) Missing(auth.Identity, tools.Call) (string, bool) { return "", false }
func (instant) Call(context.Context, auth.Identity, tools.Call) tools.Result {
	return tools.Result{CallID: "0199", Text: "posted as 1700000000.000100", Structured: json.RawMessage(`{"channel":"C1","ts":"1700000000.000100"}`)}
}

// stock is the same tool on mcp-go's own handler, without any guard.
func stock() (*server.MCPServer, http.Handler) {
	s := server.NewMCPServer("stock", "1", server.WithToolCapabilities(false))
	s.AddTool(mcp.NewToolWithRawSchema("slack_post_message", "Posts.", json.RawMessage(`{"type":"object"}`)),
		func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultStructured(map[string]string{"channel": "C1", "ts": "1700000000.000100"}, "posted as 1700000000.000100"), nil
		})
	return s, server.NewStreamableHTTPServer(s, server.WithStateLess(true))
}

// between reads the body and calls HandleMessage: a handler of one's own that
// leaves the call to mcp-go.
func between(s *server.MCPServer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.HandleMessage(r.Context(), body))
	})
}

func ours(b *testing.B) http.Handler {
	h, err := NewHTTP(Options{Gateway: instant{}, Auth: people{alice: auth.Identity{Agent: "a"}}, Name: "x", PublicURL: "http://tools.example.com"})
	if err != nil {
		b.Fatal(err)
	}
	return h
}

func benchAsk(i int, version string) ask {
	a := ask{version: version, id: fmt.Sprint(i), params: fmt.Sprintf(`"name":"slack_post_message","arguments":{"channel":"#support-updates","text":"Ticket %d is done: the customer has been told, and the dashboard is up to date."}`, i)}
	if version == "" || version != modernVersion {
		a.meta = `"claudecode/toolUseId":"toolu_0123456789"`
	}
	return a
}

func handlers(b *testing.B) map[string]http.Handler {
	s, h := stock()
	return map[string]http.Handler{"ours": ours(b), "mcp-go": h, "HandleMessage": between(s)}
}

// The handler alone, without net/http around it.
func BenchmarkHandler(b *testing.B) {
	for _, version := range []string{"2025-11-25", modernVersion} {
		for name, handler := range handlers(b) {
			b.Run(version+"/"+name, func(b *testing.B) {
				r := benchAsk(1, version).request(b.Context(), b, "http://localhost")
				r.Host = "localhost"
				if name == "ours" {
					r.Host = "tools.example.com"
				}
				body, _ := io.ReadAll(r.Body)
				b.ReportAllocs()
				for b.Loop() {
					r.Body = io.NopCloser(strings.NewReader(string(body)))
					w := httptest.NewRecorder()
					handler.ServeHTTP(w, r)
					if w.Code != 200 {
						b.Fatal(w.Code, w.Body)
					}
				}
			})
		}
	}
}

// Over loopback, client and server in this process, 64 connections: CPU time of
// both a call.
func BenchmarkLoopback(b *testing.B) {
	for name, handler := range handlers(b) {
		b.Run(name, func(b *testing.B) {
			srv := httptest.NewServer(handler)
			defer srv.Close()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			b.SetParallelism(32) // of two cores
			before := cpu()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					r := benchAsk(i, "2025-11-25").request(b.Context(), b, srv.URL)
					resp, err := client.Do(r)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if resp.StatusCode != 200 {
						b.Error(resp.Status)
						return
					}
				}
			})
			b.ReportMetric((cpu()-before)/float64(b.N)*1e6, "cpu-µs/op")
		})
	}
}

// cpu is the seconds of CPU that the process has used.
func cpu() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
