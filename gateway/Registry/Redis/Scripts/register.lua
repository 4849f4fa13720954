-- Registers a gateway or prolongs its entry, and answers with every gateway that is there.
-- KEYS: records (hash), expiries (sorted set), generations (hash), counter, since when something is remembered
-- ARGV: name, generation, replace (1 or 0), ttl in ms, record, most gateways
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local name, generation, ttl = ARGV[1], ARGV[2], tonumber(ARGV[4])

for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)) do
  redis.call('ZREM', KEYS[2], dead)
  redis.call('HDEL', KEYS[1], dead)
  redis.call('HDEL', KEYS[3], dead)
end

local known = redis.call('HGET', KEYS[3], name)
local accepted = 1
if known and known ~= generation and ARGV[3] ~= '1' then
  accepted, generation = 0, known
else
  if not known and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[6]) then
    return redis.error_reply('FULL the fleet has ' .. ARGV[6] .. ' gateways already')
  end
  if known ~= generation then
    -- By the clock, so that a server which has lost its memory still never gives a number twice.
    local number = time[1] * 1000000 + time[2]
    local last = tonumber(redis.call('GET', KEYS[4]) or '0')
    if number <= last then number = last + 1 end
    generation = string.format('%.0f', number)
    redis.call('SET', KEYS[4], generation, 'PX', 3600000)
  end
  redis.call('ZADD', KEYS[2], string.format('%.0f', now + ttl), name)
  redis.call('HSET', KEYS[1], name, ARGV[5])
  redis.call('HSET', KEYS[3], name, generation)
  redis.call('SET', KEYS[5], string.format('%.0f', now), 'NX')
  for _, i in ipairs({1, 2, 3, 5}) do
    -- Longer, never shorter: others may live by a longer time.
    if redis.call('PTTL', KEYS[i]) < ttl * 2 then redis.call('PEXPIRE', KEYS[i], ttl * 2) end
  end
end

return {accepted, generation, redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[3])}
