-- Gives a stream a new epoch, once: some of what was delivered of the old one is not in it.
-- KEYS: meta, stream. ARGV: the old epoch, the new one.
if redis.call('HGET', KEYS[1], 'e') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'e', ARGV[2])
redis.call('HDEL', KEYS[1], 'o', 'b')
redis.call('DEL', KEYS[2])
return 1
