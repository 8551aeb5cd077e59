-- Commits one transaction: checks that what it has read is still so, and then
-- makes all of its changes, or none.
--
-- KEYS     every key that the program names; the two families of conversations
--          come last, if it has anything to do with them
-- ARGV[1]  the program, as MessagePack:
--   1 now       what time it is, in microseconds, if the time that the transaction assumed
--               is right; else false
--   2 rows      {key, ids, versions}: rows that must be in these versions
--   3 fields    {key, fields, values}: fields of hashes that must have these values
--   4 heads     {nodes, hash}: nodes that must be stored
--   5 claims    {rows, ids, leases}: rows that get a new lease
--   6 bins      {bin, members}: where these tasks must stand, and no longer do
--   7 steps     {steps, results}: the keys of claimed tasks that may have steps
--   8 twins     {key, identities, what, ids, ended}: what tasks are to their identities
--   9 nodes     {node key, hash, parent and content, text key, message}: of conversations
--  10 refs      node keys and hashes, in turns: one more refers to each
--  11 commands  {command...}
--  12 events    a value for each entry of the stream
--  13 stream    {main, stream, entries to keep, milliseconds to keep}
--  14 unrefs    {trash, steps keys}: of tasks whose steps go
--
-- It answers {1, seconds, microseconds, claimed, steps}, or {0, seconds, microseconds, what}
-- if something is no longer as it was: with the ids behind it if it is rows.

local p = cmsgpack.unpack(ARGV[1])
local call, sub = redis.call, string.sub
local time = call('TIME')

local function conflict(what, which) return {0, time[1], time[2], what, which} end

if p[1] then
  local ahead = p[1] - (time[1] * 1000000 + time[2])
  if ahead > 1000 or ahead < -1000000 then return conflict('now') end
end

local changed = {}
for _, t in ipairs(p[2]) do
  local rows = call('HMGET', t[1], unpack(t[2]))
  local versions = t[3]
  for i = 1, #versions do
    if not rows[i] or sub(rows[i], 1, 8) ~= versions[i] then changed[#changed + 1] = t[2][i] end
  end
end
if changed[1] then return conflict('rows', changed) end
for _, t in ipairs(p[3]) do
  local values = call('HMGET', t[1], unpack(t[2]))
  local wants = t[3]
  for i = 1, #wants do
    if values[i] ~= wants[i] then return conflict('field', t[2][i]) end
  end
end
for _, t in ipairs(p[4]) do
  if call('HEXISTS', t[1], t[2]) == 0 then return conflict('conversation') end
end

-- Claims: the row keeps what stands behind its lease.
for _, b in ipairs(p[6]) do
  local there = call('ZMSCORE', b[1], unpack(b[2]))
  for i = 1, #there do
    if not there[i] then return conflict('claim') end
  end
end
local claimed, writes = {}, {}
for g, c in ipairs(p[5]) do
  local ids, leases, set = c[2], c[3], {}
  local rows = call('HMGET', c[1], unpack(ids))
  for i = 1, #ids do
    local row = rows[i]
    if not row then return conflict('claim') end
    set[2 * i - 1] = ids[i]
    set[2 * i] = leases[i] .. sub(row, 18 + struct.unpack('>I4', row, 14))
  end
  claimed[g] = rows
  writes[g] = set
end
for g, c in ipairs(p[5]) do call('HSET', c[1], unpack(writes[g])) end
for _, b in ipairs(p[6]) do call('ZREM', b[1], unpack(b[2])) end
local steps = {}
for i, s in ipairs(p[7]) do
  steps[2 * i - 1] = call('LRANGE', s[1], 0, -1)
  steps[2 * i] = steps[2 * i - 1][1] and call('HGETALL', s[2]) or {}
end

-- Twins: of each identity the task that succeeded last (16 bytes of id, 8 of the time of
-- its end, zeros for none), and the ids of those in flight.
local nobody = string.rep('\0', 24)
local function without(twins, id)
  for at = 25, #twins, 16 do
    if sub(twins, at, at + 15) == id then return sub(twins, 1, at - 1) .. sub(twins, at + 16) end
  end
  return twins
end
for _, t in ipairs(p[8]) do
  local key, identities = t[1], t[2]
  local found, now = call('HMGET', key, unpack(identities)), {}
  for i, identity in ipairs(identities) do
    local twins, what, id = now[identity] or found[i] or nobody, t[3][i], t[4][i]
    if what == 'new' then
      twins = twins .. id
    else
      twins = without(twins, id)
      if what == 'succeeded' and struct.unpack('>I8', t[5][i]) >= struct.unpack('>I8', twins, 17) then
        twins = id .. t[5][i] .. sub(twins, 25)
      elseif what == 'deleted' and sub(twins, 1, 16) == id then
        twins = nobody .. sub(twins, 25)
      end
    end
    now[identity] = twins
  end
  for identity, twins in pairs(now) do
    if twins == nobody then
      call('HDEL', key, identity)
    else
      call('HSET', key, identity, twins)
    end
  end
end

-- Conversations: a node counts what refers to it, and a message the nodes that hold it.
local function nodes(hash) return KEYS[#KEYS - 128 + string.byte(hash) % 64 + 1] end
local none = string.rep('\0', 32)
for _, n in ipairs(p[9]) do
  if call('HSETNX', n[1], n[2], n[3]) == 1 then
    local parent, content = sub(n[3], 1, 32), sub(n[3], 33)
    if parent ~= none then call('HINCRBY', nodes(parent), parent .. 'r', 1) end
    call('HSETNX', n[4], content, n[5])
    call('HINCRBY', n[4], content .. 'r', 1)
  end
end
for i = 1, #p[10], 2 do call('HINCRBY', p[10][i], p[10][i + 1] .. 'r', 1) end

-- Steps that go: what they refer to is for sweep.lua. Their keys go by commands.
for i = 2, #p[14] do
  for _, step in ipairs(call('LRANGE', p[14][i], 0, -1)) do
    local head = sub(step, 1, 32)
    if head ~= none then call('RPUSH', p[14][1], head) end
  end
end

for _, c in ipairs(p[11]) do call(unpack(c)) end

if p[12][1] then
  local s = p[13]
  for _, e in ipairs(p[12]) do
    call('XADD', s[2], 'MAXLEN', '~', s[3], string.format('%.0f-0', call('HINCRBY', s[1], 'happened', 1)), 'e', e)
  end
  call('PEXPIRE', s[2], s[4])
end

return {1, time[1], time[2], claimed, steps}
