package store_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

func serverOrSkip(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED: there is no redis-server here, and miniredis knows no cluster, sentinel or user")
	}
	return path
}

func addr(t *testing.T, r *storetest.RedisServer) string {
	t.Helper()
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// The same contract on a Cluster: every script's keys are in one slot.
func TestRedisClusterContract(t *testing.T) {
	serverOrSkip(t)
	r := storetest.StartRedis(t, "--cluster-enabled", "yes", "--cluster-port", storetest.FreePort(t))
	c := redis.NewClient(&redis.Options{Addr: addr(t, r)})
	defer func() { _ = c.Close() }()
	if err := c.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if info, err := c.ClusterInfo(t.Context()).Result(); err == nil && strings.Contains(info, "cluster_state:ok") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the cluster does not come up")
		}
	}
	storetest.Run(t, func(t *testing.T) func() store.Store {
		if err := c.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return func() store.Store { return open(t, "redis-cluster://"+addr(t, r)) }
	})
}

func TestRedisSentinel(t *testing.T) {
	path := serverOrSkip(t)
	master := storetest.StartRedis(t)
	host, masterPort, _ := net.SplitHostPort(addr(t, master))
	port := storetest.FreePort(t)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("port %s\nbind 127.0.0.1\nsentinel monitor main %s %s 1\n", port, host, masterPort)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, conf, "--sentinel")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var st store.Store
	for deadline := time.Now().Add(15 * time.Second); ; {
		var err error
		if st, err = store.Open(t.Context(), "redis-sentinel://127.0.0.1:"+port+"/main/0"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	defer func() { _ = st.Close() }()
	if err := st.Put(t.Context(), store.Item{Key: "k", Version: 1, Value: []byte("v")}, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, master.URL).Get(t.Context(), "k"); err != nil || string(got.Value) != "v" {
		t.Errorf("the master has %q: %v", got.Value, err)
	}
}

func TestRedisPassword(t *testing.T) {
	serverOrSkip(t)
	r := storetest.StartRedis(t, "--requirepass", "hunter2@:/%", "--user", "vault", "on", ">hunter3",
		"~{toolvault}:*", "&{toolvault}:*", "+@read", "+@write", "+@scripting", "+@pubsub", "+@connection")
	at := addr(t, r)
	for user, want := range map[string]string{
		":hunter2%40%3A%2F%25": "", "default:hunter2%40%3A%2F%25": "", "vault:hunter3": "",
		"": "refused the user and password", ":hunter9": "refused the user and password",
	} {
		st, err := store.Open(t.Context(), "redis://"+user+"@"+at+"/0")
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("%q: %v", user, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", user, err)
			continue
		}
		if err := st.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		l, err := st.Lease(t.Context(), "l", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if now, err := st.Get(t.Context(), "k"); err == nil || now.Version == 0 {
			if err := st.Put(t.Context(), store.Item{Key: "k", Version: now.Version + 1}, l); err != nil {
				t.Error(err)
			}
		}
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
		_ = st.Close()
	}
}
