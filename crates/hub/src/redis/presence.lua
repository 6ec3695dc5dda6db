-- Applies changes to the presence of users of one organization. The rules are those of src/presence.rs.
--
-- KEYS: the users of the organization who are seen online, away and busy; how many sockets and devices
--   nodes have; then for each change the user's hash, and the index of users whom its node answers for
-- ARGV: TTL (ms); then for each change op, node, user, at (ms), live nodes (a,b,c), nodes known to be dead
--   (a,b,c), how many more there are, …
--   device: socket, status or status/name
--   gone:   socket
--   settle: -
--   choose: status or '' (auto); 'keep', 'clear' or 'set'; custom status
--   sync:   '1' if it settles, too; then socket, status or status/name of every device that the node has
-- Returns for each change status, '1' if there is a custom status, custom status, last seen or '', '1' if
-- others see a difference, number of devices, the user's choice or ''; or 'strangers' and nodes of which the
-- caller is to find out whether they live, with nothing changed.
local SHARED, FIRST, EACH, MOST = 4, 2, 7, 1000
local ttl = ARGV[1]
-- What is written to shared keys, once for all changes at the end: who is in which set or is not any more,
-- and differences of counts.
local members, counts = {}, {}
local strength = { offline = 0, away = 1, online = 2, busy = 3 }

-- One command for all of a list, or as few as Lua's stack allows.
local function call(command, key, list)
  for from = 1, #list, MOST do
    redis.call(command, key, unpack(list, from, math.min(from + MOST - 1, #list)))
  end
end

-- Fields of a hash.
local function write(hash, writes)
  local set, gone = {}, {}
  for field, value in pairs(writes) do
    if value then
      set[#set + 1] = field
      set[#set + 1] = value
    else
      gone[#gone + 1] = field
    end
  end
  call('HSET', hash, set)
  call('HDEL', hash, gone)
end

local function belong(key, user, is_member)
  members[key] = members[key] or {}
  members[key][user] = is_member
end

local function apply(hash, index, op, node, user, at, live, dead, more)
  local fate = {}
  for id in string.gmatch(dead, '[^,]+') do fate[id] = 'dead' end
  for id in string.gmatch(live, '[^,]+') do fate[id] = 'live' end
  fate[node] = 'live'

  local state, devices, stale, strangers = {}, {}, {}, {}
  local stored = redis.call('HGETALL', hash)
  for i = 1, #stored, 2 do
    local field, value = stored[i], stored[i + 1]
    local owner = string.match(field, '^d:([^/]+)/')
    if not owner then
      state[field] = value
    elseif fate[owner] == 'live' then
      devices[field] = value
    elseif fate[owner] == 'dead' then
      table.insert(stale, field)
    elseif not strangers[owner] then
      strangers[owner] = true
      table.insert(strangers, owner)
    end
  end
  if #strangers > 0 then
    return { 'strangers', unpack(strangers) }
  end
  -- What is written to the hash at the end: a value, or false for what is gone.
  local writes = {}
  for _, field in ipairs(stale) do
    writes[field] = false
  end

  local own = 'd:' .. node .. '/'
  -- How many sockets and devices each node has of the user: none of somebody who appears offline.
  local function tally()
    local of_nodes, named = {}, {}
    if state.choice == 'offline' then return of_nodes end
    for field, value in pairs(devices) do
      local owner = string.match(field, '^d:([^/]+)/')
      local name = string.match(value, '/(.*)')
      local of_node = of_nodes[owner] or { 0, 0 }
      of_nodes[owner] = of_node
      of_node[1] = of_node[1] + 1
      if not name or not named[owner .. '/' .. name] then of_node[2] = of_node[2] + 1 end
      if name then named[owner .. '/' .. name] = true end
    end
    return of_nodes
  end
  local before_it = tally()
  local function put(socket, status)
    devices[own .. socket] = status
    writes[own .. socket] = status
  end
  local function drop(field)
    devices[field] = nil
    writes[field] = false
  end

  local custom_before = state.custom
  local settles = op == 'settle'
  if op == 'device' then
    put(more[1], more[2])
  elseif op == 'gone' then
    drop(own .. more[1])
  elseif op == 'sync' then
    settles = more[1] == '1'
    for _, field in ipairs(stored) do
      if string.sub(field, 1, #own) == own and devices[field] then
        drop(field)
      end
    end
    for i = 2, #more, 2 do
      put(more[i], more[i + 1])
    end
  elseif op == 'choose' then
    if more[1] == '' then
      state.choice = nil
      writes.choice = false
    else
      state.choice = more[1]
      writes.choice = more[1]
    end
    if more[2] == 'clear' then
      state.custom = nil
      writes.custom = false
    elseif more[2] == 'set' then
      state.custom = more[3]
      writes.custom = more[3]
    end
  end

  local total, own_total, strongest = 0, 0, nil
  for field, value in pairs(devices) do
    total = total + 1
    if string.sub(field, 1, #own) == own then own_total = own_total + 1 end
    local status = string.match(value, '^[^/]+')
    if not strongest or strength[status] > strength[strongest] then strongest = status end
  end

  local before = state.announced or 'offline'
  local after = before
  if strongest then
    after = state.choice or strongest
  elseif settles then
    after = 'offline'
  end
  local changed = before ~= after or custom_before ~= state.custom
  if op == 'sync' and not state.announced then
    -- Everything was forgotten, and with it what the others were told: most likely just this.
    changed = false
  end
  if before ~= after then
    writes.announced = after
  end
  if before ~= after or (not settles and after ~= 'offline') then
    -- Idleness is told of later than it began, and clocks differ.
    if not state.seen or tonumber(state.seen) < tonumber(at) then
      state.seen = at
      writes.seen = at
    end
  end
  write(hash, writes)
  redis.call('PEXPIRE', hash, ttl)

  for i, status in ipairs({ 'online', 'away', 'busy' }) do
    belong(KEYS[i], user, status == after)
  end
  local after_it = tally()
  local function count(field, difference)
    counts[field] = (counts[field] or 0) + difference
  end
  for owner in pairs(fate) do
    local was, is = before_it[owner] or { 0, 0 }, after_it[owner] or { 0, 0 }
    count('s:' .. owner, is[1] - was[1])
    count('d:' .. owner, is[2] - was[2])
  end

  -- A node answers for the users of its devices, and for those whom it is yet to settle.
  if own_total > 0 or (total == 0 and not settles and (op == 'gone' or op == 'sync')) then
    belong(index, user, true)
  elseif total > 0 or settles then
    belong(index, user, false)
  end

  return {
    after, state.custom and '1' or '0', state.custom or '', state.seen or '',
    changed and '1' or '0', tostring(total), state.choice or '',
  }
end

local answers, at = {}, FIRST
for i = 1, (#KEYS - SHARED) / 2 do
  local count = tonumber(ARGV[at + EACH - 1])
  local more = {}
  for n = 1, count do more[n] = ARGV[at + EACH - 1 + n] end
  answers[i] = apply(KEYS[SHARED + 2 * i - 1], KEYS[SHARED + 2 * i], ARGV[at], ARGV[at + 1], ARGV[at + 2],
    ARGV[at + 3], ARGV[at + 4], ARGV[at + 5], more)
  at = at + EACH + count
end
local is_ranked = { [KEYS[1]] = true, [KEYS[2]] = true, [KEYS[3]] = true }
for key, users in pairs(members) do
  local add, remove = {}, {}
  for user, is_member in pairs(users) do
    if not is_member then
      remove[#remove + 1] = user
    else
      if is_ranked[key] then add[#add + 1] = 0 end
      add[#add + 1] = user
    end
  end
  call(is_ranked[key] and 'ZADD' or 'SADD', key, add)
  call(is_ranked[key] and 'ZREM' or 'SREM', key, remove)
  if #add > 0 then redis.call('PEXPIRE', key, ttl) end
end
local counted = false
for field, difference in pairs(counts) do
  if difference ~= 0 then
    redis.call('HINCRBY', KEYS[4], field, difference)
    counted = true
  end
end
if counted then redis.call('PEXPIRE', KEYS[4], ttl) end
return answers
