package mirror_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"toolvault/audit/mirror"
	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

const redisKey = mirror.DefaultStream

func toRedis(t testing.TB, url, dir string, hooks ...redis.Hook) func() (mirror.Sink, error) {
	return func() (mirror.Sink, error) {
		client, where, err := store.RedisClient(url)
		if err != nil {
			return nil, err
		}
		for _, h := range hooks {
			client.AddHook(h)
		}
		return mirror.NewRedis(mirror.RedisOptions{Client: client, Where: where, Dir: dir, Name: "redis"}), nil
	}
}

// inStream reads what a stream holds.
func inStream(t testing.TB, c redis.UniversalClient) *sent {
	t.Helper()
	all, err := c.XRange(context.Background(), redisKey, "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	s := &sent{}
	for _, e := range all {
		id, _ := e.Values["id"].(string)
		text, _ := e.Values["record"].(string)
		if len(e.Values) != 2 || idOf(t, []byte(text)) != id {
			t.Fatalf("an entry is %v", e.Values)
		}
		s.add(id, text)
	}
	return s
}

// Redis is killed and started again, again and again, and loses nothing that it has
// on disk: everything is in the stream, once, in order.
func TestRedisKilled(t *testing.T) {
	server := storetest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	dir := t.TempDir()
	l := open(t, dir)
	var out lines
	o := options(dir, "redis", toRedis(t, server.URL, dir))
	o.Logger = out.logger()
	m, _ := start(t, o)
	for round := range 6 {
		for i := range 100 {
			add(t, l, call(100*round+i))
		}
		server.Stop()
		for i := range 20 {
			add(t, l, call(1000+100*round+i))
		}
		server.Start()
	}
	caughtUp(t, m)
	inStream(t, server.Client(t)).check(t, dir, 0)
}

// Redis comes back empty, or with an older state, as after a crash between two
// syncs or a failover: what it has lost is sent again.
func TestRedisLoses(t *testing.T) {
	server := storetest.StartRedis(t)
	dir := filled(t, 3000)
	m, stop := start(t, options(dir, "redis", toRedis(t, server.URL, dir)))
	caughtUp(t, m)
	c := server.Client(t)
	inStream(t, c).check(t, dir, 0)
	l := open(t, dir)

	t.Run("all, and the mirror runs", func(t *testing.T) {
		server.Stop()
		server.Start()
		add(t, l, call(1))
		caughtUp(t, m)
		inStream(t, c).check(t, dir, 0)
	})
	t.Run("the last, and the mirror runs", func(t *testing.T) {
		older := state(t, c)
		for i := range 50 {
			add(t, l, call(i))
		}
		caughtUp(t, m)
		back(t, c, older)
		add(t, l, call(50))
		caughtUp(t, m)
		inStream(t, c).check(t, dir, 0)
	})
	t.Run("the last, and the mirror starts again", func(t *testing.T) {
		older := state(t, c)
		for i := range 50 {
			add(t, l, call(i))
		}
		caughtUp(t, m)
		stop()
		back(t, c, older)
		m, _ := start(t, options(dir, "redis", toRedis(t, server.URL, dir)))
		add(t, l, call(50))
		caughtUp(t, m)
		inStream(t, c).check(t, dir, 0)
	})
}

// state and back are a backup of the stream, and what is beside it.
func state(t *testing.T, c *redis.Client) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, key := range []string{redisKey, "{" + redisKey + "}:at"} {
		text, err := c.Dump(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		all[key] = text
	}
	return all
}

func back(t *testing.T, c *redis.Client, all map[string]string) {
	t.Helper()
	for key, text := range all {
		if err := c.RestoreReplace(t.Context(), key, 0, text).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// lossy is a network that loses every third answer.
type lossy struct{ n atomic.Int32 }

func (l *lossy) DialHook(next redis.DialHook) redis.DialHook { return next }
func (l *lossy) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (l *lossy) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err == nil && l.n.Add(1)%3 == 0 {
			err = errors.New("the answer was lost")
			cmd.SetErr(err)
		}
		return err
	}
}

// A lot whose answer is lost is not added twice, be the lot the same when it comes
// again or not.
func TestRedisLosesAnswers(t *testing.T) {
	server := storetest.StartRedis(t)
	dir := t.TempDir()
	l := open(t, dir)
	for round := range 8 {
		m, stop := start(t, options(dir, "redis", toRedis(t, server.URL, dir, &lossy{})))
		for i := range 50 {
			add(t, l, call(100*round+i))
		}
		if round == 7 {
			caughtUp(t, m)
		}
		stop()
	}
	inStream(t, server.Client(t)).check(t, dir, 0)
}

// A Redis that hangs is one that is down.
func TestRedisHangs(t *testing.T) {
	server := storetest.StartRedis(t)
	dir := filled(t, 200)
	o := options(dir, "redis", toRedis(t, server.URL, dir))
	var failed atomic.Int32
	o.Patience, o.Failed = 100*time.Millisecond, func() { failed.Add(1) }
	server.Hang()
	m, _ := start(t, o)
	until(t, "tried", func() bool { return failed.Load() > 1 })
	server.Resume()
	caughtUp(t, m)
	inStream(t, server.Client(t)).check(t, dir, 0)
}
