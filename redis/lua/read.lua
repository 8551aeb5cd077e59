-- Reads several things at one moment.
--
-- KEYS     every key that the program names
-- ARGV[1]  the program, as MessagePack: {command...}
--
-- It answers {seconds, microseconds, answer...}.

local time = redis.call('TIME')
local answers = {time[1], time[2]}
for i, c in ipairs(cmsgpack.unpack(ARGV[1])) do answers[i + 2] = redis.call(unpack(c)) end
return answers
