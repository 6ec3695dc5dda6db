-- KEYS: the room's notes, each user with when it runs out; since when each types
-- ARGV: how many users at most
-- Returns who types, and since when (ms), those who began first before the others.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local users = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.0f', now), '+inf')
local typing = {}
for i = 1, #users, 1000 do
  local some = {unpack(users, i, math.min(i + 999, #users))}
  local since = redis.call('HMGET', KEYS[2], unpack(some))
  for j, user in ipairs(some) do
    typing[#typing + 1] = {user, tonumber(since[j] or now)}
  end
end
table.sort(typing, function(a, b)
  return a[2] < b[2] or (a[2] == b[2] and a[1] < b[1])
end)
local answer = {}
for i = 1, math.min(#typing, tonumber(ARGV[1])) do
  answer[#answer + 1] = typing[i][1]
  answer[#answer + 1] = string.format('%.0f', typing[i][2])
end
return answer
