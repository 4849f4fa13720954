-- Reads a channel's stream.
-- KEYS: meta, stream
-- ARGV: offset to read from or '', its epoch or '', publications at most (-1: all), 1 for the newest first, life of the meta in ms,
--       an epoch in case there is none, the run_id of this server, zeros where it is not known
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

local since = tonumber(ARGV[1])
local call
if ARGV[4] == '1' then
    if since and since <= 1 then
        return {top, epoch, 0, {}}
    end
    call = {'XREVRANGE', KEYS[2], since and string.format('%.0f-0', since - 1) or '+', '-'}
else
    call = {'XRANGE', KEYS[2], since and string.format('%.0f-0', since + 1) or '-', '+'}
end
if ARGV[3] ~= '-1' then
    call[5], call[6] = 'COUNT', ARGV[3]
end

local entries = {}
for i, entry in ipairs(redis.call(unpack(call))) do
    entries[2 * i - 1] = string.match(entry[1], '^%d+')
    entries[2 * i] = entry[2][2]
end
return {top, epoch, 0, entries}
