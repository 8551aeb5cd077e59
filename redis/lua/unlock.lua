-- Closes the book of a transaction that has changed nothing.
--
-- KEYS[1]  the lock
-- ARGV[1]  the token of the transaction

if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
