-- Those of an organization who are there.
--
-- KEYS: those who are seen online, away and busy
-- ARGV: where to begin, as ZRANGE BYLEX takes it; how many at most of each
-- Returns how many there are in all, and users, in no order.
local answer = { 0 }
for _, key in ipairs(KEYS) do
  answer[1] = answer[1] + redis.call('ZCARD', key)
  for _, user in ipairs(redis.call('ZRANGE', key, ARGV[1], '+', 'BYLEX', 'LIMIT', 0, ARGV[2])) do
    table.insert(answer, user)
  end
end
answer[1] = tostring(answer[1])
return answer
