-- Drops a dead node's devices of some users, and makes the calling node answer for those who have
-- none left.
--
-- KEYS: the dead node's index; the caller's; the hash of each user
-- ARGV: the dead node, TTL (ms), each user in the order of the hashes
-- Returns the users without any device.
local dead = 'd:' .. ARGV[1] .. '/'
local left = {}
for i = 3, #KEYS do
  local user, devices = ARGV[i], 0
  for _, field in ipairs(redis.call('HKEYS', KEYS[i])) do
    if string.sub(field, 1, #dead) == dead then
      redis.call('HDEL', KEYS[i], field)
    elseif string.sub(field, 1, 2) == 'd:' then
      devices = devices + 1
    end
  end
  -- Whoever takes the user out of the index is the one who is told, even if a claim ran out.
  local first = redis.call('SREM', KEYS[1], user) == 1
  if first and devices == 0 and redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('SADD', KEYS[2], user)
    redis.call('PEXPIRE', KEYS[2], ARGV[2])
    table.insert(left, user)
  end
end
return left
