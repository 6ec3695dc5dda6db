-- KEYS: the room's notes, each user with when it runs out
-- ARGV: user, TTL of the note (ms), how long a note that ran out lingers (ms)
-- Returns 1 when it is news that the user types.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[3]))
local lingers = ARGV[2] + ARGV[3]
if redis.call('PTTL', KEYS[1]) < lingers then
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', lingers))
end
if before and tonumber(before) > now then
  return 0
end
return 1
