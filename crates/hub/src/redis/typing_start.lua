-- KEYS: the room's notes, each user with when it runs out; since when each types
-- ARGV: user, TTL of the note (ms), how long a note that ran out lingers (ms)
-- Returns 1 when it is news that the user types.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[3]))
local news = not (before and tonumber(before) > now)
if news then
  redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', now))
end
local lingers = ARGV[2] + ARGV[3]
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < lingers then
    redis.call('PEXPIRE', key, string.format('%.0f', lingers))
  end
end
return news and 1 or 0
