-- What the scripts of presence share. KEYS: what is known by client, expiry by client, connections by user.
-- The last also has in '' how many connections it counts, and in 't' when they were counted; users are behind a 'u'. Gateways of older versions
-- do not keep it, and a server may evict it alone: it is counted anew where it counts others than there are, and every ten minutes.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- The user's length in one byte, the user, and what is shown.
local function user_of(known) return 'u' .. string.sub(known, 2, 1 + string.byte(known, 1)) end

local function count(user, by)
    redis.call('HINCRBY', KEYS[3], '', by)
    if redis.call('HINCRBY', KEYS[3], user, by) <= 0 then
        redis.call('HDEL', KEYS[3], user)
    end
end

local function forget(client)
    local known = redis.call('HGET', KEYS[1], client)
    redis.call('ZREM', KEYS[2], client)
    if known then
        redis.call('HDEL', KEYS[1], client)
        count(user_of(known), -1)
    end
end
