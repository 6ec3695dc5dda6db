-- KEYS: hashes of users: each conversation with 'count:rev:read', 'total', and 'all' if all are known
-- ARGV: how long they are kept (ms), then for each user {"all", "counts": [[conversation, count, rev, read]]}
-- Returns the total of each user, -1 for one of whom not all is known.
local totals = {}
for i, key in ipairs(KEYS) do
  local note = cjson.decode(ARGV[i + 1])
  if note.all then
    redis.call('DEL', key)
    redis.call('HSET', key, 'all', '1', 'total', '0')
  end
  local more = 0
  for _, new in ipairs(note.counts) do
    local old = redis.call('HGET', key, new[1])
    local count, rev, read = 0, -1, -1
    if old then
      local c, r, s = string.match(old, '^(%d+):(%d+):(%d+)$')
      count, rev, read = tonumber(c), tonumber(r), tonumber(s)
    end
    if new[3] >= rev and new[4] >= read then
      redis.call('HSET', key, new[1], string.format('%.0f:%.0f:%.0f', new[2], new[3], new[4]))
      more = more + new[2] - count
    elseif new[3] > rev or new[4] > read then
      -- Each is newer in something: the next one to ask counts everything anew.
      redis.call('HDEL', key, new[1], 'all')
    end
  end
  if more ~= 0 then
    redis.call('HINCRBY', key, 'total', string.format('%.0f', more))
  end
  redis.call('PEXPIRE', key, ARGV[1])
  totals[i] = -1
  if redis.call('HEXISTS', key, 'all') == 1 then
    totals[i] = tonumber(redis.call('HGET', key, 'total'))
  end
end
return totals
