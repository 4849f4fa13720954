-- Takes jobs. ARGV: count, lease in ms, most attempts, first and longest backoff in ms, a job's life in ms, most dead letters, life of the keys in ms,
--       bytes after which no more is taken
-- Returns {ms until something is due or -1, then id, attempt, payload of each}.
bring_due(tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[7]))

local result, bytes = {0}, 0
for _ = 1, 1000 do
    if #result > 3 * tonumber(ARGV[1]) or bytes >= tonumber(ARGV[9]) then break end
    local id = redis.call('ZPOPMIN', READY)[1]
    if not id then break end
    local attempts, priority, born = record(id)
    local payload = redis.call('HGET', JOBS, id)
    if not payload then
        -- The group was none of the config's for a time, and the job has gone meanwhile.
        forget(id)
    elseif now - tonumber(born) >= tonumber(ARGV[6]) then
        bury(id, attempts, priority, born, 'expired', tonumber(ARGV[7]))
    else
        note(id, attempts + 1, priority, born)
        redis.call('ZADD', LEASED, num(now + tonumber(ARGV[2])), id)
        result[#result + 1] = id
        result[#result + 1] = attempts + 1
        result[#result + 1] = payload
        bytes = bytes + #payload
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
