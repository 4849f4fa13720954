-- Notes that a connection is in a channel for some time.
-- ARGV: client, what is known, for how many ms
local known = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], string.format('%.0f', now + tonumber(ARGV[3])), ARGV[1])
if not known or user_of(known) ~= user_of(ARGV[2]) then
    if known then
        count(user_of(known), -1)
    end
    count(user_of(ARGV[2]), 1)
end
for _, key in ipairs(KEYS) do
    if redis.call('PTTL', key) < tonumber(ARGV[3]) then
        redis.call('PEXPIRE', key, ARGV[3])
    end
end
return 1
