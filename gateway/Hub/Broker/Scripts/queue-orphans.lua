-- Lets go of jobs that no group has: those that had them are in the config no more, or the keys of those have ended. KEYS: meta, jobs, then each group's records.
-- ARGV: where to go on, how many to look at
-- Returns {where to go on the next time, how many are gone}.
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local gone = 0
for i = 1, #page[2], 2 do
    local id = page[2][i]
    local wanted = not tonumber(id)
    for group = 3, #KEYS do
        wanted = wanted or redis.call('HEXISTS', KEYS[group], id) == 1
    end
    if not wanted and redis.call('HDEL', KEYS[1], id) == 1 then
        redis.call('HINCRBY', KEYS[1], 'b', 0 - redis.call('HSTRLEN', KEYS[2], id))
        redis.call('HDEL', KEYS[2], id)
        gone = gone + 1
    end
end
return {page[1], gone}
