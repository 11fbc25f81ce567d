-- One attempt at KEYS[1]. ARGV: how many a minute. Returns: allowed (1 or 0), how many are left, milliseconds to wait.
-- The value is the "theoretical arrival time" of GCRA in microseconds: when all of the limit is there again.
-- Redis' own clock, so that servers need not agree on the time.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local limit = tonumber(ARGV[1])
local interval = math.max(math.floor(60000000 / limit), 1)
local burst = interval * limit
local full_at = tonumber(redis.call('GET', KEYS[1]) or now)
-- Never further away than a whole burst, should the clock be set back or the limit be changed.
full_at = math.min(math.max(full_at, now), now + burst) + interval
local used = full_at - now
if used > burst then
    return {0, 0, math.ceil((used - burst) / 1000)}
end
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil(used / 1000))
return {1, math.floor((burst - used) / interval), 0}
