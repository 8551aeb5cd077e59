-- Says which events a watcher is interested in, and makes the union over all
-- watchers what transactions read.
--
-- KEYS     watchers, main
-- ARGV[1]  the watcher
-- ARGV[2]  the types, as a number; 0 for none
-- ARGV[3]  for how many milliseconds

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local til = now + ARGV[3]
if ARGV[2] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':' .. string.format('%.0f', til))
end

local all, last = 0, 0
local watchers = redis.call('HGETALL', KEYS[1])
for i = 1, #watchers, 2 do
  local types, til = string.match(watchers[i + 1], '(%d+):(%d+)')
  if tonumber(til) <= now then
    redis.call('HDEL', KEYS[1], watchers[i])
  else
    all, last = bit.bor(all, types), math.max(last, til)
  end
end
return redis.call('HSET', KEYS[2], 'interest', string.format('%d', all), 'interested', string.format('%.0f', last))
