-- Publishes to a channel: offset, entry in the stream and message to subscribers in one step.
-- KEYS: meta, stream, known result of the idempotency key (only where there is one)
-- ARGV: payload, publications kept (0: none), their life in ms, the meta's, an epoch in case there is none,
--       where subscribers are, PUBLISH or SPUBLISH, head of a message without history, life of the key in ms,
--       the run_id of this server, zeros where it is not known
-- Returns {offset, epoch, 1 where the key was known}.
if KEYS[3] then
    local known = redis.call('GET', KEYS[3])
    if known then
        local offset, epoch = string.match(known, '^(%d+):(.*)$')
        return {offset, epoch, 1}
    end
end

local offset, epoch, head = '0', '', ARGV[8]
if ARGV[2] ~= '0' then
    local top = redis.call('HINCRBY', KEYS[1], 's', 1)
    offset = string.format('%.0f', top)
    local life
    epoch, life = unpack(redis.call('HMGET', KEYS[1], 'e', 'r'))
    if top == 1 then
        -- Whatever stream there is, is one whose meta was lost or has expired, unless it was read before the first publication.
        redis.call('DEL', KEYS[2])
    end
    if not epoch then
        epoch = ARGV[5]
        redis.call('HSET', KEYS[1], 'e', epoch, 'r', ARGV[10])
    elseif life ~= ARGV[10] and ARGV[10] ~= string.rep('0', 40) then
        if life and life ~= string.rep('0', 40) then
            -- What the server before this one, or this one before it was started again, was told last may be lost here, and its offsets come again.
            -- Who was no farther than this one goes on from the old epoch.
            redis.call('HSET', KEYS[1], 'o', epoch, 'b', string.format('%.0f', top - 1), 'e', ARGV[5])
            epoch = ARGV[5]
        end
        redis.call('HSET', KEYS[1], 'r', ARGV[10])
    end
    redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[2], offset .. '-0', 'd', ARGV[1])
    redis.call('PEXPIRE', KEYS[2], ARGV[3])
    if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then
        redis.call('PEXPIRE', KEYS[1], ARGV[4])
    end
    head = 'p' .. offset .. ':' .. epoch .. ':'
end

if KEYS[3] then
    redis.call('SET', KEYS[3], offset .. ':' .. epoch, 'PX', ARGV[9])
end

redis.call(ARGV[7], ARGV[6], head .. ARGV[1])
return {offset, epoch, 0}
