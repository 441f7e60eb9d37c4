package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

const (
	agent      = "storm-agent"
	credential = "hubspot/storm-agent"
	secret     = "client-secret-of-the-storm"
)

// field is the provider, the servers and where they store.
type field struct {
	settings
	dir, config string
	log         io.Writer
	provider    *exec.Cmd
	url         string // of the provider and its API
	servers     []*server
	lives       []atomic.Int64 // of each server, how often it was killed and started: odd while it is dead
	tally       tally
}

func newField(ctx context.Context, s settings, dir string, log io.Writer) (_ *field, err error) {
	f := &field{settings: s, dir: dir, log: log, config: filepath.Join(dir, "toolvault.yaml"), lives: make([]atomic.Int64, s.servers)}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if f.program == "" {
		f.program = filepath.Join(dir, "toolvault")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", f.program, "./cmd/toolvault").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build toolvault: %w\n%s", err, out)
		}
	}
	if err := f.startProvider(ctx); err != nil {
		return nil, err
	}
	if err := f.configure(); err != nil {
		return nil, err
	}
	if err := f.consent(ctx); err != nil {
		return nil, err
	}
	for i := range f.settings.servers {
		server := &server{field: f, n: i, address: freeAddress()}
		if err := server.prepare(ctx); err != nil {
			return nil, err
		}
		f.servers = append(f.servers, server)
	}
	for _, server := range f.servers {
		if err := server.start(ctx); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *field) startProvider(ctx context.Context) error {
	words := strings.Fields(f.settings.provider)
	f.provider = exec.CommandContext(ctx, words[0], words[1:]...)
	f.provider.Env = append(os.Environ(), "CLIENT_SECRET="+secret, fmt.Sprintf("TTL=%d", f.ttl))
	stdout, err := f.provider.StdoutPipe()
	if err != nil {
		return err
	}
	f.provider.Stderr = f.log
	if err := f.provider.Start(); err != nil {
		return fmt.Errorf("start the provider: %w", err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		var hello struct{ URL string }
		if json.Unmarshal(lines.Bytes(), &hello) == nil && hello.URL != "" {
			f.url = hello.URL
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return nil
		}
	}
	return errors.New("the provider has ended without saying where it listens")
}

func (f *field) configure() error {
	storage := "file:./data"
	if f.storage != "sqlite" {
		storage = f.storage
	}
	text := fmt.Sprintf(`storage: { url: %q }
keys: { master: "env:STORM_MASTER_KEY" }
services:
  hubspot:
    base_url: %s
    oauth: { client_id: toolvault, client_secret: "env:STORM_CLIENT_SECRET", token_url: %s/token, auth_style: basic }
agents:
  - agentId: %s
    credentials:
      - { service: hubspot, type: oauth_token, source: "vault:%s", scope: contacts.read }
`, storage, f.url, f.url, agent, credential)
	return os.WriteFile(f.config, []byte(text), 0o600)
}

// consent puts a new grant of the provider into the vault.
func (f *field) consent(ctx context.Context) error {
	var grant struct {
		Token string `json:"refresh_token"`
	}
	if err := f.get(ctx, "/grant", &grant); err != nil {
		return err
	}
	cmd := f.toolvault(ctx, "credential", "put", credential, "--type", "oauth_token", "--refresh")
	cmd.Stdin = strings.NewReader(grant.Token)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("put the grant into the vault: %w: %s", err, out)
	}
	return nil
}

func (f *field) get(ctx context.Context, path string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(into)
}

// toolvault is a command of the program under trial. All share one data folder, as
// processes of one machine do.
func (f *field) toolvault(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, f.program, args...)
	cmd.Env = append(os.Environ(),
		"TOOLVAULT_CONFIG="+f.config, "TOOLVAULT_DATA="+filepath.Join(f.dir, "data"), "NO_COLOR=1",
		"STORM_CLIENT_SECRET="+secret, "STORM_MASTER_KEY=c3Rvcm0tbWFzdGVyLWtleS0wMTIzNDU2Nzg5YWJjZGU=",
	)
	return cmd
}

func (f *field) close() {
	for _, s := range f.servers {
		s.stop()
	}
	if f.provider != nil && f.provider.Process != nil {
		_ = f.provider.Process.Kill()
		_ = f.provider.Wait()
	}
}

// freeAddress is an address that nobody listens on.
func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("storm: no free port: " + err.Error())
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// server is one process, killed and started again.
type server struct {
	field   *field
	n       int
	address string
	token   string
	cmd     *exec.Cmd
	ended   chan struct{}
}

func (s *server) prepare(ctx context.Context) error {
	out, err := s.field.toolvault(ctx, "agent", "token", agent, "--listen", s.address, "--ttl", "1h").Output()
	if err != nil {
		return fmt.Errorf("a token for server %d: %w", s.n, err)
	}
	s.token = strings.TrimSpace(string(out))
	return nil
}

func (s *server) start(ctx context.Context) error {
	s.cmd = s.field.toolvault(context.WithoutCancel(ctx), "serve", "--listen", s.address)
	log, err := os.OpenFile(filepath.Join(s.field.dir, fmt.Sprintf("server-%d.log", s.n)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	s.cmd.Stderr = log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.ended = ended
	go func() { _ = s.cmd.Wait(); _ = log.Close(); close(ended) }()
	for deadline := time.Now().Add(20 * time.Second); ; {
		resp, err := http.Get("http://" + s.address + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ended:
			return fmt.Errorf("server %d has ended: see %s", s.n, log.Name())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("server %d does not become ready", s.n)
		}
	}
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// stop ends a server as an admin would.
func (s *server) stop() {
	if s.cmd == nil || s.cmd.Process == nil || s.ended == nil {
		return
	}
	_ = s.cmd.Process.Signal(os.Interrupt)
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
		s.kill()
	}
}
