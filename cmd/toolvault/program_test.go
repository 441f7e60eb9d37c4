package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// program starts this test binary as toolvault, in a data folder of the test's.
func program(t testing.TB, data string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "TOOLVAULT_TEST_PROGRAM=1", "TOOLVAULT_DATA="+data, "HOME="+data)
	return cmd
}

// output runs a command to its end and returns its stdout; it has to succeed.
func commandOutput(t testing.TB, data string, args ...string) string {
	t.Helper()
	cmd := program(t, data, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("toolvault %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// server is a running "toolvault serve".
type server struct {
	t    testing.TB
	data string
	addr string
	cmd  *exec.Cmd
	logs *lockedBuffer

	ended chan struct{} // closed when the process has
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts a server on a free port and waits until it is ready. Where another
// process takes the port between the look and the start, it looks again.
func serve(t testing.TB, data string, args ...string) *server {
	t.Helper()
	for range 5 {
		s := &server{t: t, data: data, addr: freeAddress(t), logs: &lockedBuffer{}, ended: make(chan struct{})}
		s.cmd = program(t, data, append([]string{"serve", "--listen", s.addr}, args...)...)
		s.cmd.Stderr = s.logs
		if err := s.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			_ = s.cmd.Wait()
			close(s.ended)
		}()
		t.Cleanup(func() {
			s.kill()
			if t.Failed() {
				t.Logf("the server at %s said:\n%s", s.addr, s.logs)
			}
		})
		ready := false
		eventually(t, "the server is ready", func() bool {
			select {
			case <-s.ended:
				return true
			default:
			}
			r, err := http.Get("http://" + s.addr + "/readyz")
			if err != nil {
				return false
			}
			_ = r.Body.Close()
			ready = r.StatusCode == http.StatusOK
			return ready
		})
		if ready {
			return s
		}
		if !strings.Contains(s.logs.String(), "is in use") {
			t.Fatalf("the server ended:\n%s", s.logs)
		}
	}
	t.Fatal("no port stays free")
	return nil
}

// freeAddress finds a port below those that the system gives to outgoing
// connections: one of those could be taken before the server takes it.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000)))
		if err == nil {
			defer func() { _ = l.Close() }()
			return l.Addr().String()
		}
	}
	t.Fatal("there is no free port")
	return ""
}

// kill is SIGKILL: no time to tidy up.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

func (s *server) token(args ...string) string {
	s.t.Helper()
	return commandOutput(s.t, s.data, append([]string{"agent", "token", "support-agent-1", "--listen", s.addr}, args...)...)
}

// reply is what a client sees of a call.
type reply struct {
	Status  int
	Header  http.Header
	Body    string
	IsError bool
	Text    string
	CallID  string
}

// call makes one tools/call by hand, without a library in between.
func (s *server) call(token, tool string, args any, id any) (reply, error) {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": map[string]any{"name": tool, "arguments": args}})
	if err != nil {
		return reply{}, err
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+s.addr+"/mcp", bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("MCP-Protocol-Version", "2025-06-18")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{Status: resp.StatusCode, Header: resp.Header, Body: string(b)}
	var answer struct {
		ID     json.RawMessage `json:"id"`
		Result struct {
			IsError bool `json:"isError"`
			Content []struct {
				Text string `json:"text"`
			} `json:"content"`
			Meta map[string]any `json:"_meta"`
		} `json:"result"`
	}
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(b, &answer); err != nil {
			return r, fmt.Errorf("%w in %q", err, b)
		}
		r.IsError = answer.Result.IsError
		r.CallID, _ = answer.Result.Meta["call_id"].(string)
		for _, c := range answer.Result.Content {
			r.Text += c.Text
		}
	}
	return r, nil
}

// must is call for calls that have to arrive.
func (s *server) must(token, tool string, args any) reply {
	s.t.Helper()
	r, err := s.call(token, tool, args, 1)
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", tool, err, s.logs)
	}
	return r
}

// eventually polls until ok, for half a minute at most: the race detector on a busy machine is slow.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within half a minute: %s", what)
		}
		<-tick.C
	}
}
