package transport

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"toolvault/auth"
	"toolvault/tools"
)

// pipe is a client of a stdio server.
type pipe struct {
	t       *testing.T
	in      *io.PipeWriter
	out     *bufio.Scanner
	gateway *gateway
	logs    *logBuffer
	stop    context.CancelFunc
	ended   chan error
}

func newPipe(t *testing.T, change ...func(*stdio)) *pipe {
	t.Helper()
	b := &bed{t: t, gateway: newGateway(t), logs: &logBuffer{}}
	c, err := newCore(b.options())
	if err != nil {
		t.Fatal(err)
	}
	in, clientOut := io.Pipe()
	clientIn, out := io.Pipe()
	s := newStdio(c, identity(t, "alice", "notes:read"), out)
	for _, f := range change {
		f(s)
	}
	ctx, stop := context.WithCancel(t.Context())
	p := &pipe{t: t, in: clientOut, out: bufio.NewScanner(clientIn), gateway: b.gateway, logs: b.logs, stop: stop, ended: make(chan error, 1)}
	p.out.Buffer(nil, 1<<20)
	go func() {
		err := s.run(ctx, in)
		out.Close()
		p.ended <- err
	}()
	t.Cleanup(func() {
		stop()
		clientOut.Close()
		clientIn.Close()
	})
	return p
}

func (p *pipe) send(lines ...string) {
	p.t.Helper()
	for _, l := range lines {
		if _, err := io.WriteString(p.in, l+"\n"); err != nil {
			p.t.Fatal(err)
		}
	}
}

// next is the next line on stdout, which has to be a message.
func (p *pipe) next() *reply {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatalf("no more output: %v", p.out.Err())
	}
	r := &reply{body: append([]byte(nil), p.out.Bytes()...)}
	if r.body[0] == '[' {
		return r
	}
	var rpc struct{ JSONRPC string }
	if err := json.Unmarshal(r.body, r); err != nil {
		p.t.Fatalf("not JSON: %s", r.body)
	}
	if _ = json.Unmarshal(r.body, &rpc); rpc.JSONRPC != "2.0" {
		p.t.Fatalf("not a message: %s", r.body)
	}
	return r
}

func callLine(id, params string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{` + params + `}}`
}

func TestStdio(t *testing.T) {
	p := newPipe(t)
	p.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"desk","version":"7"}}}`)
	if r := p.next(); !strings.Contains(string(r.body), `"protocolVersion":"2025-06-18"`) {
		t.Fatalf("%s", r.body)
	}
	p.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, "", "   ")
	p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	if r := p.next(); len(r.Result.Tools) != 4 {
		t.Errorf("list: %s", r.body)
	}
	p.send(callLine(`"x"`, `"name":"echo","arguments":{"text":"hi"}`))
	if r := p.next(); string(r.ID) != `"x"` || r.text() != "echo for alice" || r.Result.Type != "" {
		t.Errorf("call: %s", r.body)
	}
	c := p.gateway.seen()[0]
	if c.Transport != "stdio" || c.Client != (tools.ClientInfo{Name: "desk", Version: "7"}) || c.ToolCallID != "x" || len(c.CorrelationID) != 32 {
		t.Errorf("call %+v", c)
	}
	// A modern request needs no handshake and may stand beside old ones.
	p.send(callLine("2", `"name":"echo","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`))
	if r := p.next(); r.Result.Type != "complete" {
		t.Errorf("modern: %s", r.body)
	}
	p.in.Close()
	if err := <-p.ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestStdioRefusals(t *testing.T) {
	p := newPipe(t)
	for _, c := range []struct {
		line string
		code int
	}{
		{"hello", -32700},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call"`, -32700},
		{callLine("1", `"name":"echo","Name":"add"`), -32600},
		{callLine("null", `"name":"echo"`), -32600},
		{callLine("1", `"name":"echo","arguments":{"a":`+strings.Repeat("[", 80)+strings.Repeat("]", 80)+`}`), -32700},
		{callLine("1", `"name":"echo","arguments":{"a":"`+strings.Repeat("x", 70<<10)+`"}`), -32600},
		{callLine("1", `"name":"classified"`), -32602},
		{callLine("1", `"name":"add"`), -32602},
		{callLine("1", `"name":"crash"`), -32603},
		{callLine("1", `"name":"echo","_meta":{"io.modelcontextprotocol/protocolVersion":"2099-01-01","io.modelcontextprotocol/clientCapabilities":{}}`), -32022},
		{callLine("1", `"name":"echo","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`), -32602},
		{`{"jsonrpc":"2.0","id":1,"method":"no/such"}`, -32601},
	} {
		p.send(c.line)
		if r := p.next(); r.Error == nil || r.Error.Code != c.code {
			t.Errorf("%.80s: %s", c.line, r.body)
		}
	}
	if strings.Contains(p.logs.String(), "xoxb") {
		t.Error("the value of the panic is logged")
	}
	p.send(callLine("1", `"name":"echo"`))
	if r := p.next(); r.text() != "echo for alice" {
		t.Errorf("afterwards: %s", r.body)
	}
}

func TestStdioCancel(t *testing.T) {
	p := newPipe(t)
	p.send(callLine("1", `"name":"wait"`), callLine(`"1"`, `"name":"wait"`))
	until(t, "both calls arrive", func() bool { return len(p.gateway.seen()) == 2 })
	p.send(callLine("1", `"name":"echo"`))
	if r := p.next(); r.Error == nil || r.Error.Code != -32600 {
		t.Errorf("an id that is in use: %s", r.body)
	}
	p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}`, `{"jsonrpc":"2.0","method":"notifications/cancelled"}`)
	p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"\u0031"}}`)
	// The text "1" is cancelled and never answered; the number 1 still runs.
	p.send(callLine("2", `"name":"echo"`))
	if r := p.next(); string(r.ID) != "2" {
		t.Errorf("answered: %s", r.body)
	}
	p.send(callLine("1", `"name":"echo"`))
	if r := p.next(); r.Error == nil || r.Error.Code != -32600 {
		t.Errorf("the number 1 no longer runs: %s", r.body)
	}
	p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	p.in.Close()
	if err := <-p.ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if p.out.Scan() {
		t.Errorf("a cancelled call was answered: %s", p.out.Text())
	}
}

// Whoever ends it, the client by closing stdin or a signal, the calls under way
// are finished and answered; what only waits is not waited for.
func TestStdioFinishesCalls(t *testing.T) {
	for name, end := range map[string]func(*pipe){
		"stdin closed": func(p *pipe) { p.in.Close() },
		"context done": func(p *pipe) { p.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			listening, ending := make(chan struct{}), make(chan struct{})
			p := newPipe(t, func(s *stdio) {
				s.Configure = func(*server.MCPServer) {}
				s.mcp.AddTool(mcp.NewTool("listen"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
					close(listening)
					<-ctx.Done()
					close(ending)
					return nil, ctx.Err()
				})
			})
			release := make(chan struct{})
			p.gateway.tools["hold"] = doubleTool{schema: schema(t, "hold", "read", true), run: func(ctx context.Context, _ auth.Identity, _ tools.Call) tools.Result {
				select {
				case <-release:
					return tools.Result{Text: "finished"}
				case <-ctx.Done():
					return tools.Result{Text: "cancelled"}
				}
			}}
			p.send(callLine("1", `"name":"hold"`), callLine("2", `"name":"listen"`))
			until(t, "the call arrives", func() bool { return len(p.gateway.seen()) == 1 })
			<-listening
			end(p)
			<-ending
			if r := p.next(); string(r.ID) != "2" { // the call is still under way
				t.Errorf("%s", r.body)
			}
			close(release)
			if r := p.next(); r.text() != "finished" {
				t.Errorf("%s", r.body)
			}
			if err := <-p.ended; err != nil {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// The last line counts without a line break, too.
func TestStdioLastLine(t *testing.T) {
	p := newPipe(t)
	go func() {
		_, _ = io.WriteString(p.in, callLine("1", `"name":"echo"`))
		p.in.Close()
	}()
	if r := p.next(); r.text() != "echo for alice" {
		t.Errorf("%s", r.body)
	}
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

// The end of the context ends calls after the time of grace, not before.
func TestStdioStops(t *testing.T) {
	p := newPipe(t, func(s *stdio) { s.grace = 50 * time.Millisecond })
	p.send(callLine("1", `"name":"wait"`))
	until(t, "the call arrives", func() bool { return len(p.gateway.seen()) == 1 })
	p.stop()
	if r := p.next(); !r.Result.IsError {
		t.Errorf("%s", r.body)
	}
	if err := <-p.ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestStdioBrokenPipes(t *testing.T) {
	b := &bed{t: t, gateway: newGateway(t), logs: &logBuffer{}}
	in, client := io.Pipe()
	defer client.Close()
	ended := make(chan error, 1)
	go func() { ended <- ServeStdio(t.Context(), b.options(), auth.Identity{Agent: "a"}, in, brokenWriter{}) }()
	go func() { _, _ = io.WriteString(client, "{}\n") }()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "write") {
		t.Errorf("ended with %v", err)
	}
	if err := ServeStdio(t.Context(), b.options(), auth.Identity{}, brokenReader{}, io.Discard); err == nil || !strings.Contains(err.Error(), "read") {
		t.Errorf("ended with %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("nobody writes") }

// One client may not fill the memory with calls that never end.
func TestStdioBound(t *testing.T) {
	p := newPipe(t)
	for i := range maxInFlight {
		p.send(callLine(fmt.Sprint(i), `"name":"wait"`))
	}
	until(t, "all arrive", func() bool { return len(p.gateway.seen()) == maxInFlight })
	p.send(callLine(`"one more"`, `"name":"echo"`))
	if r := p.next(); string(r.ID) != `"one more"` || r.Error == nil {
		t.Errorf("%s", r.body)
	}
	for i := range maxInFlight {
		p.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, i))
	}
	p.in.Close()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

func TestStdioBatches(t *testing.T) {
	p := newPipe(t)
	p.send("[" + callLine("1", `"name":"echo"`) + "," + callLine("2", `"name":"echo"`) + "]")
	var answers []reply
	if r := p.next(); json.Unmarshal(r.body, &answers) != nil || len(answers) != 2 {
		t.Errorf("%s", r.body)
	}
	p.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"desk","version":"7"}}}`)
	p.next()
	p.send("[" + callLine("1", `"name":"echo"`) + "]")
	if r := p.next(); r.Error == nil || r.Error.Code != -32600 {
		t.Errorf("%s", r.body)
	}
}

// A client that is there and reads nothing does not keep the program from ending.
func TestStdioClientThatDoesNotRead(t *testing.T) {
	p := newPipe(t, func(s *stdio) { s.grace = 10 * time.Millisecond })
	p.send(`{"jsonrpc":"2.0","id":1,"method":"ping"}`, `{"jsonrpc":"2.0","id":2,"method":"ping"}`)
	p.stop()
	if err := <-p.ended; err == nil || !strings.Contains(err.Error(), "does not read") {
		t.Errorf("ended with %v", err)
	}
}
