-- Opens the book for one transaction, if nobody else has it open, and reads what
-- most transactions with the book need.
--
-- KEYS     lock, book, pages, written, posts, interest, wakes, leases
-- ARGV[1]  the token of the transaction, or '' to read without the lock
-- ARGV[2]  for how many milliseconds it may have the book open
-- ARGV[3]  the version after which pages are wanted, 0 for all
-- ARGV[4]  how many posts to read at once
--
-- It answers {0, milliseconds} if the book is open, for so long at most; else {1, seconds, microseconds,
-- interest, version, times opened, pages, posts, first wake, first lease}. pages is keys and
-- values in turns; the value of a page that was deleted is false.

local call = redis.call
local time = call('TIME')
if ARGV[1] ~= '' and not call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  if call('GET', KEYS[1]) ~= ARGV[1] then return {0, call('PTTL', KEYS[1])} end
  call('PEXPIRE', KEYS[1], ARGV[2])
end

local pages = {}
if ARGV[3] == '0' then
  pages = call('HGETALL', KEYS[3])
else
  local keys = call('ZRANGE', KEYS[4], '(' .. ARGV[3], '+inf', 'BYSCORE')
  for from = 1, #keys, 1000 do
    local values = call('HMGET', KEYS[3], unpack(keys, from, math.min(from + 999, #keys)))
    for i, value in ipairs(values) do
      pages[#pages + 1] = keys[from + i - 1]
      pages[#pages + 1] = value
    end
  end
end

local function first(key) return call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or false end
local book = call('HMGET', KEYS[2], 'version', 'opened')
return {1, time[1], time[2], call('GET', KEYS[6]), book[1], book[2], pages,
  call('LRANGE', KEYS[5], 0, ARGV[4] - 1), first(KEYS[7]), first(KEYS[8])}
