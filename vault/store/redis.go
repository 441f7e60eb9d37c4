package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// How long one operation may take. A server that hangs must cost a call no more
// than one that is gone. A connection takes longer to make, with sentinels to
// ask and some of them dead.
const (
	redisPatience = 2 * time.Second
	redisOpening  = 10 * time.Second
)

// redisStore keeps records in Redis 6.2 or newer, alone, under Sentinel or as a
// Cluster. It is as durable as the server is set to be: appendonly yes and
// appendfsync always for what SQLite gives; with everysec a crash of the server
// may lose a second.
type redisStore struct {
	client   redis.UniversalClient
	names    redisNames
	replicas int          // that a write waits for; -1: the url does not say
	where    string       // hosts, never the password
	highest  atomic.Int64 // fencing token ever given to this process
	orphans  orphans
	closed   chan struct{}
	once     sync.Once
}

// OpenRedis connects to Redis; redisOptions documents the URL. If none of the
// hosts answers, the error wraps ErrUnavailable and names them.
func OpenRedis(ctx context.Context, url string) (Store, error) {
	client, where, extra, err := redisClient(url)
	if err != nil {
		return nil, fmt.Errorf("storage url: %w", err)
	}
	s := &redisStore{
		client:   client,
		names:    namesOf(extra.namespace),
		replicas: extra.replicas,
		where:    where,
		closed:   make(chan struct{}),
	}
	s.orphans = orphans{release: s.release, closed: s.closed, all: map[orphan]time.Time{}}
	if err := s.prepare(ctx); err != nil {
		_ = s.client.Close()
		return nil, err
	}
	return s, nil
}

// quiet sends what the library has to say to the program's own log, for those
// who look for it.
type quiet struct{}

func (quiet) Printf(ctx context.Context, format string, v ...any) {
	slog.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, v...))
}

func (s *redisStore) prepare(ctx context.Context) error {
	n, err := awaitFor(ctx, s, redisOpening, func(ctx context.Context) (int, error) {
		if err := s.client.SetNX(ctx, s.names.format, format, 0).Err(); err != nil {
			return 0, err
		}
		return s.client.Get(ctx, s.names.format).Int()
	})
	if err != nil {
		return err
	}
	if n > format {
		return newer("the store in "+s.where, n)
	}
	return nil
}

func (s *redisStore) Get(ctx context.Context, key string) (Item, error) {
	if err := checkKey("key", key); err != nil {
		return Item{}, err
	}
	got, err := await(ctx, s, func(ctx context.Context) ([]any, error) {
		return s.client.HMGet(ctx, s.names.record+key, "v", "d").Result()
	})
	if err != nil {
		return Item{}, err
	}
	item := Item{Key: key}
	if len(got) != 2 {
		return Item{}, fmt.Errorf("%w: %s: the record %s is answered with %d fields, not 2", ErrUnavailable, s.where, key, len(got))
	}
	if v, ok := got[0].(string); ok {
		if _, err := fmt.Sscan(v, &item.Version); err != nil {
			return Item{}, fmt.Errorf("%w: %s: the record %s has no version", ErrUnavailable, s.where, key)
		}
	}
	value, ok := got[1].(string)
	if !ok {
		return item, ErrNotFound
	}
	item.Value = []byte(value)
	return item, nil
}

func (s *redisStore) Put(ctx context.Context, item Item, lease Lease) error {
	if err := checkItem(item); err != nil {
		return err
	}
	leaseKey, holder := s.names.lease, ""
	if lease != nil {
		mine, ok := lease.(*redisLease)
		if !ok || mine.store != s {
			return fmt.Errorf("store: %s: the lease is of another store", item.Key)
		}
		leaseKey, holder = s.names.lease+mine.name, mine.mark
	}
	return s.change(ctx, item.Key, putScript,
		[]string{s.names.record + item.Key, s.names.keys, leaseKey}, item.Key, item.Version, item.Value, holder, s.names.changes, rand.Text())
}

func (s *redisStore) Delete(ctx context.Context, key string, version int64) error {
	if err := checkKey("key", key); err != nil {
		return err
	}
	return s.change(ctx, key, deleteScript,
		[]string{s.names.record + key, s.names.keys}, key, version, s.names.changes, rand.Text())
}

func (s *redisStore) Forget(ctx context.Context, key string, version int64) error {
	if err := checkKey("key", key); err != nil {
		return err
	}
	mark := rand.Text()
	return s.change(ctx, key, forgetScript,
		[]string{s.names.record + key, s.names.keys, s.names.forgot + mark}, key, version, mark)
}

// change runs a script that answers "ok" or why nothing was written.
func (s *redisStore) change(ctx context.Context, key string, script *redis.Script, keys []string, args ...any) error {
	answer, err := await(ctx, s, func(ctx context.Context) (string, error) {
		return s.write(ctx, script, keys, args...).Text()
	})
	switch {
	case err != nil:
		return err
	case answer == "lost":
		return fmt.Errorf("%w: %s was not written", ErrLeaseLost, key)
	case answer == "none":
		return ErrNotFound
	case answer != "ok":
		return fmt.Errorf("%w: %s", ErrConflict, key)
	}
	return nil
}

func (s *redisStore) List(ctx context.Context, prefix, after string, limit int) ([]Item, error) {
	if err := checkList(prefix, after, limit); err != nil {
		return nil, err
	}
	low, high := "-", "+"
	if prefix != "" {
		low, high = "["+prefix, "("+afterPrefix(prefix)
	}
	if after != "" && after >= prefix {
		low = "(" + after
	}
	if prefix != "" && low[1:] >= high[1:] {
		return nil, nil
	}
	rows, err := await(ctx, s, func(ctx context.Context) ([]any, error) {
		return listScript.Run(ctx, s.client, []string{s.names.keys}, low, high, limit, s.names.record).Slice()
	})
	if err != nil {
		return nil, err
	}
	var items []Item
	for ; len(rows) >= 3; rows = rows[3:] {
		key, _ := rows[0].(string)
		version, _ := rows[1].(string)
		value, _ := rows[2].(string)
		item := Item{Key: key, Value: []byte(value)}
		if _, err := fmt.Sscan(version, &item.Version); err != nil {
			return nil, fmt.Errorf("%w: %s: the record %s has no version", ErrUnavailable, s.where, key)
		}
		items = append(items, item)
	}
	return items, nil
}

// Now is the time of the server that holds the records. It is asked by a script
// with a key of ours, since a Cluster would send TIME itself to any node.
func (s *redisStore) Now(ctx context.Context) (time.Time, error) {
	return await(ctx, s, func(ctx context.Context) (time.Time, error) {
		t, err := nowScript.Run(ctx, s.client, []string{s.names.format}).Int64Slice()
		if err != nil {
			return time.Time{}, err
		}
		if len(t) != 2 {
			return time.Time{}, errors.New("TIME answered with something else")
		}
		return time.Unix(t[0], t[1]*1000), nil
	})
}

// Ping writes, since a replica and a full server still read.
func (s *redisStore) Ping(ctx context.Context) error {
	_, err := await(ctx, s, func(ctx context.Context) (string, error) {
		return s.write(ctx, pingScript, []string{s.names.ping}, time.Now().UnixMilli()).Text()
	})
	return err
}

// Close ends every Watch and the connections.
func (s *redisStore) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closed)
		err = s.client.Close()
	})
	return err
}

// await runs one operation for redisPatience at most.
func await[T any](ctx context.Context, s *redisStore, f func(context.Context) (T, error)) (T, error) {
	return awaitFor(ctx, s, redisPatience, f)
}

// awaitFor ends with the context even where it is cancelled without a deadline,
// which the client does not notice while it waits for the server, and by itself
// where the server keeps silent: the client's own timeouts then end what is left
// behind.
func awaitFor[T any](ctx context.Context, s *redisStore, most time.Duration, f func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var zero T
	if ctx.Err() != nil {
		return zero, fmt.Errorf("store: %w", ctx.Err())
	}
	bounded, cancel := context.WithTimeout(ctx, most)
	done := make(chan answer, 1)
	go func() {
		defer cancel()
		v, err := f(bounded)
		done <- answer{v, err}
	}()
	select {
	case a := <-done:
		return a.value, s.fail(ctx, most, a.err)
	case <-bounded.Done():
	}
	select {
	case a := <-done: // it has both ended and answered
		return a.value, s.fail(ctx, most, a.err)
	default:
		return zero, s.fail(ctx, most, context.DeadlineExceeded)
	}
}
