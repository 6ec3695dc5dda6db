-- Keeps, claims and ends sessions.
--
-- KEYS: the sessions (each a hash: user, owner, record, until)
-- ARGV: for each of them op, TTL (ms), grace (ms) for which an expired one is remembered, and three of
--   save:  user, owner, record
--   keep:  -, -, -
--   claim: user, owner, -
--   end:   owner, -, -
-- Returns for each of them 'ok', 'unknown', 'expired', 'identity' or 'taken'; a claim that is granted 'ok'
--   and the record.
local EACH = 6
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function carry_out(key, op, ttl, grace, first, second, third)
  -- Writes what is new, and that it lasts from now on.
  local function last(...)
    redis.call('HSET', key, 'until', string.format('%.0f', now + ttl), ...)
    redis.call('PEXPIRE', key, ttl + grace)
  end

  if op == 'save' then
    local owner = redis.call('HGET', key, 'owner')
    if owner and owner ~= second then return { 'taken' } end
    last('user', first, 'owner', second, 'record', third)
    return { 'ok' }
  end
  local stored = redis.call('HMGET', key, 'user', 'owner', 'record', 'until')
  local user, owner, record, until_ = stored[1], stored[2], stored[3], stored[4]
  if not user then return { 'unknown' } end
  if op == 'keep' then
    last()
    return { 'ok' }
  end
  if op == 'end' then
    if owner ~= first then return { 'taken' } end
    redis.call('DEL', key)
    return { 'ok' }
  end
  if user ~= first then return { 'identity' } end
  if tonumber(until_) <= now then
    redis.call('DEL', key)
    return { 'expired' }
  end
  last('owner', second)
  return { 'ok', record }
end

local answers = {}
for i, key in ipairs(KEYS) do
  local at = EACH * (i - 1)
  answers[i] = carry_out(key, ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]),
    ARGV[at + 4], ARGV[at + 5], ARGV[at + 6])
end
return answers
