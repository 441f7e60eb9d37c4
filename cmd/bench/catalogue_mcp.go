package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

const (
	maxLine   = 16 << 20 // bytes of one message on stdout
	callLimit = 30 * time.Second
)

// mcpProcess is an MCP server that runs as a process of its own and speaks JSON-RPC,
// a message a line, on its standard input and output (MCP, "stdio"). It is spoken to
// without an SDK, so that what is counted is what was on the wire.
type mcpProcess struct {
	name         string
	in           io.WriteCloser
	answers      chan rpcMessage
	gone         chan struct{} // closed when stdout has ended
	next         int
	instructions string
	log          *stderrText
	stop         func()
}

type rpcMessage struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// startMCP starts a server and shakes hands with it. Its environment is env and
// what a program needs to run at all; its home is a new folder, so that no server
// finds what another has left.
func startMCP(ctx context.Context, name string, env []string, program string, args ...string) (*mcpProcess, error) {
	home, err := os.MkdirTemp("", "toolvault-bench-home-")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = stopLimit
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home}, env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p := &mcpProcess{name: name, in: in, answers: make(chan rpcMessage), gone: make(chan struct{}), log: &stderrText{}}
	cmd.Stderr = p.log
	if err := cmd.Start(); err != nil {
		_ = os.RemoveAll(home)
		return nil, err
	}
	reading, enough := context.WithCancel(ctx)
	go func() {
		defer close(p.gone)
		p.read(reading, out)
	}()
	p.stop = func() { // the end of its input tells a server to go
		enough()
		_ = in.Close()
		kill := time.AfterFunc(stopLimit, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		select {
		case <-p.gone:
		case <-time.After(2 * stopLimit): // a process that it has started lives on and keeps stdout open
		}
		_ = cmd.Wait()
		_ = os.RemoveAll(home)
	}
	hello := map[string]any{"protocolVersion": "2025-06-18", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "toolvault-bench", "version": "1"}}
	raw, err := p.request(ctx, "initialize", hello)
	if err != nil {
		p.stop()
		return nil, err
	}
	var welcome struct {
		Instructions string `json:"instructions"`
	}
	if err := json.Unmarshal(raw, &welcome); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: its answer to initialize: %w", name, err)
	}
	p.instructions = welcome.Instructions
	if err := p.write(map[string]any{"jsonrpc": "2.0", "method": "notifications/initialized"}); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// read passes on what the server answers until its stdout ends, and then reads to
// the end, since a server that cannot write does not stop.
func (p *mcpProcess) read(ctx context.Context, out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var m rpcMessage
		if json.Unmarshal(lines.Bytes(), &m) != nil || m.Method != "" && m.ID == nil {
			continue // what is no JSON-RPC, and notifications
		}
		select {
		case p.answers <- m:
		case <-ctx.Done():
		}
	}
	_, _ = io.Copy(io.Discard, out)
}

func (p *mcpProcess) write(v any) error {
	b, err := compact(v)
	if err != nil {
		return err
	}
	_, err = p.in.Write(append(b, '\n'))
	return err
}

// request sends one request and waits for its answer. Requests of the server's own
// are refused: the client has said that it can do none.
func (p *mcpProcess) request(ctx context.Context, method string, params any) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	p.next++
	id := fmt.Sprint(p.next)
	if err := p.write(map[string]any{"jsonrpc": "2.0", "id": p.next, "method": method, "params": params}); err != nil {
		return nil, fmt.Errorf("%s: %s: %w: %s", p.name, method, err, p.log)
	}
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: no answer to %s: %w: %s", p.name, method, ctx.Err(), p.log)
		case <-p.gone:
			return nil, fmt.Errorf("%s: it ended before it answered %s: %s", p.name, method, p.log)
		case m := <-p.answers:
			switch {
			case m.Method != "":
				refused := map[string]any{"jsonrpc": "2.0", "id": m.ID, "error": map[string]any{"code": -32601, "message": "not supported"}}
				if err := p.write(refused); err != nil {
					return nil, err
				}
			case string(m.ID) != id:
			case m.Error != nil:
				return nil, fmt.Errorf("%s: %s: %s (%d)", p.name, method, m.Error.Message, m.Error.Code)
			default:
				return m.Result, nil
			}
		}
	}
}

// listed is a tool as its server lists it.
type listed struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Input       json.RawMessage `json:"inputSchema"`
	whole       int             // bytes of all of it as compact JSON
}

// read are the bytes of what every client gives to a model: name, description and
// input schema. Some give more of it.
func (l listed) read() (int, error) {
	b, err := compact(l)
	return len(b), err
}

// tools is the whole list, page by page.
func (p *mcpProcess) tools(ctx context.Context) ([]listed, error) {
	var all []listed
	for cursor := ""; ; {
		params := map[string]any{}
		if cursor != "" {
			params["cursor"] = cursor
		}
		raw, err := p.request(ctx, "tools/list", params)
		if err != nil {
			return nil, err
		}
		var page struct {
			Tools []json.RawMessage `json:"tools"`
			Next  string            `json:"nextCursor"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, fmt.Errorf("%s: its list of tools: %w", p.name, err)
		}
		list, err := listedOf(page.Tools)
		if err != nil {
			return nil, fmt.Errorf("%s: its list of tools: %w", p.name, err)
		}
		all = append(all, list...)
		if page.Next == "" || page.Next == cursor {
			return all, nil
		}
		cursor = page.Next
	}
}

// listedOf counts tools as compact JSON, whatever the server's own spelling was.
func listedOf(tools []json.RawMessage) ([]listed, error) {
	var all []listed
	for _, raw := range tools {
		var l listed
		if err := json.Unmarshal(raw, &l); err != nil {
			return nil, err
		}
		b, err := compact(raw)
		if err != nil {
			return nil, err
		}
		l.whole = len(b)
		all = append(all, l)
	}
	return all, nil
}

// result is what a tool answered.
type result struct {
	text       string          // all text blocks, one after the other
	structured json.RawMessage // nil where there is none
}

var errTool = errors.New("the tool answered with an error")

// call calls a tool. An answer that is an error is errTool with its text.
func (p *mcpProcess) call(ctx context.Context, tool string, args any) (result, error) {
	raw, err := p.request(ctx, "tools/call", map[string]any{"name": tool, "arguments": args})
	if err != nil {
		return result{}, err
	}
	var in struct {
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
		Structured json.RawMessage `json:"structuredContent"`
		IsError    bool            `json:"isError"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return result{}, fmt.Errorf("%s: %s: %w", p.name, tool, err)
	}
	r := result{structured: in.Structured}
	for _, c := range in.Content {
		r.text += c.Text
	}
	if in.IsError {
		return r, fmt.Errorf("%s: %s: %w: %s", p.name, tool, errTool, r.text)
	}
	return r, nil
}

// compact is JSON without spaces and without escapes that JSON does not need, so
// that every server's bytes are counted alike.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	if raw, ok := v.(json.RawMessage); ok {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			return nil, err
		}
	}
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
