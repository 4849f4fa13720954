-- Who is in a channel, or how many.
-- ARGV: 1 for how many, clients at most, bytes at most
-- Returns clients and what is known of them in turn, or 0 where that is more than may be; or {clients, different users}.
repeat
    local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now), 'LIMIT', 0, 1000)
    for _, client in ipairs(gone) do
        forget(client)
    end
until #gone == 0

if ARGV[1] ~= '1' then
    if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[2]) then
        return 0
    end
    local all, bytes = redis.call('HGETALL', KEYS[1]), 0
    for i = 2, #all, 2 do
        bytes = bytes + #all[i]
    end
    return bytes <= tonumber(ARGV[3]) and all or 0
end

local clients = redis.call('HLEN', KEYS[1])
if clients == 0 then
    redis.call('DEL', KEYS[3])
    return {0, 0}
end
local counted, at = unpack(redis.call('HMGET', KEYS[3], '', 't'))
if clients ~= tonumber(counted or '0') or now - tonumber(at or '0') > 600000 then
    redis.call('DEL', KEYS[3])
    for _, known in ipairs(redis.call('HVALS', KEYS[1])) do
        count(user_of(known), 1)
    end
    redis.call('HSET', KEYS[3], 't', string.format('%.0f', now))
    redis.call('PEXPIRE', KEYS[3], math.max(1, redis.call('PTTL', KEYS[1])))
end
return {clients, redis.call('HLEN', KEYS[3]) - 2}
