-- Takes the turn of those who end branches of the same tasks, if nobody has it.
--
-- KEYS[1]  main
-- ARGV[1]  the token of who takes it
-- ARGV[2]  for how many milliseconds
--
-- It answers 0, or for how many milliseconds somebody else has it at most.

local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local had = call('HMGET', KEYS[1], 'turn', 'turned')
if had[1] and had[1] ~= '' and had[1] ~= ARGV[1] and tonumber(had[2]) > now then return tonumber(had[2]) - now end
call('HSET', KEYS[1], 'turn', ARGV[1], 'turned', string.format('%.0f', now + ARGV[2]))
return 0
