-- Takes a token. The arithmetic is that of src/tokens.rs, in whole microseconds and credits.
--
-- KEYS: the bucket
-- ARGV: burst, per (µs)
-- Returns -1 when it was taken, or the time until there is one (µs).
local burst, token = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = burst * token
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local stored = redis.call('HMGET', KEYS[1], 'credit', 'at')
local credit, at = full, now
if stored[1] then
  credit, at = tonumber(stored[1]), tonumber(stored[2])
  -- Redis' clock was set back by more than a second: nobody waits until it has caught up.
  if at - now > 1000000 then
    at = now
  end
  -- Nothing more can be gained once it is full, and the product stays exact.
  local elapsed = math.min(math.max(now - at, 0), token)
  credit = math.min(full, credit + elapsed * burst)
  at = math.max(at, now)
end

local wait = -1
if credit >= token then
  credit = credit - token
else
  wait = math.ceil((token - credit) / burst)
end
redis.call('HSET', KEYS[1], 'credit', string.format('%.0f', credit), 'at', string.format('%.0f', at))
local until_full = at - now + math.ceil((full - credit) / burst)
redis.call('PEXPIRE', KEYS[1], math.ceil(until_full / 1000) + 1)
return wait
