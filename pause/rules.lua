-- The clock and the figures of the rules; put before all else. time is what TIME
-- answered.
--
-- Waits are kept as a beginning and a length, and count only while the
-- beginning lies in the past: a clock that was set back (or a replica with
-- another clock took over) ends a wait rather than prolongs it.

local SICK_LIMIT, REFUSAL_LIMIT = 5, 20
local FIRST_STEP, LAST_STEP = 1e6, 30e6
local RAMP_SECONDS, RELAPSE = 6, 120e6
local FRESH, WARY = 1e6, 10e6

local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- left is how much of a wait remains.
local function left(beginning, length)
  if now < beginning then return 0 end
  return math.max(beginning + length - now, 0)
end

