-- Prolongs an ownership. KEYS: owner, expiries, generations. ARGV: name, generation, fence, ttl in ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not expiry or tonumber(expiry) <= now or redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return 0 end
if redis.call('HGET', KEYS[1], 'f') ~= ARGV[3] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[4])
