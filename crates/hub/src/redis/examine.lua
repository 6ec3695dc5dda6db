-- Writes and reads a key of its own, as every other script does.
--
-- KEYS: a name that nobody else uses
-- ARGV: what to write, TTL (ms)
-- Returns what was read, and the time of Redis (ms).
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
return { redis.call('GET', KEYS[1]), now }
