-- Reads a part of a conversation, from its last message backwards.
--
-- KEYS     the keys of nodes, then those of messages
-- ARGV[1]  the hash of the last node of the part
-- ARGV[2]  how many nodes the part may have
--
-- It answers hashes, parents with contents, and messages in turns. A node that is
-- missing ends the answer; so does a message that is, with false in its place.

local parts = #KEYS / 2
local none = string.rep('\0', 32)
local found, hash = {}, ARGV[1]
for _ = 1, ARGV[2] do
  if hash == none then break end
  local node = redis.call('HGET', KEYS[string.byte(hash) % parts + 1], hash)
  if not node then break end
  local content = string.sub(node, 33)
  local message = redis.call('HGET', KEYS[parts + string.byte(content) % parts + 1], content)
  found[#found + 1] = hash
  found[#found + 1] = node
  found[#found + 1] = message
  hash = string.sub(node, 1, 32)
end
return found
