package remote

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
)

const (
	maxMessage = 4 << 20 // bytes of one message, either way
	atOnce     = 64      // messages under way
	modern     = "io.modelcontextprotocol/protocolVersion"
)

// Bridge carries MCP messages, one a line, from in to the server and its answers to
// out, until in ends or ctx does (MCP, "stdio" and "Streamable HTTP").
type Bridge struct {
	Server *Server
	Source *Source

	mu      sync.Mutex // of what follows, and of out
	session string
	version string
}

// message is what a bridge has to know of one.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name string                     `json:"name"`
		URI  string                     `json:"uri"`
		Meta map[string]json.RawMessage `json:"_meta"`
	} `json:"params"`
}

// Run carries messages. A message that the server does not answer is answered here,
// with an error, so that its sender does not wait for ever.
func (b *Bridge) Run(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	slots := make(chan struct{}, atOnce)
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxMessage)
	for lines.Scan() {
		raw := bytes.Clone(bytes.TrimSpace(lines.Bytes()))
		if len(raw) == 0 {
			continue
		}
		var m message
		_ = json.Unmarshal(raw, &m) // what is none, the server refuses
		one := func() {
			if err := b.carry(ctx, raw, m, out); err != nil && len(m.ID) > 0 && ctx.Err() == nil {
				b.write(out, refusal(m.ID, err))
			}
		}
		if m.Method == "initialize" {
			one() // the rest speaks the version that it answers
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		all.Go(func() {
			defer func() { <-slots }()
			one()
		})
	}
	if err := lines.Err(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("the client's messages cannot be read: %w", err)
	}
	return ctx.Err()
}

func refusal(id json.RawMessage, err error) []byte {
	line, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "error": map[string]any{"code": -32000, "message": err.Error()}})
	return line
}

func (b *Bridge) write(out io.Writer, line []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, _ = out.Write(append(line, '\n'))
}

// carry sends one message and writes what comes back.
func (b *Bridge) carry(ctx context.Context, raw []byte, m message, out io.Writer) error {
	token := ""
	for try := range 2 {
		next, err := b.Source.Token(ctx, token)
		if err != nil {
			return err
		}
		token = next
		resp, err := b.post(ctx, raw, m, token)
		if err != nil {
			return fmt.Errorf("%s does not answer: %w", b.Server.URL, plain(err))
		}
		if resp.StatusCode == http.StatusUnauthorized && try == 0 {
			_ = resp.Body.Close()
			continue
		}
		defer func() { _ = resp.Body.Close() }()
		return b.answer(resp, m, out)
	}
	return errors.New("the server does not take its own token")
}

func (b *Bridge) post(ctx context.Context, raw []byte, m message, token string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.Server.URL+"/mcp", bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	h := req.Header
	h.Set("Authorization", "Bearer "+token)
	h.Set("Content-Type", "application/json")
	h.Set("Accept", "application/json, text/event-stream")
	b.mu.Lock()
	session, version := b.session, b.version
	b.mu.Unlock()
	var said string
	if json.Unmarshal(m.Params.Meta[modern], &said) == nil && said != "" {
		// SEP-2243: what intermediaries read stands in headers too.
		version = said
		h.Set("Mcp-Method", m.Method)
		if name := m.Params.Name + m.Params.URI; name != "" {
			h.Set("Mcp-Name", name)
		}
	} else if session != "" {
		h.Set("Mcp-Session-Id", session)
	}
	if version != "" && m.Method != "initialize" {
		h.Set("Mcp-Protocol-Version", version)
	}
	client := *b.Server.http
	client.Timeout = 0 // a call may take long; ctx ends it
	return client.Do(req)
}

// answer writes the message or messages of an answer.
func (b *Bridge) answer(resp *http.Response, m message, out io.Writer) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	body := io.LimitReader(resp.Body, maxMessage)
	if kind == "text/event-stream" {
		return b.events(resp.Body, out)
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return errors.New("the server's answer broke off")
	}
	var line bytes.Buffer
	if kind != "application/json" || json.Compact(&line, raw) != nil {
		if len(m.ID) == 0 || resp.StatusCode == http.StatusAccepted {
			return nil
		}
		return fmt.Errorf("the server answered with status %d and no message", resp.StatusCode)
	}
	if len(m.ID) == 0 {
		return nil // a notification has no answer
	}
	if m.Method == "initialize" {
		var result struct {
			Result struct {
				Version string `json:"protocolVersion"`
			} `json:"result"`
		}
		_ = json.Unmarshal(raw, &result)
		b.mu.Lock()
		b.session, b.version = resp.Header.Get("Mcp-Session-Id"), result.Result.Version
		b.mu.Unlock()
	}
	var reply struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(raw, &reply) == nil && (len(reply.ID) == 0 || string(reply.ID) == "null") {
		// A refusal before the message was read, such as of a token: say whose it is.
		return fmt.Errorf("the server refused with status %d: %s", resp.StatusCode, message400(raw))
	}
	b.write(out, line.Bytes())
	return nil
}

func message400(raw []byte) string {
	var e struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(raw, &e)
	return e.Error.Message[:min(len(e.Error.Message), 300)]
}

// events writes the messages of an event stream as they come.
func (b *Bridge) events(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxMessage)
	var data []string
	for lines.Scan() {
		line := lines.Text()
		if rest, ok := strings.CutPrefix(line, "data:"); ok {
			data = append(data, strings.TrimPrefix(rest, " "))
			continue
		}
		if line != "" || len(data) == 0 {
			continue
		}
		var one bytes.Buffer
		if json.Compact(&one, []byte(strings.Join(data, "\n"))) == nil {
			b.write(out, one.Bytes())
		}
		data = nil
	}
	if lines.Err() != nil {
		return errors.New("the server's answer broke off")
	}
	return nil
}
