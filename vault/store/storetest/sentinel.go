package storetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// SentinelSetup is one master, its replicas and three sentinels that watch them
// and need two to agree. A failover takes about a second.
type SentinelSetup struct {
	URL     string         // redis-sentinel://…/main/0
	Servers []*RedisServer // the first is the master at the start

	t         testing.TB
	sentinels []*redis.SentinelClient
}

// StartSentinel starts them, each a redis-server process, with the settings for
// master and replicas ("--appendonly", "yes"), and returns when all know of each
// other. Without a redis-server the test is skipped.
func StartSentinel(t testing.TB, replicas int, settings ...string) *SentinelSetup {
	t.Helper()
	needServer(t)
	s := &SentinelSetup{t: t}
	master := StartRedis(t, append([]string{"--repl-diskless-sync-delay", "0"}, settings...)...)
	s.Servers = append(s.Servers, master)
	for range replicas {
		r := StartRedis(t, append([]string{"--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1 " + master.port}, settings...)...)
		s.Servers = append(s.Servers, r)
	}
	s.AwaitReplicas(replicas)

	var ports []string
	for range 3 {
		ports = append(ports, FreePort(t))
	}
	var addrs []string
	for i := range ports {
		addrs = append(addrs, "127.0.0.1:"+ports[i])
		s.startSentinel(i, ports)
	}
	for i := range s.sentinels {
		s.settle(i, replicas)
	}
	s.URL = "redis-sentinel://" + strings.Join(addrs, ",") + "/main/0"
	return s
}

// startSentinel writes what it would find out within some seconds into its
// configuration: the replicas and the other sentinels.
func (s *SentinelSetup) startSentinel(i int, ports []string) {
	s.t.Helper()
	text := fmt.Sprintf("port %s\nbind 127.0.0.1\nloglevel warning\nsentinel myid %040d\n", ports[i], i+1) +
		"sentinel monitor main 127.0.0.1 " + s.Servers[0].port + " 2\n" +
		"sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 1500\n"
	for _, r := range s.Servers[1:] {
		text += "sentinel known-replica main 127.0.0.1 " + r.port + "\n"
	}
	for j, port := range ports {
		if j != i {
			text += fmt.Sprintf("sentinel known-sentinel main 127.0.0.1 %s %040d\n", port, j+1)
		}
	}
	conf := filepath.Join(s.t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(s.Servers[0].path, conf, "--sentinel")
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	c := redis.NewSentinelClient(&redis.Options{Addr: "127.0.0.1:" + ports[i], MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: time.Second})
	s.t.Cleanup(func() { _ = c.Close() })
	s.sentinels = append(s.sentinels, c)
}

// settle has a sentinel look more often than every ten seconds, and waits until
// it knows all others, and that the replicas are fit to become the master.
func (s *SentinelSetup) settle(i, replicas int) {
	s.t.Helper()
	c := s.sentinels[i]
	// Where this is not known (before Redis 7), all takes some seconds longer.
	ask := redis.NewCmd(s.t.Context(), "sentinel", "debug", "info-period", "200", "ask-period", "200",
		"publish-period", "200", "tilt-trigger", "60000", "min-link-reconnect-period", "200")
	_ = c.Process(s.t.Context(), ask)
	await(s.t, 20*time.Second, fmt.Sprintf("sentinel %d knows the others", i+1), func(ctx context.Context) bool {
		m, err := c.Master(ctx, "main").Result()
		if err != nil || m["flags"] != "master" || m["num-slaves"] != fmt.Sprint(replicas) || m["num-other-sentinels"] != "2" {
			return false
		}
		all, err := c.Replicas(ctx, "main").Result()
		for _, r := range all {
			if r["flags"] != "slave" || r["master-link-status"] != "ok" {
				return false
			}
		}
		return err == nil && len(all) == replicas
	})
}

// Master is the server that most sentinels take for the master.
func (s *SentinelSetup) Master() *RedisServer {
	s.t.Helper()
	var master *RedisServer
	await(s.t, 20*time.Second, "the sentinels agree on a master", func(ctx context.Context) bool {
		votes := map[string]int{}
		for _, c := range s.sentinels {
			if addr, err := c.GetMasterAddrByName(ctx, "main").Result(); err == nil && len(addr) == 2 {
				votes[net.JoinHostPort(addr[0], addr[1])]++
			}
		}
		for _, r := range s.Servers {
			if votes[r.Addr()] >= 2 {
				master = r
				return true
			}
		}
		return false
	})
	return master
}

// KillMaster kills the process of the master and returns at once, with it. The
// sentinels then make a replica the new one; see AwaitFailover.
func (s *SentinelSetup) KillMaster() *RedisServer {
	s.t.Helper()
	m := s.Master()
	m.Stop()
	return m
}

// AwaitFailover waits until another than old is the master, for good: it takes
// writes, and every sentinel says so. It returns the new one.
func (s *SentinelSetup) AwaitFailover(old *RedisServer) *RedisServer {
	s.t.Helper()
	var now *RedisServer
	await(s.t, 30*time.Second, "another server becomes the master", func(ctx context.Context) bool {
		if now = s.Master(); now == old {
			return false
		}
		for _, c := range s.sentinels {
			addr, err := c.GetMasterAddrByName(ctx, "main").Result()
			if err != nil || len(addr) != 2 || net.JoinHostPort(addr[0], addr[1]) != now.Addr() {
				return false
			}
		}
		return strings.Contains(replication(ctx, now), "role:master")
	})
	return now
}

// CutOff leaves the first master without its first replica, which it returns:
// what is written from now on, that replica does not get, not even late. It hangs
// until Resume.
func (s *SentinelSetup) CutOff() *RedisServer {
	s.t.Helper()
	replica := s.Servers[1]
	replica.Hang()
	do(s.t, s.Servers[0], "CLIENT", "KILL", "TYPE", "replica")
	return replica
}

// AwaitReplicas waits until n of the servers are replicas with a link to their
// master.
func (s *SentinelSetup) AwaitReplicas(n int) {
	s.t.Helper()
	await(s.t, 20*time.Second, fmt.Sprintf("%d replicas are in step", n), func(ctx context.Context) bool {
		up := 0
		for _, r := range s.Servers {
			if r.cmd != nil && strings.Contains(replication(ctx, r), "master_link_status:up") {
				up++
			}
		}
		return up >= n
	})
}

// AwaitInStep waits until every replica has all that the master has.
func (s *SentinelSetup) AwaitInStep() {
	s.t.Helper()
	await(s.t, 20*time.Second, "the replicas are in step", func(ctx context.Context) bool {
		offsets := map[string]bool{}
		for _, r := range s.Servers {
			for line := range strings.Lines(replication(ctx, r)) {
				if name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); name == "master_repl_offset" || name == "slave_repl_offset" {
					offsets[value] = true
				}
			}
		}
		return len(offsets) == 1
	})
}

func replication(ctx context.Context, r *RedisServer) string {
	c := redis.NewClient(&redis.Options{Addr: r.Addr(), MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: time.Second})
	defer func() { _ = c.Close() }()
	return c.Info(ctx, "replication").Val()
}

// await asks until it is so.
func await(t testing.TB, most time.Duration, what string, so func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	for !so(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("it did not come true within %v: %s", most, what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
