package store

import "github.com/redis/go-redis/v9"

// Each write is one script, so it is atomic. Versions pass as text: a number of
// Lua is exact only to 2^53, which no version reaches one by one.

// KEYS: record, index, lease. ARGV: key, version, value, token (0: no lease),
// channel.
var putScript = redis.NewScript(`
if ARGV[4] ~= '0' and redis.call('GET', KEYS[3]) ~= ARGV[4] then return 'lost' end
local v = redis.call('HGET', KEYS[1], 'v') or '0'
if tonumber(v) ~= tonumber(ARGV[2]) - 1 then return 'conflict' end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'd', ARGV[3])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('PUBLISH', ARGV[5], ARGV[1])
return 'ok'`)

// KEYS: record, index. ARGV: key, version, channel.
var deleteScript = redis.NewScript(`
local r = redis.call('HMGET', KEYS[1], 'v', 'd')
if not r[2] then return 'none' end
if r[1] ~= ARGV[2] then return 'conflict' end
redis.call('HINCRBY', KEYS[1], 'v', 1)
redis.call('HDEL', KEYS[1], 'd')
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('PUBLISH', ARGV[3], ARGV[1])
return 'ok'`)

// KEYS: index. ARGV: low, high, limit, prefix of records. The records have the
// hash tag of the index, so they are in its slot.
var listScript = redis.NewScript(`
local out = {}
for _, k in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
  local r = redis.call('HMGET', ARGV[4] .. k, 'v', 'd')
  if r[2] then
    out[#out + 1] = k
    out[#out + 1] = r[1]
    out[#out + 1] = r[2]
  end
end
return out`)

// KEYS: lease, tokens. ARGV: name, milliseconds. Answers the token, or 0.
var acquireScript = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local token = redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
return token`)

// KEYS: lease. ARGV: token, milliseconds (0: let go). Answers 1 if it was held.
var extendScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`)
