package store_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

func TestRedisCannotBeReached(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	for _, url := range []string{
		"redis://user:hunter2@" + addr + "/0", "redis-cluster://user:hunter2@" + addr,
		"redis-sentinel://user:hunter2@" + addr + "/master?sentinel_password=hunter3", "rediss://user:hunter2@" + addr,
	} {
		start := time.Now()
		_, err := store.Open(t.Context(), url)
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), addr) {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if strings.Contains(err.Error(), "hunter") {
			t.Errorf("the error shows a password: %v", err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: it took %v", url, took)
		}
	}
}

// A server that takes connections and says nothing.
func TestRedisSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 200*time.Millisecond)
		},
		"cancelled": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(200*time.Millisecond, cancel)
			return ctx, cancel
		},
	} {
		ctx, cancel := end(t.Context())
		start := time.Now()
		_, err := store.Open(ctx, "redis://"+l.Addr().String())
		if err == nil || time.Since(start) > 2*time.Second {
			t.Errorf("%s: after %v: %v", name, time.Since(start), err)
		}
		cancel()
	}
}

func TestRedisURLs(t *testing.T) {
	for url, want := range map[string]string{
		"redis://":                                                 "names no host",
		"redis://u:hunter2@h:port/0":                               "is not HOST:PORT",
		"redis://u:hunter2@h:1,h:2/0":                              "takes one host",
		"redis://u:hunter2@h/zero":                                 "must be a number",
		"redis://u:hun%ter2@h/0":                                   "write it as %25",
		"redis://u:hunter2@h/0?pool_size=3":                        "only namespace, replicas, tls,",
		"redis-sentinel://u:hunter2@h:1":                           "name of the master",
		"redis-cluster://u:hunter2@h:1/3":                          "no numbered databases",
		"redis-cluster://u:hunter2@h:1?tls=hunter2x":               "true or false",
		"redis://u:hunter2@h?namespace=":                           "1 to 32 of a-z",
		"redis://u:hunter2@h?namespace=Hunter2":                    "1 to 32 of a-z",
		"redis://u:hunter2@h?namespace=a%7D":                       "1 to 32 of a-z",
		"redis://u:hunter2@h?namespace=a:b":                        "1 to 32 of a-z",
		"redis://u:hunter2@h?namespace=" + strings.Repeat("a", 33): "1 to 32 of a-z",
		"redis://u:hunter2@h?replicas=6":                           "from 0 to 5",
		"redis://u:hunter2@h?replicas=-1":                          "from 0 to 5",
		"redis://u:hunter2@h?replicas=hunter2":                     "from 0 to 5",
		"redis://u:hunter2@h?replicas=1&replicas=2":                "stands twice",
		"redis://u:hunter2@h?tls_ca=/none/ca.pem":                  "tls_ca: open /none/ca.pem",
		"redis://u:hunter2@h?tls_ca=ca.pem":                        "whole path",
		"redis://u:hunter2@h?tls_key=a.pem":                        "whole path",
		"redis://u:hunter2@h?tls_ca=/dev/null":                     "holds no certificate",
		"redis://u:hunter2@h?tls_cert=/none":                       "go together",
		"redis://u:hunter2@h?tls_key=/none":                        "go together",
		"redis://u:hunter2@h?tls_key=/none&tls_cert=/none":         "tls_cert and tls_key: open /none",
		"mysql://u:hunter2@h/0":                                    "not known",
		"nothing":                                                  "no scheme",
		"file:":                                                    "needs a path",
	} {
		_, err := store.Open(t.Context(), url)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestRedisOfANewerVersion(t *testing.T) {
	url := storetest.Redis(t)
	_ = open(t, url).Close()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	defer func() { _ = c.Close() }()
	if err := c.Set(t.Context(), "{toolvault}:format", 99, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), url); err == nil || !strings.Contains(err.Error(), "newer version of toolvault") {
		t.Errorf("%v", err)
	}
}

// Redis goes away and comes back: calls fail soon and clearly, heal by
// themselves, and a watch says that anything may have changed.
func TestRedisComesBack(t *testing.T) {
	t.Parallel()
	r := storetest.StartRedis(t)
	st := open(t, r.URL)
	events := st.Watch(t.Context())
	if e := next(t, events); e.Key != "" {
		t.Errorf("the first event is %q", e.Key)
	}
	r.Stop()
	start := time.Now()
	if _, err := st.Get(t.Context(), "k"); !errors.Is(err, store.ErrUnavailable) || time.Since(start) > 3*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	r.Start()
	deadline := time.Now().Add(10 * time.Second)
	for st.Ping(t.Context()) != nil {
		if time.Now().After(deadline) {
			t.Fatal("it did not heal")
		}
	}
	if e := next(t, events); e.Key != "" {
		t.Errorf("after the break the first event is %q, want the one that means anything", e.Key)
	}
	if err := st.Put(t.Context(), store.Item{Key: "k", Version: 1}, nil); err != nil {
		t.Fatal(err)
	}
	for next(t, events).Key != "k" {
	}
}

func next(t *testing.T, events <-chan store.Event) store.Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no event came")
		return store.Event{}
	}
}

// A server that hangs costs an operation two seconds, whatever the context
// allows, and the end of a deadline while it hangs is the store's failure. What
// was cancelled is only that.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	r := storetest.StartRedis(t)
	st := open(t, r.URL)
	if err := st.Put(t.Context(), store.Item{Key: "k", Version: 1}, nil); err != nil {
		t.Fatal(err)
	}
	held, err := st.Lease(t.Context(), "held", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	events := st.Watch(t.Context())
	next(t, events)
	r.Hang()
	defer r.Resume()
	operations := map[string]func(ctx context.Context) error{
		"get":     func(ctx context.Context) error { _, err := st.Get(ctx, "k"); return err },
		"put":     func(ctx context.Context) error { return st.Put(ctx, store.Item{Key: "p", Version: 1}, nil) },
		"delete":  func(ctx context.Context) error { return st.Delete(ctx, "d", 1) },
		"list":    func(ctx context.Context) error { _, err := st.List(ctx, "", "", 10); return err },
		"lease":   func(ctx context.Context) error { _, err := st.Lease(ctx, "l", time.Second); return err },
		"extend":  func(ctx context.Context) error { return held.Extend(ctx, time.Hour) },
		"release": func(ctx context.Context) error { return held.Release(ctx) },
		"now":     func(ctx context.Context) error { _, err := st.Now(ctx); return err },
		"ping":    func(ctx context.Context) error { return st.Ping(ctx) },
	}
	type ending struct {
		name string
		most time.Duration
		end  func(context.Context) (context.Context, context.CancelFunc)
		is   error
		away bool
	}
	endings := []ending{
		{"no deadline", 3 * time.Second, context.WithCancel, store.ErrUnavailable, true},
		{"deadline", time.Second, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 200*time.Millisecond)
		}, context.DeadlineExceeded, true},
		{"cancelled", time.Second, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(200*time.Millisecond, cancel)
			return ctx, cancel
		}, context.Canceled, false},
	}
	var all sync.WaitGroup
	for name, do := range operations {
		for _, e := range endings {
			all.Go(func() {
				ctx, cancel := e.end(t.Context())
				defer cancel()
				start := time.Now()
				err := do(ctx)
				if took := time.Since(start); took > e.most {
					t.Errorf("%s, %s: it took %v", name, e.name, took)
				}
				if !errors.Is(err, e.is) || errors.Is(err, store.ErrUnavailable) != e.away {
					t.Errorf("%s, %s: %v", name, e.name, err)
				}
			})
		}
	}
	all.Wait()
	r.Resume()
	if _, err := st.Get(t.Context(), "k"); err != nil {
		t.Errorf("after it went on: %v", err)
	}
	if err := open(t, r.URL).Put(t.Context(), store.Item{Key: "after", Version: 1}, nil); err != nil {
		t.Fatal(err)
	}
	for e := next(t, events); e.Key != "after" && e.Key != ""; e = next(t, events) {
	}
}

// The clock is the server's, not that of this machine.
func TestRedisClock(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	there := time.Date(2031, 5, 6, 7, 8, 9, 123456000, time.UTC)
	m.SetTime(there)
	now, err := open(t, "redis://"+m.Addr()).Now(t.Context())
	if err != nil || !now.Equal(there) {
		t.Errorf("the server's clock is at %v, and it is read as %v: %v", there, now.UTC(), err)
	}
}

// What the server's settings do not promise is said at the start.
func TestRedisWarnings(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings []string
		want     []string
	}{
		{"durable", []string{"--appendonly", "yes", "--appendfsync", "always"}, nil},
		{"a second may be lost", []string{"--appendonly", "yes", "--appendfsync", "everysec"}, []string{"appendfsync is everysec"}},
		{"no log", []string{"--appendonly", "no"}, []string{"appendonly is no"}},
		{"evicts", []string{"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "allkeys-lru"}, []string{"maxmemory-policy is allkeys-lru"}},
		{"config forbidden", []string{"--appendonly", "no", "--rename-command", "CONFIG", ""}, []string{"appendonly is no"}},
		{"config forbidden, with a log", []string{"--appendonly", "yes", "--rename-command", "CONFIG", ""}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := storetest.StartRedis(t, c.settings...)
			if !r.Real {
				t.Skip("SKIPPED: there is no redis-server on the path, so nothing was shown about its settings")
			}
			got := store.Warnings(t.Context(), open(t, r.URL))
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i := range got {
				if !strings.Contains(got[i], c.want[i]) || !strings.Contains(got[i], "127.0.0.1:") {
					t.Errorf("got %q, want %q", got[i], c.want[i])
				}
			}
		})
	}
	if got := store.Warnings(t.Context(), open(t, "file:"+t.TempDir())); got != nil {
		t.Errorf("the embedded store: %q", got)
	}
}
