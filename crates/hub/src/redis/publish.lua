-- Publishes an event in the order of its organization. The rules are those of src/order.rs.
--
-- KEYS: the order (hash: epoch, offset); the room (hash: epoch, rev, last, early); its log (stream,
--   by offset); its early events (hash: rev -> event)
-- ARGV: the command that publishes; channel; event; rev or ''; an epoch, should there be none;
--   most events in a log; TTL of a log (ms); TTL of what is known of orders and rooms (ms)
-- Returns 'out', epoch, offset; or 'early', last rev; or 'known'.
local MOST_EARLY, EARLY_TTL, CREATION = 1024, 60000, 1
local command, channel, event = ARGV[1], ARGV[2], ARGV[3]
local rev = ARGV[4] ~= '' and tonumber(ARGV[4]) or nil
local length, log_ttl, kept = ARGV[6], ARGV[7], ARGV[8]

local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
  epoch = ARGV[5]
  redis.call('HSET', KEYS[1], 'epoch', epoch)
end

local room = redis.call('HMGET', KEYS[2], 'epoch', 'rev', 'last', 'early')
local known, last, early = tonumber(room[2] or nil), room[3] or '0', room[4]
if room[1] ~= epoch then
  known, last, early = nil, '0', false
  if room[1] then
    redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
  end
end

local first_known = ''
if rev then
  if not known then
    if rev > CREATION + 1 then first_known = '1' end
  elseif rev <= known then
    return { 'known' }
  elseif rev > known + 1 then
    if redis.call('HLEN', KEYS[4]) < MOST_EARLY then
      redis.call('HSETNX', KEYS[4], rev, event)
      redis.call('PEXPIRE', KEYS[4], EARLY_TTL)
      redis.call('HSET', KEYS[2], 'early', '1')
    end
    return { 'early', known }
  end
end

local function put(payload)
  local offset = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'offset', 1))
  if first_known == '' then
    redis.call('XADD', KEYS[3], 'MAXLEN', length, offset .. '-0', 'e', payload, 'b', last)
  else
    redis.call('XADD', KEYS[3], 'MAXLEN', length, offset .. '-0', 'e', payload, 'b', last, 'f', '1')
  end
  redis.call(command, channel, epoch .. '.' .. offset .. '\n' .. payload)
  first_known, last = '', offset
  return offset
end

local offset = put(event)
known = rev or known
if early and rev then
  local next_event = redis.call('HGET', KEYS[4], known + 1)
  while next_event do
    put(next_event)
    known = known + 1
    redis.call('HDEL', KEYS[4], known)
    next_event = redis.call('HGET', KEYS[4], known + 1)
  end
  if redis.call('EXISTS', KEYS[4]) == 0 then
    redis.call('HDEL', KEYS[2], 'early')
  end
end
if known then
  redis.call('HSET', KEYS[2], 'epoch', epoch, 'last', last, 'rev', string.format('%.0f', known))
else
  redis.call('HSET', KEYS[2], 'epoch', epoch, 'last', last)
end
redis.call('PEXPIRE', KEYS[1], kept)
redis.call('PEXPIRE', KEYS[2], kept)
redis.call('PEXPIRE', KEYS[3], log_ttl)
return { 'out', epoch, offset }
