-- Who is in a channel, or how many.
-- KEYS: what is known by client, expiry by client
-- ARGV: 1 for how many, clients at most, bytes at most
-- Returns clients and what is known of them in turn, or 0 where that is more than may be; or {clients, different users}.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
repeat
    local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)
    if #gone > 0 then
        redis.call('HDEL', KEYS[1], unpack(gone))
        redis.call('ZREM', KEYS[2], unpack(gone))
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

local users, seen, clients = 0, {}, redis.call('HVALS', KEYS[1])
for _, known in ipairs(clients) do
    -- The user's length in one byte, the user, and what is shown.
    local user = string.sub(known, 2, 1 + string.byte(known, 1))
    if not seen[user] then
        seen[user] = true
        users = users + 1
    end
end
return {#clients, users}
