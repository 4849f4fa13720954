-- KEYS: owner. ARGV: fence
if redis.call('HGET', KEYS[1], 'f') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
