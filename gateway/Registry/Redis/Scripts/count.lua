-- Counts connections of users and devices over all gateways.
-- KEYS: one hash for each (gateway -> "count expiry"). ARGV: gateway, ttl in ms, then for each key its count here and the fleet's limit (0: none)
-- Answers 1 for each key that has room and was noted, 0 for each that has none and was left as it is.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local gateway, ttl = ARGV[1], tonumber(ARGV[2])
local answer = {}
for i, key in ipairs(KEYS) do
  local count, limit, others = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2]), 0
  local all = redis.call('HGETALL', key)
  for j = 1, #all, 2 do
    local held, expiry = string.match(all[j + 1], '^(%d+) (%d+)$')
    if not expiry or tonumber(expiry) <= now then
      redis.call('HDEL', key, all[j])
    elseif all[j] ~= gateway then
      others = others + held
    end
  end
  if limit > 0 and others + count > limit then
    answer[i] = 0
  else
    if count > 0 then
      redis.call('HSET', key, gateway, string.format('%.0f %.0f', count, now + ttl))
      -- Longer, never shorter: others may live by a longer time.
      if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
    else
      redis.call('HDEL', key, gateway)
    end
    answer[i] = 1
  end
end
return answer
