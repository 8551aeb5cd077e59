-- Removes payloads of tasks that were not added after all, and outcomes of copies.
--
-- KEYS  the rows, the payloads and the outcomes of a bucket
-- ARGV  ids

for _, id in ipairs(ARGV) do
  if redis.call('HEXISTS', KEYS[1], id) == 0 then
    redis.call('HDEL', KEYS[2], id)
    redis.call('HDEL', KEYS[3], id .. 'k')
  end
end
return 0
