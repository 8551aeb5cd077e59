-- Closes the book of a transaction that has changed nothing.
--
-- KEYS[1]  main
-- ARGV[1]  the token of the transaction

if redis.call('HGET', KEYS[1], 'lock') == ARGV[1] then return redis.call('HDEL', KEYS[1], 'lock') end
return 0
