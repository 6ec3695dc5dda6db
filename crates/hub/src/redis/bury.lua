-- Forgets a node that was reaped.
--
-- KEYS: leases; node information; claims; the node's organizations
-- ARGV: node
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('DEL', KEYS[4])
return 1
