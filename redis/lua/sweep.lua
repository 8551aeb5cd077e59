-- Removes messages that nothing refers to any more, a bounded number at a time.
-- What is left stays in the trash, for the next call.
--
-- KEYS     the keys of nodes, then those of messages, then the trash
-- ARGV[1]  how many nodes may be looked at
--
-- It answers how many heads of conversations are left in the trash.

local call = redis.call
local trash = KEYS[#KEYS]
local parts = (#KEYS - 1) / 2
local none = string.rep('\0', 32)

-- drop takes one reference from a node, and returns the node before it if that has
-- one less in turn.
local function drop(hash)
  local key = KEYS[string.byte(hash) % parts + 1]
  if call('HINCRBY', key, hash .. 'r', -1) > 0 then return none end
  local node = call('HGET', key, hash)
  call('HDEL', key, hash, hash .. 'r')
  if not node then return none end
  local content = string.sub(node, 33)
  local texts = KEYS[parts + string.byte(content) % parts + 1]
  if call('HINCRBY', texts, content .. 'r', -1) <= 0 then call('HDEL', texts, content, content .. 'r') end
  return string.sub(node, 1, 32)
end

local hash = none
for _ = 1, ARGV[1] do
  if hash == none then
    hash = call('LPOP', trash)
    if not hash then return 0 end
  end
  hash = drop(hash)
end
if hash ~= none then call('LPUSH', trash, hash) end
return call('LLEN', trash)
