-- Gives a gateway a share of a limit: LeaseTable.cs in Redis's own language; read the reasons there.
-- KEYS: shares (hash: gateway -> "held expiry short generation sequence"; "#" -> when it began)
-- ARGV: name, generation, total, held, want, need, even, ttl in ms, settle in ms, sequence
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local name, generation, total, sequence = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[10])

local opened, others, lacking, holders, later = nil, 0, 0, 1, false
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if all[i] == '#' then
    opened = tonumber(all[i + 1])
  else
    local held, expiry, short, owner, last = string.match(all[i + 1], '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
    if tonumber(expiry) <= now then
      redis.call('HDEL', KEYS[1], all[i])
    elseif all[i] ~= name then
      others, lacking, holders = others + held, lacking + short, holders + 1
    elseif tonumber(owner) > generation or (tonumber(owner) == generation and tonumber(last) > sequence) then
      later = true
    end
  end
end
if later then return {0, others, 0, holders} end
if not opened then
  opened = now
  redis.call('HSET', KEYS[1], '#', string.format('%.0f', now))
end

local most = total
if now - opened < tonumber(ARGV[9]) then most = math.max(tonumber(ARGV[4]), tonumber(ARGV[7])) end
local granted = math.max(0, math.min(tonumber(ARGV[5]), most, total - others))
local short = math.max(0, tonumber(ARGV[6]) - granted)
redis.call('HSET', KEYS[1], name, string.format('%.0f %.0f %.0f %s %s', granted, now + ARGV[8], short, ARGV[2], ARGV[10]))
if redis.call('PTTL', KEYS[1]) < ARGV[8] * 2 then redis.call('PEXPIRE', KEYS[1], ARGV[8] * 2) end
return {granted, others, lacking, holders}
