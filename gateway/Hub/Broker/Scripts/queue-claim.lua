-- Takes jobs. ARGV: count, lease in ms, most attempts, first and longest backoff in ms, a job's life in ms, most dead letters, life of the keys in ms,
--       bytes after which no more is taken
-- Returns {ms until something is due or -1, then id, attempt, payload of each}.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASED, '-inf', num(now), 'LIMIT', 0, 100)) do
    redis.call('ZREM', LEASED, id)
    again(id, nil, tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[7]))
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', DELAYED, '-inf', num(now), 'LIMIT', 0, 100)) do
    redis.call('ZREM', DELAYED, id)
    local _, priority = record(id)
    ready(id, priority)
end

local result, bytes = {0}, 0
for _ = 1, 1000 do
    if #result > 3 * tonumber(ARGV[1]) or bytes >= tonumber(ARGV[9]) then break end
    local id = redis.call('ZPOPMIN', READY)[1]
    if not id then break end
    local attempts, priority, born = record(id)
    if now - tonumber(born) >= tonumber(ARGV[6]) then
        bury(id, attempts, priority, born, 'expired', tonumber(ARGV[7]))
    else
        note(id, attempts + 1, priority, born)
        redis.call('ZADD', LEASED, num(now + tonumber(ARGV[2])), id)
        result[#result + 1] = id
        result[#result + 1] = attempts + 1
        local payload = redis.call('HGET', JOBS, id)
        result[#result + 1] = payload
        bytes = bytes + #(payload or '')
    end
end

local due = -1
for _, key in ipairs({LEASED, DELAYED}) do
    local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
    if first then
        local wait = math.max(0, tonumber(first) - now)
        if due < 0 or wait < due then due = wait end
    end
end
result[1] = due
keep(tonumber(ARGV[8]))
return result
