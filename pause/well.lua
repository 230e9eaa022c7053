-- The answer of enter.lua for a provider that is well, which is nearly always:
-- it reads little and makes nothing of what the rest needs.
--
-- KEYS[1]  see board.lua
-- Returns  what enter.lua returns but the texts, or goes on

local seen = redis.call('HMGET', KEYS[1], 'reason', 'resumed', 'total', 'sick', 'refused', 'failed', 'last_good')
local reason, resumed, total, sick, refused, failed, last_good = unpack(seen)
if not reason and left(tonumber(resumed or 0), RAMP_SECONDS * 1e6) == 0 then
  -- How long the report of a call that works would change nothing. A provider
  -- that showed a failure lately is heard out: its next ones may come at any
  -- moment, and only what worked in between tells them from a run.
  local quiet = 0
  if not sick and not refused and left(tonumber(failed or 0), WARY) == 0 then
    quiet = left(tonumber(last_good or 0), FRESH)
  end
  return {1, 0, 0, quiet, tonumber(total or 0)}
end

