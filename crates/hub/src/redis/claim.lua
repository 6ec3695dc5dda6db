-- Finds nodes whose lease is over and that nobody else is reaping, and claims them.
--
-- KEYS: leases; claims
-- ARGV: the calling node, how long the claim holds (ms), TTL (ms)
-- Returns the nodes.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local claimed = {}
for _, node in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))) do
  local claim = redis.call('ZSCORE', KEYS[2], node)
  if node ~= ARGV[1] and (not claim or tonumber(claim) <= now) then
    redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[2]), node)
    redis.call('PEXPIRE', KEYS[2], ARGV[3])
    table.insert(claimed, node)
  end
end
return claimed
