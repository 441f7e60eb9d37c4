package store_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

func TestRedisCannotBeReached(t *testing.T) {
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
		"redis://":                                   "names no host",
		"redis://u:hunter2@h:port/0":                 "is not HOST:PORT",
		"redis://u:hunter2@h:1,h:2/0":                "takes one host",
		"redis://u:hunter2@h/zero":                   "must be a number",
		"redis://u:hun%ter2@h/0":                     "write it as %25",
		"redis://u:hunter2@h/0?pool_size=3":          "only tls",
		"redis-sentinel://u:hunter2@h:1":             "name of the master",
		"redis-cluster://u:hunter2@h:1/3":            "no numbered databases",
		"redis-cluster://u:hunter2@h:1?tls=hunter2x": "true or false",
		"mysql://u:hunter2@h/0":                      "not known",
		"nothing":                                    "no scheme",
		"file:":                                      "needs a path",
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
