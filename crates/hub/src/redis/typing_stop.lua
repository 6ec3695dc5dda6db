-- KEYS: the room's notes, each user with when it runs out; since when each types
-- ARGV: user, '1' if only a note that ran out is to go, how long such a note lingers (ms)
-- Returns 1 when it is news that the user does not type.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
local expiry = score and tonumber(score)
if not expiry or (ARGV[2] == '1' and expiry > now) then
  return 0
end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
if expiry + ARGV[3] <= now then
  return 0
end
return 1
