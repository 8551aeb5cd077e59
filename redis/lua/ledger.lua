-- Reads pages of the ledger at one moment, hour by hour, until it has read enough.
--
-- KEYS     for each hour the pages of each kind
-- ARGV[1]  how many kinds there are
-- ARGV[2]  after how many bytes it stops, at the end of an hour
--
-- It answers for each key that it has read the numbers and the pages in turns.

local answer, bytes = {}, 0
local kinds, most = tonumber(ARGV[1]), tonumber(ARGV[2])
for i, key in ipairs(KEYS) do
  local pages = redis.call('HGETALL', key)
  for n = 2, #pages, 2 do bytes = bytes + #pages[n] end
  answer[i] = pages
  if i % kinds == 0 and bytes >= most then break end
end
return answer
