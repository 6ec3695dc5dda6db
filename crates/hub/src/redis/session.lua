-- Keeps, claims and ends a session.
--
-- KEYS: the session (hash: user, owner, record, until)
-- ARGV: op, TTL (ms), grace (ms) for which an expired one is remembered, …
--   save:  user, owner, record
--   keep:  -
--   claim: user, owner
--   end:   owner
-- Returns 'ok', 'unknown', 'expired', 'identity' or 'taken'; a claim that is granted 'ok' and the record.
local key, op, ttl, grace = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HMGET', key, 'user', 'owner', 'record', 'until')
local user, owner, record, until_ = stored[1], stored[2], stored[3], stored[4]

local function last()
  redis.call('HSET', key, 'until', string.format('%.0f', now + ttl))
  redis.call('PEXPIRE', key, ttl + grace)
end

if op == 'save' then
  if owner and owner ~= ARGV[5] then return { 'taken' } end
  redis.call('HSET', key, 'user', ARGV[4], 'owner', ARGV[5], 'record', ARGV[6])
  last()
  return { 'ok' }
end
if not user then return { 'unknown' } end
if op == 'keep' then
  last()
  return { 'ok' }
end
if op == 'end' then
  if owner ~= ARGV[4] then return { 'taken' } end
  redis.call('DEL', key)
  return { 'ok' }
end
if user ~= ARGV[4] then return { 'identity' } end
if tonumber(until_) <= now then
  redis.call('DEL', key)
  return { 'expired' }
end
redis.call('HSET', key, 'owner', ARGV[5])
last()
return { 'ok', record }
