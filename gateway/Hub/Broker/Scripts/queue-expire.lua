-- Makes dead letters of jobs that nobody has done in time, also where nobody takes any.
-- ARGV: most attempts, first and longest backoff in ms, a job's life in ms, most dead letters, life of the keys in ms
-- Returns how many it has moved: with 0 there are no more.
local moved = bring_due(tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[5]))
for rank = 0, 9 do
    -- Of one priority the first are the oldest, but for those that were put back or had to wait.
    local first, last = rank * 17592186044416, (rank + 1) * 17592186044416
    repeat
        local gone = 0
        for _, id in ipairs(redis.call('ZRANGEBYSCORE', READY, num(first), '(' .. num(last), 'LIMIT', 0, 20)) do
            local attempts, priority, born = record(id)
            if now - tonumber(born) >= tonumber(ARGV[4]) then
                redis.call('ZREM', READY, id)
                bury(id, attempts, priority, born, 'expired', tonumber(ARGV[5]))
                gone = gone + 1
            end
        end
        moved = moved + gone
    until gone == 0 or moved >= 500
end
keep(tonumber(ARGV[6]))
return moved
