-- Makes a registered gateway an owner. KEYS: owner (hash), expiries, generations, counter, since when something is remembered
-- ARGV: name, generation, force (1 or 0), ttl in ms, detail, settle in ms
-- Answers {1, name, generation, fence, detail}: owned; {0, ...}: taken, by that one; {2}: fenced; {3}: too early to say.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function alive(name, generation)
  local expiry = redis.call('ZSCORE', KEYS[2], name)
  return expiry and tonumber(expiry) > now and redis.call('HGET', KEYS[3], name) == generation
end

local name, generation = ARGV[1], ARGV[2]
if not alive(name, generation) then return {2} end

local owner = redis.call('HMGET', KEYS[1], 'g', 'n', 'f', 'd')
local fence = owner[3]
if not (owner[1] == name and owner[2] == generation) then
  if owner[1] and ARGV[3] ~= '1' and alive(owner[1], owner[2]) then
    return {0, owner[1], owner[2], owner[3], owner[4]}
  end
  -- With no memory of it so soon after the memory began, somebody may own it who has not said so again.
  if not owner[1] and now - tonumber(redis.call('GET', KEYS[5]) or '0') < tonumber(ARGV[6]) then return {3} end
  local number = time[1] * 1000000 + time[2]
  local last = tonumber(redis.call('GET', KEYS[4]) or '0')
  if number <= last then number = last + 1 end
  fence = string.format('%.0f', number)
  redis.call('SET', KEYS[4], fence, 'PX', 3600000)
end
redis.call('HSET', KEYS[1], 'g', name, 'n', generation, 'f', fence, 'd', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {1, name, generation, fence, ARGV[5]}
