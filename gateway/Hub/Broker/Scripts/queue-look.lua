-- Looks at a queue, or puts dead letters back. ARGV: what (stats, dead, redrive), count, where the gateways are told, PUBLISH or SPUBLISH, bytes at most,
-- life of the keys in ms
-- Returns {ready, delayed, leased, dead}; id, attempts, reason, payload of each; or how many.
if ARGV[1] == 'stats' then
    return {redis.call('ZCARD', READY), redis.call('ZCARD', DELAYED), redis.call('ZCARD', LEASED), redis.call('ZCARD', DEAD)}
end

local ids = redis.call('ZRANGE', DEAD, 0, tonumber(ARGV[2]) - 1)
if ARGV[1] == 'dead' then
    local result, bytes = {}, 0
    for _, id in ipairs(ids) do
        if bytes >= tonumber(ARGV[5]) then break end
        local attempts, _, _, reason = record(id)
        result[#result + 1] = id
        result[#result + 1] = attempts
        result[#result + 1] = reason
        local payload = redis.call('HGET', JOBS, id) or ''
        result[#result + 1] = payload
        bytes = bytes + #payload
    end
    return result
end

for _, id in ipairs(ids) do
    redis.call('ZREM', DEAD, id)
    local _, priority = record(id)
    note(id, 0, priority, num(now))
    ready(id, priority)
end
redis.call(ARGV[4], ARGV[3], 'q')
keep(tonumber(ARGV[6]))
return #ids
