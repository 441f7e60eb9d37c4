package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// redisServer is a real Redis that keeps its data across restarts.
type redisServer struct {
	t        *testing.T
	dir      string
	port     string
	settings []string
	cmd      *exec.Cmd
}

func startRedis(t *testing.T, settings ...string) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("SKIPPED: there is no redis-server on the path, so nothing was shown about a Redis that goes away")
	}
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	r := &redisServer{t: t, dir: t.TempDir(), port: port, settings: settings}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *redisServer) start() {
	r.t.Helper()
	args := []string{"--port", r.port, "--bind", "127.0.0.1", "--dir", r.dir, "--appendonly", "yes", "--appendfsync", "always", "--save", ""}
	r.cmd = exec.Command("redis-server", append(args, r.settings...)...)
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, "redis answers", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+r.port)
		if err != nil {
			return false
		}
		defer func() { _ = c.Close() }()
		_, _ = fmt.Fprint(c, "PING\r\n")
		b := make([]byte, 5)
		_, err = c.Read(b)
		return err == nil && string(b) == "+PONG"
	})
}

func (r *redisServer) stop() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

func (r *redisServer) signal(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// onRedis is a server on a Redis, and a call by each of two agents: the
// credential of one lies in the store, that of the other in a file.
func onRedis(t *testing.T, redis *redisServer) (s *server, calls map[string]func() reply) {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"results":[]}`)
	}))
	t.Cleanup(upstream.Close)
	dir := t.TempDir()
	data, config, secret := filepath.Join(dir, "d"), filepath.Join(dir, "toolvault.yaml"), filepath.Join(dir, "secret")
	text := fmt.Sprintf(`storage: { url: "redis://127.0.0.1:%s" }
services: { hubspot: { base_url: %q } }
agents:
  - agentId: vault-agent
    credentials:
      - { service: hubspot, type: service_token, source: "vault:hubspot/a", scope: read-only }
  - agentId: file-agent
    credentials:
      - { service: hubspot, type: service_token, source: "file:%s", scope: read-only }
`, redis.port, upstream.URL, secret)
	for path, text := range map[string]string{config: text, secret: "pat-na1-00000000-5555-6666-7777-888888888888"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put := program(t, data, "credential", "put", "hubspot/a", "--type", "service_token", "--config", config)
	put.Stdin = strings.NewReader("pat-na1-00000000-1111-2222-3333-444444444444")
	if out, err := put.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s = serve(t, data, "--config", config)
	calls = map[string]func() reply{}
	for _, agent := range []string{"vault-agent", "file-agent"} {
		token := commandOutput(t, data, "agent", "token", agent, "--config", config, "--listen", s.addr)
		calls[agent] = func() reply { return s.must(token, "hubspot_list_owners", map[string]any{}) }
		if r := calls[agent](); r.IsError || r.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", agent, r.Status, r.Body)
		}
	}
	return s, calls
}

// TestARedisThatGoesAwayFailsClosedAndHeals takes the store from a running
// server and gives it back: once it ends, once it hangs and says nothing. Then
// nobody can tell who was suspended or what was revoked meanwhile, so no call is
// made, wherever its credential lies, and none waits long to be told.
func TestARedisThatGoesAwayFailsClosedAndHeals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ away, back func(*redisServer) }{
		"ends":  {(*redisServer).stop, (*redisServer).start},
		"hangs": {func(r *redisServer) { r.signal(syscall.SIGSTOP) }, func(r *redisServer) { r.signal(syscall.SIGCONT) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := startRedis(t)
			_, calls := onRedis(t, redis)
			c.away(redis)
			gone := time.Now()
			for agent, call := range calls {
				eventually(t, agent+" fails closed", func() bool {
					start := time.Now()
					r := call()
					if took := time.Since(start); took > 5*time.Second {
						t.Errorf("%s waited %v for: %s", agent, took, r.Text)
					}
					if r.IsError && !(strings.Contains(r.Text, "(internal") && strings.Contains(r.Text, "The store of credentials cannot be reached")) {
						t.Fatalf("%s: %s", agent, r.Text)
					}
					return r.IsError
				})
			}
			t.Logf("every call failed closed after %v", time.Since(gone))
			c.back(redis)
			for agent, call := range calls {
				eventually(t, agent+" works again", func() bool { r := call(); return !r.IsError && r.Status == http.StatusOK })
			}
		})
	}
}

// A Redis that may lose what it has acknowledged is told of in the log, and by
// /readyz, which is ready all the same and does not say where Redis is.
func TestARedisThatForgetsIsWarnedOf(t *testing.T) {
	t.Parallel()
	redis := startRedis(t, "--appendfsync", "everysec", "--maxmemory-policy", "allkeys-lru")
	s, _ := onRedis(t, redis)
	eventually(t, "the log warns", func() bool { return strings.Contains(s.logs.String(), "appendfsync is everysec") })
	r, err := http.Get("http://" + s.addr + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	if err != nil || r.StatusCode != http.StatusOK || len(lines) != 3 || lines[0] != "ready" ||
		!strings.HasPrefix(lines[1], "warning: appendfsync is everysec: ") || !strings.HasPrefix(lines[2], "warning: maxmemory-policy is allkeys-lru: ") ||
		strings.Contains(string(body), redis.port) {
		t.Errorf("%d %v:\n%s", r.StatusCode, err, body)
	}
	// Somebody empties it: what was sealed is gone, and the server says so.
	client := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:" + redis.port})
	defer func() { _ = client.Close() }()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if r, err = http.Get("http://" + s.addr + "/readyz"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if body, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "the store is empty") {
		t.Errorf("emptied: %d %s", r.StatusCode, body)
	}
}

func TestARedisThatIsNotThereIsSaidSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "toolvault.yaml")
	if err := os.WriteFile(config, []byte(`storage: { url: "redis://127.0.0.1:1" }`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := program(t, dir+"/d", "serve", "--config", config)
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "127.0.0.1:1") {
		t.Errorf("exit %d: %s", cmd.ProcessState.ExitCode(), out)
	}
	t.Logf("%s", out)
}
