-- Every gateway that is there. KEYS: records, expiries, generations. ARGV: most gateways
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local records, generations = {}, {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. string.format('%.0f', now), '+inf', 'LIMIT', 0, ARGV[1])) do
  local record, generation = redis.call('HGET', KEYS[1], name), redis.call('HGET', KEYS[3], name)
  if record and generation then
    records[#records + 1] = name
    records[#records + 1] = record
    generations[#generations + 1] = name
    generations[#generations + 1] = generation
  end
end
return {1, '0', records, generations}
