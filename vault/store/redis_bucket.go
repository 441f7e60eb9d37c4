package store

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"toolvault/vault/store/bucket"
)

// A bucket is a hash of f, when it is full again, and c, until when it is closed,
// in microseconds since 1970 by the server's clock. It ends by itself when neither
// matters any more. The scripts do what bucket.Take does. No write waits for
// replicas, whatever the URL says: there is nothing in it to keep.

// KEYS: bucket. ARGV: burst, microseconds in which a token comes back, how many
// are wanted, microseconds to wait at most, bucket.MaxWait, bucket.MaxPause.
// Answers how many are taken, and the microseconds to wait.
var spendScript = redis.NewScript(`
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local every = tonumber(ARGV[2])
local size = tonumber(ARGV[1]) * every
local r = redis.call('HMGET', KEYS[1], 'f', 'c')
local full, closed = tonumber(r[1] or '0'), tonumber(r[2] or '0')
if full > now + size + ARGV[5] + ARGV[6] then full = now + size end
local start = now
if closed > now and closed <= now + ARGV[6] then start = closed end
local from = math.max(full, start)
local free = math.floor((start + size - from) / every)
local got, ready = 1, start
if free < 1 then
  ready = from + every - size
elseif start == now then
  got = math.min(free, tonumber(ARGV[3]))
end
local wait = ready - now
if wait > 0 and wait > math.min(tonumber(ARGV[4]), tonumber(ARGV[5])) then return {0, wait} end
full = from + got * every
redis.call('HSET', KEYS[1], 'f', string.format('%.0f', full))
redis.call('PEXPIRE', KEYS[1], math.ceil((math.max(full, start) - now) / 1000) + 1000)
return {got, wait}`)

// KEYS: bucket. ARGV: microseconds, bucket.MaxPause, milliseconds for which the
// bucket is kept at most.
var pauseScript = redis.NewScript(`
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local r = redis.call('HMGET', KEYS[1], 'f', 'c')
local full, closed = tonumber(r[1] or '0'), tonumber(r[2] or '0')
local to = now + ARGV[1]
if closed > to and closed <= now + ARGV[2] then to = closed end
redis.call('HSET', KEYS[1], 'c', string.format('%.0f', to))
redis.call('PEXPIRE', KEYS[1], math.min(math.ceil((math.max(full, to) - now) / 1000) + 1000, tonumber(ARGV[3])))
return 'ok'`)

func (s *redisStore) Spend(ctx context.Context, name string, rate bucket.Rate, want int, most time.Duration) (got int, wait time.Duration, err error) {
	if err := checkSpend(name, rate, want); err != nil {
		return 0, 0, err
	}
	answer, err := await(ctx, s, func(ctx context.Context) ([]int64, error) {
		return spendScript.Run(ctx, s.client, []string{s.names.bucket + name}, rate.Burst, rate.Every.Microseconds(), want,
			max(most, 0).Microseconds(), bucket.MaxWait.Microseconds(), bucket.MaxPause.Microseconds()).Int64Slice()
	})
	if err != nil {
		return 0, 0, err
	}
	if len(answer) != 2 {
		return 0, 0, fmt.Errorf("%w: %s: the bucket %s is answered with %d numbers, not 2", ErrUnavailable, s.where, name, len(answer))
	}
	return int(answer[0]), time.Duration(answer[1]) * time.Microsecond, nil
}

func (s *redisStore) Pause(ctx context.Context, name string, d time.Duration) error {
	if err := checkKey("name of a bucket", name); err != nil {
		return err
	}
	_, err := await(ctx, s, func(ctx context.Context) (string, error) {
		return pauseScript.Run(ctx, s.client, []string{s.names.bucket + name}, max(0, min(d, bucket.MaxPause)).Microseconds(),
			bucket.MaxPause.Microseconds(), (bucket.MaxFill + bucket.MaxWait).Milliseconds()).Text()
	})
	return err
}
