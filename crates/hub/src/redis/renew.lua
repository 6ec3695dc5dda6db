-- Renews the lease of a node, or gives one to a new node.
--
-- KEYS: leases; node information; the node's organizations
-- ARGV: node, lease (ms), information, TTL (ms), '1' if the node is new
-- Returns 0, with nothing changed, when the lease of a node that is not new is over.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[5] ~= '1' then
  local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if not expiry or tonumber(expiry) <= now then
    return 0
  end
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, ARGV[4])
end
return 1
