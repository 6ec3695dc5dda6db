-- Where an organization's order stands, and its rooms.
--
-- KEYS: the order (hash: epoch, offset, server); then for each room its hash, log and early events
-- ARGV: an epoch, should a new one begin; TTL (ms); then for each room the rev that counts as the last
--   one, should none be known
-- Returns epoch, offset, and the last rev of each room.
--
-- A new epoch begins when the server is another one than before: one that was restarted, or that was
-- a replica, may have lost the last offsets that were given.
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
local order = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'server')
local epoch, offset = order[1], order[2] or '0'
if not epoch or (order[3] and order[3] ~= server) then
  epoch = ARGV[1]
  redis.call('HSET', KEYS[1], 'epoch', epoch)
end
if order[3] ~= server then
  redis.call('HSET', KEYS[1], 'server', server)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])

local answer = { epoch, offset }
for i = 3, #ARGV do
  local key = KEYS[3 * i - 7]
  local room = redis.call('HMGET', key, 'epoch', 'rev')
  local rev = room[1] == epoch and room[2]
  if not rev then
    if room[1] ~= epoch then
      redis.call('DEL', key, KEYS[3 * i - 6], KEYS[3 * i - 5])
    end
    rev = ARGV[i]
    redis.call('HSET', key, 'epoch', epoch, 'rev', rev)
  end
  redis.call('PEXPIRE', key, ARGV[2])
  table.insert(answer, rev)
end
return answer
