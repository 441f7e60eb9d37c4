package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// redisServer is a real Redis that keeps its data across restarts.
type redisServer struct {
	t    *testing.T
	dir  string
	port string
	cmd  *exec.Cmd
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("SKIPPED: there is no redis-server on the path, so nothing was shown about a Redis that goes away")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	r := &redisServer{t: t, dir: t.TempDir(), port: port}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *redisServer) start() {
	r.t.Helper()
	r.cmd = exec.Command("redis-server", "--port", r.port, "--bind", "127.0.0.1", "--dir", r.dir, "--appendonly", "yes", "--appendfsync", "always", "--save", "")
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

// TestARedisThatGoesAwayFailsClosedAndHeals takes the store from a running
// server and gives it back.
func TestARedisThatGoesAwayFailsClosedAndHeals(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"results":[]}`)
	}))
	defer upstream.Close()
	dir := t.TempDir()
	data, config := filepath.Join(dir, "d"), filepath.Join(dir, "toolvault.yaml")
	text := fmt.Sprintf(`storage: { url: "redis://127.0.0.1:%s" }
services: { hubspot: { base_url: %q } }
agents:
  - agentId: support-agent-1
    credentials:
      - { service: hubspot, type: service_token, source: "vault:hubspot/a", scope: read-only }
`, redis.port, upstream.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	put := program(t, data, "credential", "put", "hubspot/a", "--type", "service_token", "--config", config)
	put.Stdin = strings.NewReader("pat-na1-00000000-1111-2222-3333-444444444444")
	if out, err := put.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := serve(t, data, "--config", config)
	token := commandOutput(t, data, "agent", "token", "support-agent-1", "--config", config, "--listen", s.addr)
	ask := func() reply { return s.must(token, "hubspot_list_owners", map[string]any{}) }
	if r := ask(); r.IsError || r.Status != http.StatusOK {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	redis.stop()
	eventually(t, "calls fail closed", func() bool { r := ask(); return r.IsError && strings.Contains(r.Text, "(internal") })
	redis.start()
	eventually(t, "calls work again", func() bool { r := ask(); return !r.IsError && r.Status == http.StatusOK })
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
