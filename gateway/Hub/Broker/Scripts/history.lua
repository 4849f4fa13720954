-- Reads a channel's stream.
-- KEYS: meta, stream
-- ARGV: offset to read from or '', its epoch or '', publications at most (-1: all), 1 for the newest first, life of the meta in ms,
--       an epoch in case there is none, the run_id of this server, zeros where it is not known, bytes after which no more is given
-- Returns {top offset, epoch, 1 where the epoch asked for is another, entries}.
local epoch, top, old, began = unpack(redis.call('HMGET', KEYS[1], 'e', 's', 'o', 'b'))
if not epoch then
    epoch, top = ARGV[6], false
    redis.call('HSET', KEYS[1], 'e', epoch, 'r', ARGV[7])
    redis.call('DEL', KEYS[2])
end
top = top or '0'
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[5]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[5])
end

if ARGV[2] ~= '' and ARGV[2] ~= epoch and not (ARGV[2] == old and tonumber(ARGV[1]) <= tonumber(began)) then
    return {top, epoch, 1, {}}
end

if ARGV[3] == '0' then
    return {top, epoch, 0, {}}
end

-- In pieces, so that what is read but not given is little, however long publications are.
local piece = 16
local left = tonumber(ARGV[3])
left = left < 0 and math.huge or left
local reverse = ARGV[4] == '1'
local since = tonumber(ARGV[1])
local entries, bytes = {}, 0
local most = tonumber(ARGV[8])
repeat
    if reverse and since and since <= 1 then
        break
    end
    local count = math.min(left, piece)
    local read
    if reverse then
        read = redis.call('XREVRANGE', KEYS[2], since and string.format('%.0f-0', since - 1) or '+', '-', 'COUNT', count)
    else
        read = redis.call('XRANGE', KEYS[2], since and string.format('%.0f-0', since + 1) or '-', '+', 'COUNT', count)
    end
    for _, entry in ipairs(read) do
        if bytes >= most then
            break
        end
        local offset = string.match(entry[1], '^%d+')
        since = tonumber(offset)
        entries[#entries + 1] = offset
        entries[#entries + 1] = entry[2][2]
        bytes = bytes + #entry[2][2]
    end
    left = left - #read
until #read < count or left <= 0 or bytes >= most
return {top, epoch, 0, entries}
