-- KEYS: hashes of users: each conversation with 'count:rev:read', 'total', and 'all' if all are known
-- ARGV: how long they are kept (ms), then for each user {"all", "counts": [[conversation, count, rev, read]]}
-- Returns the total of each user, -1 for one of whom not all is known.
local FIELDS = 1000
local ttl = ARGV[1]

local function value(count)
  return string.format('%.0f:%.0f:%.0f', count[2], count[3], count[4])
end

-- Everything that there is of a user.
local function replace(key, counts)
  redis.call('DEL', key)
  local total, fields = 0, {}
  for _, new in ipairs(counts) do
    total = total + new[2]
    fields[#fields + 1] = new[1]
    fields[#fields + 1] = value(new)
  end
  redis.call('HSET', key, 'all', '1', 'total', string.format('%.0f', total))
  for from = 1, #fields, FIELDS do
    redis.call('HSET', key, unpack(fields, from, math.min(from + FIELDS - 1, #fields)))
  end
  redis.call('PEXPIRE', key, ttl)
  return total
end

-- What is newer than what is known.
local function amend(key, counts)
  local more = 0
  for _, new in ipairs(counts) do
    local old = redis.call('HGET', key, new[1])
    local count, rev, read = 0, -1, -1
    if old then
      local c, r, s = string.match(old, '^(%d+):(%d+):(%d+)$')
      count, rev, read = tonumber(c), tonumber(r), tonumber(s)
    end
    if new[3] >= rev and new[4] >= read then
      redis.call('HSET', key, new[1], value(new))
      more = more + new[2] - count
    elseif new[3] > rev or new[4] > read then
      -- Each is newer in something: the next one to ask counts everything anew.
      redis.call('HDEL', key, new[1], 'all')
    end
  end
  if more ~= 0 then
    redis.call('HINCRBY', key, 'total', string.format('%.0f', more))
  end
  redis.call('PEXPIRE', key, ttl)
  local known = redis.call('HMGET', key, 'all', 'total')
  return known[1] and tonumber(known[2]) or -1
end

local totals = {}
for i, key in ipairs(KEYS) do
  local note = cjson.decode(ARGV[i + 1])
  totals[i] = note.all and replace(key, note.counts) or amend(key, note.counts)
end
return totals
