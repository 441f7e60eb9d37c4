package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The servers that can be loaded, and the order in which they are.
const (
	stock       = "mcp-go"
	behindOurs  = "mcp-go-own-handler"
	officialSDK = "official-sdk"
	ours        = "toolvault"
)

func names() []string { return []string{stock, behindOurs, officialSDK, ours} }

const (
	startLimit = 20 * time.Second
	stopLimit  = 5 * time.Second
)

// contender is a server that runs as a process of its own.
type contender struct {
	url   string // where MCP is
	token string // "" where it wants none
	pid   int
	begun time.Time
	stop  func()
	log   *stderrText
}

// start starts one of the servers.
func start(ctx context.Context, name, upstream, dir string, s settings) (*contender, error) {
	if name == ours {
		return startOurs(ctx, upstream, dir, s)
	}
	return startChild(ctx, name, upstream, s.work)
}

// startChild starts this program again, to be one of the bare servers or the
// upstream.
func startChild(ctx context.Context, name, upstream string, w work) (*contender, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-child", name, "-upstream", upstream, "-write="+fmt.Sprint(w.tool == writing.tool))
	stdin, err := cmd.StdinPipe() // its end tells the child to go
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c := &contender{log: &stderrText{}}
	cmd.Stderr = c.log
	if err := c.run(cmd, func() { _ = stdin.Close() }); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("it did not start: %s", c.log)
	}
	c.url = strings.TrimSpace(line)
	return c, nil
}

// run starts the process and sets stop, which ends it gently, or else hard.
func (c *contender) run(cmd *exec.Cmd, end func()) error {
	cmd.WaitDelay = stopLimit
	c.begun = time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	c.pid = cmd.Process.Pid
	c.stop = func() {
		end()
		t := time.AfterFunc(stopLimit, func() { _ = cmd.Process.Kill() })
		defer t.Stop()
		_ = cmd.Wait()
	}
	return nil
}

// startOurs starts the real program with everything on: an agent with a token, a
// policy with one rule, and a credential in the vault.
func startOurs(ctx context.Context, upstream, dir string, s settings) (*contender, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	config, data := filepath.Join(dir, "toolvault.yaml"), filepath.Join(dir, "data")
	text := fmt.Sprintf(`services:
  %[1]s: { base_url: "%[2]s" }
agents:
  - agentId: bench-agent
    credentials:
      - { service: %[1]s, type: service_token, source: "vault:%[1]s/bench", scope: "%[3]s" }
    policy:
      - { tools: "%[4]s", allow: '%[5]s' }
`, s.work.service, upstream, s.work.scope, s.work.tool, s.work.rule)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	place := []string{"--data", data, "--config", config}
	if _, err := command(ctx, s.program, upstreamToken, append([]string{"credential", "put", s.work.service + "/bench", "--type", "service_token"}, place...)...); err != nil {
		return nil, err
	}
	token, err := command(ctx, s.program, "", append([]string{"agent", "token", "bench-agent", "--listen", address}, place...)...)
	if err != nil {
		return nil, err
	}
	c := &contender{url: "http://" + address + "/mcp", token: strings.TrimSpace(token), log: &stderrText{}}
	cmd := exec.CommandContext(ctx, s.program, append([]string{"serve", "--listen", address}, place...)...)
	cmd.Stderr = c.log
	return c, c.run(cmd, func() { _ = cmd.Process.Signal(os.Interrupt) })
}

// command runs the program to its end and returns what it printed.
func command(ctx context.Context, program, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	var bad *exec.ExitError
	if errors.As(err, &bad) {
		return "", fmt.Errorf("%s %s: %s", filepath.Base(program), strings.Join(args[:2], " "), strings.TrimSpace(string(bad.Stderr)))
	}
	return string(out), err
}

// freeAddress is a loopback address at which nobody listens just now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// build makes a stripped static program of this tree.
func build(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "toolvault")
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", program, "toolvault/cmd/toolvault")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("toolvault could not be built: %w; give a program with -toolvault.\n%s", err, out)
	}
	return program, nil
}

func size(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// stderrText keeps the beginning of what a process says on stderr.
type stderrText struct {
	mu   sync.Mutex
	text string
}

func (t *stderrText) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 4096 - len(t.text); room > 0 {
		t.text += string(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (t *stderrText) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.text)
}
