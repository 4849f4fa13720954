-- What the scripts of queues share. KEYS: meta, jobs, ready, delayed, leased, records, dead (the last five one group's).
-- meta: s the last id, b bytes, id -> groups that still have it. records: id -> attempts, priority, born, reason.
local META, JOBS, READY, DELAYED, LEASED, RECORDS, DEAD = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function num(n) return string.format('%.0f', n) end

-- Any step may make a key that was not there, which without this would outlive the others, and its ids come again.
local function keep(life)
    for _, key in ipairs(KEYS) do
        if redis.call('PTTL', key) < life then redis.call('PEXPIRE', key, life) end
    end
end

local function record(id)
    local attempts, priority, born, reason = string.match(redis.call('HGET', RECORDS, id), '^(%d+) (%d+) (%d+) ?(.*)$')
    return tonumber(attempts), tonumber(priority), born, reason
end

local function note(id, attempts, priority, born, reason)
    redis.call('HSET', RECORDS, id, num(attempts) .. ' ' .. num(priority) .. ' ' .. born .. ' ' .. (reason or ''))
end

-- Higher priorities first, then the older.
local function ready(id, priority)
    redis.call('ZADD', READY, num((9 - priority) * 17592186044416 + tonumber(id)), id)
end

local function forget(id)
    redis.call('HDEL', RECORDS, id)
    if redis.call('HINCRBY', META, id, -1) <= 0 then
        redis.call('HDEL', META, id)
        redis.call('HINCRBY', META, 'b', 0 - redis.call('HSTRLEN', JOBS, id))
        redis.call('HDEL', JOBS, id)
    end
end

local function bury(id, attempts, priority, born, reason, most)
    note(id, attempts, priority, born, reason)
    redis.call('ZADD', DEAD, num(now), id)
    while redis.call('ZCARD', DEAD) > most do
        forget(redis.call('ZPOPMIN', DEAD)[1])
    end
end

local function again(id, wait, attempts_most, backoff_min, backoff_max, dead_most)
    local attempts, priority, born = record(id)
    if attempts >= attempts_most then
        bury(id, attempts, priority, born, 'attempts', dead_most)
        return
    end
    wait = wait or math.min(backoff_max, backoff_min * 2 ^ math.min(attempts - 1, 30))
    if wait > 0 then
        redis.call('ZADD', DELAYED, num(now + wait), id)
    else
        ready(id, priority)
    end
end

-- True: the lease was this one, and is no more.
local function release(id, attempt)
    if not redis.call('ZSCORE', LEASED, id) then return false end
    local attempts = record(id)
    return attempts == tonumber(attempt) and redis.call('ZREM', LEASED, id) == 1
end

-- What has waited or was held for long enough goes on. Returns how many.
local function bring_due(attempts_most, backoff_min, backoff_max, dead_most)
    local leased = redis.call('ZRANGEBYSCORE', LEASED, '-inf', num(now), 'LIMIT', 0, 100)
    for _, id in ipairs(leased) do
        redis.call('ZREM', LEASED, id)
        again(id, nil, attempts_most, backoff_min, backoff_max, dead_most)
    end
    local delayed = redis.call('ZRANGEBYSCORE', DELAYED, '-inf', num(now), 'LIMIT', 0, 100)
    for _, id in ipairs(delayed) do
        redis.call('ZREM', DELAYED, id)
        local _, priority = record(id)
        ready(id, priority)
    end
    return #leased + #delayed
end
