-- Closes the book of a transaction that has changed nothing, or ends its turn.
--
-- KEYS[1]  main
-- ARGV[1]  lock or turn
-- ARGV[2]  the token of the transaction

if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then return redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0
