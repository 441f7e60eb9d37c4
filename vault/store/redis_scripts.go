package store

import "github.com/redis/go-redis/v9"

// Each write is one script, so it is atomic. Versions pass as text: a number of
// Lua is exact only to 2^53, which no version reaches one by one. The last
// argument of a script that writes marks the call: see write.

// KEYS: record, index, lease. ARGV: key, version, value, the mark of the lease's
// holder ("": no lease), channel, mark.
var putScript = redis.NewScript(`
local r = redis.call('HMGET', KEYS[1], 'v', 'w')
if r[1] == ARGV[2] and r[2] == ARGV[6] then
  redis.call('HSET', KEYS[1], 'w', ARGV[6])
  return 'ok'
end
if ARGV[4] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[4] then return 'lost' end
if tonumber(r[1] or '0') ~= tonumber(ARGV[2]) - 1 then return 'conflict' end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'd', ARGV[3], 'w', ARGV[6])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('PUBLISH', ARGV[5], ARGV[1])
return 'ok'`)

// KEYS: record, index. ARGV: key, version, channel, mark.
var deleteScript = redis.NewScript(`
local r = redis.call('HMGET', KEYS[1], 'v', 'd', 'w')
if not r[2] then
  if r[3] ~= ARGV[4] then return 'none' end
  redis.call('HSET', KEYS[1], 'w', ARGV[4])
  return 'ok'
end
if r[1] ~= ARGV[2] then return 'conflict' end
redis.call('HINCRBY', KEYS[1], 'v', 1)
redis.call('HSET', KEYS[1], 'w', ARGV[4])
redis.call('HDEL', KEYS[1], 'd')
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('PUBLISH', ARGV[3], ARGV[1])
return 'ok'`)

// KEYS: record, index, the mark of the call. ARGV: key, version, mark. Nothing is
// left of the record to carry the mark, so that stands by itself until long after
// the client has stopped asking.
var forgetScript = redis.NewScript(`
if redis.call('GET', KEYS[3]) then
  redis.call('SET', KEYS[3], ARGV[3], 'PX', 10000)
  return 'ok'
end
local r = redis.call('HMGET', KEYS[1], 'v', 'd')
if not r[2] then return 'none' end
if r[1] ~= ARGV[2] then return 'conflict' end
redis.call('SET', KEYS[3], ARGV[3], 'PX', 10000)
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
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

// KEYS: lease, tokens. ARGV: name, milliseconds, the highest token that the
// caller knows, mark. Answers the token, or "0" while another holds the lease.
//
// A token is a time in microseconds where that is above the last one, because a
// new master may not have heard of the last ones: a failover takes longer than
// clocks are apart. The mark, not the token, is what proves who holds a lease.
var acquireScript = redis.NewScript(`
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[4] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return redis.call('HGET', KEYS[2], ARGV[1])
end
if holder then return '0' end
local t = redis.call('TIME')
local last = math.max(tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0'), tonumber(ARGV[3]))
local token = string.format('%.0f', math.max(last + 1, tonumber(t[1]) * 1000000 + tonumber(t[2])))
redis.call('HSET', KEYS[2], ARGV[1], token)
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[2])
return token`)

// KEYS: lease. ARGV: milliseconds, mark of the holder. Answers "ok" or "lost".
var extendScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 'lost' end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 'ok'`)

// KEYS: lease. ARGV: mark of the holder. Answers "ok" or "lost".
var releaseScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
redis.call('DEL', KEYS[1])
return 'ok'`)

// KEYS: ping. ARGV: what to write.
var pingScript = redis.NewScript(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', 60000)
return 'ok'`)

// KEYS: any of ours. Answers seconds since 1970 and the microseconds above.
var nowScript = redis.NewScript(`
local t = redis.call('TIME')
return {tonumber(t[1]), tonumber(t[2])}`)
