-- Ends or extends a lease. ARGV: id, attempt, what (ack, reject, return, extend), delay in ms or '', lease in ms, most attempts, first and longest
-- backoff in ms, most dead letters, where the gateways are told, PUBLISH or SPUBLISH, life of the keys in ms
-- Returns 1; 0 where there is no such lease.
if not release(ARGV[1], ARGV[2]) then return 0 end
if ARGV[3] == 'ack' then
    forget(ARGV[1])
elseif ARGV[3] == 'extend' then
    redis.call('ZADD', LEASED, num(now + tonumber(ARGV[5])), ARGV[1])
elseif ARGV[3] == 'return' then
    local attempts, priority, born = record(ARGV[1])
    note(ARGV[1], attempts - 1, priority, born)
    ready(ARGV[1], priority)
    redis.call(ARGV[11], ARGV[10], 'q')
else
    again(ARGV[1], ARGV[4] ~= '' and tonumber(ARGV[4]) or nil, tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]))
    redis.call(ARGV[11], ARGV[10], 'q')
end
keep(tonumber(ARGV[12]))
return 1
