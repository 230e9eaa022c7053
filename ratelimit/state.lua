-- The state of one provider's limit; put before reserve.lua and penalize.lua. time is
-- what TIME answered.
--
-- KEYS[1]  string, three numbers with a space between them; all times are
--          microseconds since 1970 by the server's clock:
--            tat    theoretical arrival time (GCRA): when the burst is whole again
--            until  nobody gets a slot before it (a penalty)
--            queue  when the next caller that is turned away should come back
--
-- A Lua number holds whole numbers up to 2^53 exactly, some 285 years of
-- microseconds; but tostring() keeps 14 digits only.

local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local tat, barred, queue = string.match(redis.call('GET', KEYS[1]) or '0 0 0', '^(%d+) (%d+) (%d+)$')
tat, barred, queue = tonumber(tat), tonumber(barred), tonumber(queue)

-- save writes the state and lets it expire `spare` after nothing of it matters.
local function save(spare)
  local last = math.max(tat, barred, queue, now)
  local ms = math.max(math.ceil((last - now + spare) / 1000), 1)
  redis.call('SET', KEYS[1], string.format('%.0f %.0f %.0f', tat, barred, queue), 'PX', string.format('%.0f', ms))
end
