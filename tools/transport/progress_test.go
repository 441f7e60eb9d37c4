package transport

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"toolvault/auth"
	"toolvault/tools"
)

// counting is a tool that tells of its progress three times: once too often, and
// once backwards.
func counting(t *testing.T) doubleTool {
	return doubleTool{schema: schema(t, "count", "read", true), run: func(_ context.Context, _ auth.Identity, c tools.Call) tools.Result {
		if c.Progress != nil {
			for _, done := range []float64{1, 2, 1, 10} {
				c.Progress(done, 10, "pages \"read\"")
			}
		}
		return tools.Result{CallID: "c", Text: "counted"}
	}}
}

const (
	first = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"tok","progress":1,"total":10,"message":"pages \"read\""}}`
	last  = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"tok","progress":10,"total":10,"message":"pages \"read\""}}`
)

func TestProgressOverHTTP(t *testing.T) {
	for _, c := range []struct {
		name, meta, accept string
		stream             bool
	}{
		{"asked", `"_meta":{"progressToken":"tok"},`, "application/json, text/event-stream", true},
		{"not asked", ``, "application/json, text/event-stream", false},
		{"no streams taken", `"_meta":{"progressToken":"tok"},`, "application/json", false},
		{"a token that is none", `"_meta":{"progressToken":{}},`, "application/json, text/event-stream", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			b.gateway.tools["count"] = counting(t)
			body := `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{` + c.meta + `"name":"count","arguments":{}}}`
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/mcp", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+alice)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Accept", c.accept)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			events := bytes.Split(bytes.TrimSpace(got), []byte("\n\n"))
			if !c.stream {
				if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") || !json.Valid(got) || len(events) != 1 {
					t.Errorf("%s: %s", resp.Header.Get("Content-Type"), got)
				}
				return
			}
			if resp.Header.Get("Content-Type") != "text/event-stream" || len(events) != 3 {
				t.Fatalf("%s: %s", resp.Header.Get("Content-Type"), got)
			}
			for i, want := range []string{first, last, `"text":"counted"`} {
				if !strings.Contains(string(events[i]), want) {
					t.Errorf("event %d is %s, want %s", i, events[i], want)
				}
			}
		})
	}
}

func TestProgressOverStdio(t *testing.T) {
	p := newPipe(t)
	p.gateway.tools["count"] = counting(t)
	p.send(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{"progressToken":"tok"},"name":"count","arguments":{}}}`)
	for _, want := range []string{first, last} {
		if r := p.next(); string(r.body) != want {
			t.Errorf("got %s, want %s", r.body, want)
		}
	}
	if r := p.next(); r.text() != "counted" {
		t.Errorf("%s", r.body)
	}
}

// A client that asks for progress and then does not read does not hold up the
// call for longer than it takes to notice.
func TestAClientThatDoesNotReadItsProgress(t *testing.T) {
	b := newBed(t)
	done := make(chan struct{})
	flood := strings.Repeat("x", 1<<20)
	b.gateway.tools["count"] = doubleTool{schema: schema(t, "count", "read", true), run: func(_ context.Context, _ auth.Identity, c tools.Call) tools.Result {
		defer close(done)
		for i := range 64 { // totals of 64 make none of them wait for the next quarter of a second
			c.Progress(float64(i+1), float64(i+1), flood)
		}
		return tools.Result{CallID: "c", Text: "counted"}
	}}
	body := `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{"progressToken":"tok"},"name":"count","arguments":{}}}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/mcp", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+alice)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil { // and no more
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("the call is held up")
	}
}

// An official client gets to hear of it.
func TestOfficialGoSDKHearsOfProgress(t *testing.T) {
	b := newBed(t)
	b.gateway.tools["count"] = counting(t)
	heard := make(chan float64, 10)
	client := mcp.NewClient(&mcp.Implementation{Name: "sdk", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { heard <- r.Params.Progress },
	})
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: b.url + "/mcp", HTTPClient: &http.Client{Transport: bearerTransport(alice)}, MaxRetries: -1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	params := &mcp.CallToolParams{Name: "count", Arguments: map[string]any{}}
	params.SetProgressToken("tok")
	if r, err := session.CallTool(t.Context(), params); err != nil || r.IsError {
		t.Fatalf("%v %+v", err, r)
	}
	for _, want := range []float64{1, 10} {
		if got := <-heard; got != want {
			t.Errorf("heard %v, want %v", got, want)
		}
	}
}
