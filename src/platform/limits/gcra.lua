-- One attempt at each of KEYS, up to the first that is refused. ARGV, three for each key: how many, in how many
-- microseconds, and whether it counts (1) or only looks (0). Returns: which was refused (0: none) and for how many
-- microseconds, then how many are left of each that was not.
-- The value is the "theoretical arrival time" of GCRA in microseconds: when all of the limit is there again.
-- Redis' own clock, so that servers need not agree on the time.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local left = {}
local known = redis.call('MGET', unpack(KEYS))
for n, key in ipairs(KEYS) do
    local limit = tonumber(ARGV[3 * n - 2])
    local interval = math.max(math.floor(tonumber(ARGV[3 * n - 1]) / limit), 1)
    local burst = interval * limit
    local full_at = tonumber(known[n] or now)
    -- Never further away than a whole burst, should the clock be set back or the limit be changed.
    full_at = math.min(math.max(full_at, now), now + burst) + interval
    local used = full_at - now
    if used > burst then
        return {n, used - burst, left}
    end
    local remaining = math.floor((burst - used) / interval)
    if ARGV[3 * n] == '1' then
        redis.call('SET', key, string.format('%.0f', full_at), 'PX', math.ceil(used / 1000))
        left[n] = remaining
    else
        left[n] = remaining + 1
    end
end
return {0, 0, left}
