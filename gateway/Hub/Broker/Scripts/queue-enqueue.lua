-- Queues a job. KEYS: meta, jobs, the key's known id, then for each group ready, delayed, leased, records, dead.
-- ARGV: payload, priority, delay in ms, groups, most jobs, most bytes, life of the keys in ms, life of the key in ms or '',
--       where the gateways are told, PUBLISH or SPUBLISH
-- Returns {id, 1 where the key was known}; nothing where it is full.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[8] ~= '' then
    local known = redis.call('GET', KEYS[3])
    if known then return {known, 1} end
end

local bytes = tonumber(redis.call('HGET', KEYS[1], 'b') or '0')
if redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[5]) or bytes + #ARGV[1] > tonumber(ARGV[6]) then return {} end

local id = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 's', 1))
redis.call('HINCRBY', KEYS[1], 'b', #ARGV[1])
redis.call('HSET', KEYS[1], id, ARGV[4])
redis.call('HSET', KEYS[2], id, ARGV[1])
for group = 0, tonumber(ARGV[4]) - 1 do
    local ready, delayed, records = KEYS[4 + 5 * group], KEYS[5 + 5 * group], KEYS[7 + 5 * group]
    -- It ages from when it may be done.
    redis.call('HSET', records, id, '0 ' .. ARGV[2] .. ' ' .. string.format('%.0f', now + tonumber(ARGV[3])))
    if tonumber(ARGV[3]) > 0 then
        redis.call('ZADD', delayed, string.format('%.0f', now + tonumber(ARGV[3])), id)
    else
        redis.call('ZADD', ready, string.format('%.0f', (9 - tonumber(ARGV[2])) * 17592186044416 + tonumber(id)), id)
    end
end
-- Also what the groups hold and have given up, which else would end before its records where nobody of a group takes anything.
for i, key in ipairs(KEYS) do
    if i ~= 3 and redis.call('PTTL', key) < tonumber(ARGV[7]) then redis.call('PEXPIRE', key, ARGV[7]) end
end
if ARGV[8] ~= '' then redis.call('SET', KEYS[3], id, 'PX', ARGV[8]) end
redis.call(ARGV[10], ARGV[9], 'q')
return {id, 0}
