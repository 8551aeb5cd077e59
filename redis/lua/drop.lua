-- Removes payloads of tasks that were not added after all.
--
-- KEYS  the rows and the payloads of a bucket
-- ARGV  ids

for _, id in ipairs(ARGV) do
  if redis.call('HEXISTS', KEYS[1], id) == 0 then redis.call('HDEL', KEYS[2], id) end
end
return 0
