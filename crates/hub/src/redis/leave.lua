-- Ends a node's lease now. The node stays listed until somebody reaped it.
--
-- KEYS: leases
-- ARGV: node
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', now), ARGV[1])
