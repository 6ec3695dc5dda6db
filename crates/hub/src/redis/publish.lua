-- Publishes events in the order of their organization. The rules are those of src/order.rs.
--
-- KEYS: the order (hash: epoch, offset); then for each event its room (hash: epoch, rev, last, early),
--   the room's log (stream, by offset) and its early events (hash: rev -> event)
-- ARGV: the command that publishes; an epoch, should there be none; most events in a log; TTL of a log
--   (ms); TTL of what is known of orders and rooms (ms); then for each event channel, event, rev or ''
-- Returns for each event 'out', epoch, offset; or 'early', last rev; or 'known'.
local MOST_EARLY, EARLY_TTL, CREATION, FIRST = 1024, 60000, 1, 5
local command, length, log_ttl, kept = ARGV[1], ARGV[3], ARGV[4], ARGV[5]

local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
  epoch = ARGV[2]
  redis.call('HSET', KEYS[1], 'epoch', epoch)
end

local function publish(room_key, log_key, early_key, channel, event, rev)
  local room = redis.call('HMGET', room_key, 'epoch', 'rev', 'last', 'early')
  local known, last, early = tonumber(room[2] or nil), room[3] or '0', room[4]
  if room[1] ~= epoch then
    known, last, early = nil, '0', false
    if room[1] then
      redis.call('DEL', room_key, log_key, early_key)
    end
  end

  local first_known = ''
  if rev then
    if not known then
      if rev > CREATION + 1 then first_known = '1' end
    elseif rev <= known then
      return { 'known' }
    elseif rev > known + 1 then
      if redis.call('HLEN', early_key) < MOST_EARLY then
        redis.call('HSETNX', early_key, rev, event)
        redis.call('PEXPIRE', early_key, EARLY_TTL)
        redis.call('HSET', room_key, 'early', '1')
      end
      return { 'early', known }
    end
  end

  local function put(payload)
    local offset = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'offset', 1))
    if first_known == '' then
      redis.call('XADD', log_key, 'MAXLEN', length, offset .. '-0', 'e', payload, 'b', last)
    else
      redis.call('XADD', log_key, 'MAXLEN', length, offset .. '-0', 'e', payload, 'b', last, 'f', '1')
    end
    redis.call(command, channel, epoch .. '.' .. offset .. '\n' .. payload)
    first_known, last = '', offset
    return offset
  end

  local offset = put(event)
  known = rev or known
  if early and rev then
    local next_event = redis.call('HGET', early_key, known + 1)
    while next_event do
      put(next_event)
      known = known + 1
      redis.call('HDEL', early_key, known)
      next_event = redis.call('HGET', early_key, known + 1)
    end
    if redis.call('EXISTS', early_key) == 0 then
      redis.call('HDEL', room_key, 'early')
    end
  end
  if known then
    redis.call('HSET', room_key, 'epoch', epoch, 'last', last, 'rev', string.format('%.0f', known))
  else
    redis.call('HSET', room_key, 'epoch', epoch, 'last', last)
  end
  redis.call('PEXPIRE', room_key, kept)
  redis.call('PEXPIRE', log_key, log_ttl)
  return { 'out', epoch, offset }
end

local answers = {}
for i = 1, (#KEYS - 1) / 3 do
  local key, arg = 3 * i - 1, FIRST + 3 * i - 2
  local rev = ARGV[arg + 2] ~= '' and tonumber(ARGV[arg + 2]) or nil
  answers[i] = publish(KEYS[key], KEYS[key + 1], KEYS[key + 2], ARGV[arg], ARGV[arg + 1], rev)
end
redis.call('PEXPIRE', KEYS[1], kept)
return answers
