package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// Redis starts a redis-server for one test on a free loopback port, in a
// temporary folder and without persistence, and returns its URL. Where there is
// no redis-server, miniredis stands in, and the test's log says so.
func Redis(t testing.TB) string {
	t.Helper()
	return StartRedis(t).URL
}

// RedisServer is a Redis that can be stopped and started again on its port.
type RedisServer struct {
	URL  string
	Real bool // a redis-server, not miniredis

	t        testing.TB
	settings func() []string // asked at the first start: some are a port that must be free
	chosen   []string
	path     string
	port     string
	dir      string
	cmd      *exec.Cmd
	ended    chan struct{} // closed when the process has
	mini     *miniredis.Miniredis
}

// StartRedis is Redis for tests that stop the server on the way, or that need
// other settings ("--requirepass", "x"), which miniredis does not take. With
// "--appendonly", "yes" its records outlive it.
func StartRedis(t testing.TB, settings ...string) *RedisServer {
	t.Helper()
	return startRedis(t, func() []string { return settings })
}

func startRedis(t testing.TB, settings func() []string) *RedisServer {
	t.Helper()
	r := &RedisServer{t: t, dir: t.TempDir(), settings: settings}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Log("there is no redis-server here: miniredis stands in for it")
		r.mini = miniredis.RunT(t)
		r.URL = "redis://" + r.mini.Addr() + "/0"
		t.Cleanup(r.passTime())
		return r
	}
	r.path, r.Real = path, true
	for range 5 { // another process may take the free port before the server does
		r.port, r.chosen = FreePort(t), r.settings()
		if err = r.start(); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	r.URL = "redis://" + r.Addr() + "/0"
	return r
}

// Addr is its HOST:PORT.
func (r *RedisServer) Addr() string {
	if r.mini != nil {
		return r.mini.Addr()
	}
	return "127.0.0.1:" + r.port
}

// Client is a connection of the test's own to it, past the store.
func (r *RedisServer) Client(t testing.TB) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: r.Addr(), MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: 2 * time.Second})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// needServer skips a test that needs processes.
func needServer(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("SKIPPED: there is no redis-server on the path, and miniredis knows no cluster, sentinel or user")
	}
}

// passTime lets time pass in miniredis, where nothing expires by itself, until
// the returned function is called.
func (r *RedisServer) passTime() (stop func()) {
	const step = 20 * time.Millisecond
	tick, end, ended := time.NewTicker(step), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-tick.C:
				r.mini.FastForward(step)
			case <-end:
				return
			}
		}
	}()
	return func() {
		tick.Stop()
		close(end)
		<-ended
	}
}

// Stop kills the server; without an append-only file its records are gone.
func (r *RedisServer) Stop() {
	if r.mini != nil {
		r.mini.Close()
		return
	}
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		<-r.ended
		r.cmd = nil
	}
}

// Start starts it again on the same port, with what its append-only file holds.
func (r *RedisServer) Start() {
	r.t.Helper()
	var err error
	if r.mini != nil {
		err = r.mini.Restart()
	} else {
		err = r.start()
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// Hang stops the server without ending it: it keeps its connections, takes new
// ones, and says nothing until Resume. With miniredis, which is no process, the
// test is skipped.
func (r *RedisServer) Hang() {
	r.t.Helper()
	if !r.Real {
		r.t.Skip("SKIPPED: there is no redis-server on the path, so nothing was shown about one that hangs")
	}
	if err := r.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		r.t.Fatal(err)
	}
}

// Resume lets a server that hangs go on.
func (r *RedisServer) Resume() {
	r.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		r.t.Fatal(err)
	}
}

func (r *RedisServer) start() error {
	args := []string{"--port", r.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
		"--dir", r.dir, "--loglevel", "warning"}
	r.cmd = exec.Command(r.path, append(args, r.chosen...)...)
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	cmd, ended := r.cmd, make(chan struct{})
	r.ended = ended
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		if answers(r.port) {
			if !ours(r.port, cmd.Process.Pid) {
				r.Stop()
				return fmt.Errorf("another redis-server has port %s", r.port)
			}
			return nil
		}
		select {
		case <-ended: // another process was quicker to take one of its ports
			r.cmd = nil
			return fmt.Errorf("redis-server on port %s ended at once", r.port)
		case <-ctx.Done():
			r.Stop()
			return fmt.Errorf("redis-server on port %s does not answer", r.port)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// answers reports whether a server on the port answers a ping, be it by asking
// for a password.
func answers(port string) bool {
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = c.Write([]byte("PING\r\n"))
	b := make([]byte, 5)
	n, _ := c.Read(b)
	return string(b[:n]) == "+PONG" || string(b[:n]) == "-NOAU"
}

// ours reports whether the server on the port is the process, or does not tell
// without a password.
func ours(port string, pid int) bool {
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, DialTimeout: time.Second, ReadTimeout: time.Second})
	defer func() { _ = c.Close() }()
	info, err := c.Info(context.Background(), "server").Result()
	return err != nil || strings.Contains(info, fmt.Sprintf("process_id:%d\r\n", pid))
}

// FreePort is a loopback port on which nobody listens just now.
func FreePort(t testing.TB) string {
	t.Helper()
	for range 100 { // below those of outgoing connections, one of which could take it meanwhile
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000)))
		if err == nil {
			defer func() { _ = l.Close() }()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			return port
		}
	}
	t.Fatal("there is no free port")
	return ""
}
