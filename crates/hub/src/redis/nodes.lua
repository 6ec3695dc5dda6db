-- KEYS: leases; node information
-- Returns node, information of every node whose lease is valid.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = {}
for _, node in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.0f', now), '+inf')) do
  table.insert(found, node)
  table.insert(found, redis.call('HGET', KEYS[2], node) or '')
end
return found
