-- Opens the book for one transaction, if nobody else has it open, and reads what
-- most transactions with the book need.
--
-- KEYS     main, pages, written, gone, posts, wakes, leases; then bins
-- ARGV[1]  the token of the transaction, or '' to read without opening
-- ARGV[2]  for how many milliseconds it may have the book open
-- ARGV[3]  the version after which pages are wanted, 0 for all
-- ARGV[4]  how many posts to read at once
-- ARGV[5]  and on: the last rank to read of each bin
--
-- It answers {0, milliseconds} if the book is open, for so long at most; else {1, seconds, microseconds,
-- interest, until when, version, times opened, whether all pages follow, pages, posts, first
-- wake, first lease, members of the first bin...}. pages is keys and values in turns; the value
-- of a page that was deleted is false. All pages follow if some that were deleted since then are
-- forgotten.

local call = redis.call
local time = call('TIME')
local main = call('HMGET', KEYS[1], 'interest', 'interested', 'version', 'opened', 'lock', 'locked', 'forgotten')
if ARGV[1] ~= '' then
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  if main[5] and main[5] ~= '' and main[5] ~= ARGV[1] and tonumber(main[6]) > now then
    return {0, tonumber(main[6]) - now}
  end
  call('HSET', KEYS[1], 'lock', ARGV[1], 'locked', string.format('%.0f', now + ARGV[2]))
end

local pages = {}
local whole = ARGV[3] == '0' or main[7] and tonumber(ARGV[3]) < tonumber(main[7])
if whole then
  pages = call('HGETALL', KEYS[2])
elseif main[3] ~= ARGV[3] then
  for _, key in ipairs(call('ZRANGE', KEYS[4], '(' .. ARGV[3], '+inf', 'BYSCORE')) do
    pages[#pages + 1] = key
    pages[#pages + 1] = false
  end
  local keys = call('ZRANGE', KEYS[3], '(' .. ARGV[3], '+inf', 'BYSCORE')
  for from = 1, #keys, 1000 do
    local values = call('HMGET', KEYS[2], unpack(keys, from, math.min(from + 999, #keys)))
    for i, value in ipairs(values) do
      pages[#pages + 1] = keys[from + i - 1]
      pages[#pages + 1] = value
    end
  end
end

local function first(key) return call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or false end
local answer = {1, time[1], time[2], main[1], main[2], main[3], main[4], whole and 1 or 0, pages,
  call('LRANGE', KEYS[5], 0, ARGV[4] - 1), first(KEYS[6]), first(KEYS[7])}
for i = 8, #KEYS do answer[i + 5] = call('ZRANGE', KEYS[i], 0, ARGV[i - 3]) end
return answer
