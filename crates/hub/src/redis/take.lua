-- Takes a token from each of some buckets. The arithmetic is that of src/tokens.rs, in whole
-- microseconds and credits.
--
-- KEYS: the buckets, of one organization; one of them may be there more than once
-- ARGV: for each of them burst, per (µs)
-- Returns for each of them -1 when it was taken, or the time until there is one (µs).
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function take(key, burst, token)
  local full = burst * token
  local stored = redis.call('HMGET', key, 'credit', 'at')
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
  redis.call('HSET', key, 'credit', string.format('%.0f', credit), 'at', string.format('%.0f', at))
  local until_full = at - now + math.ceil((full - credit) / burst)
  redis.call('PEXPIRE', key, math.ceil(until_full / 1000) + 1)
  return wait
end

local waits = {}
for i, key in ipairs(KEYS) do
  waits[i] = take(key, tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i]))
end
return waits
