-- Who owns it. KEYS: owner, expiries, generations. Answers {name, generation, fence, detail}, or nothing.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local owner = redis.call('HMGET', KEYS[1], 'g', 'n', 'f', 'd')
if not owner[1] then return {} end
local expiry = redis.call('ZSCORE', KEYS[2], owner[1])
if not expiry or tonumber(expiry) <= now or redis.call('HGET', KEYS[3], owner[1]) ~= owner[2] then return {} end
return owner
