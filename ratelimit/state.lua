-- The state of one provider's limit; put before reserve.lua and penalize.lua.
--
-- KEYS[1]  hash; all times are microseconds since 1970 by the server's clock:
--            tat    theoretical arrival time (GCRA): when the burst is whole again
--            until  nobody gets a slot before it (a penalty)
--            queue  when the next caller that is turned away should come back
--
-- A Lua number holds whole numbers up to 2^53 exactly, some 285 years of
-- microseconds; but tostring() keeps 14 digits only, so text() it is.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local saved = redis.call('HMGET', KEYS[1], 'tat', 'until', 'queue')
local tat, barred, queue = tonumber(saved[1] or 0), tonumber(saved[2] or 0), tonumber(saved[3] or 0)

local function text(n) return string.format('%.0f', n) end

-- save writes the state and lets it expire `spare` after nothing of it matters.
local function save(spare)
  redis.call('HSET', KEYS[1], 'tat', text(tat), 'until', text(barred), 'queue', text(queue))
  local last = math.max(tat, barred, queue, now)
  redis.call('PEXPIRE', KEYS[1], text(math.ceil((last - now + spare) / 1000)))
end
