-- Takes one slot, if there is one within the time that the caller would wait. HORIZON,
-- MAX_WAIT and MAX_PENALTY are those of the Go package, in microseconds.
--
-- KEYS[1]  see state.lua
-- ARGV[1]  microseconds between two calls; 0 for no limit
-- ARGV[2]  burst, at least 1
-- ARGV[3]  the longest wait for a slot, in microseconds
-- ARGV[4]  how long the caller takes to get ready, in microseconds, at most ARGV[3]:
--          a slot begins no sooner
-- Returns  {1, w, w, t}: a slot is reserved; it begins in w microseconds
--          {0, w, r, t}: nothing is reserved; the next slot begins in w, and the
--                        caller should come back in r: ARGV[3] before the slot
--                        that is reckoned to be its own, at most w + HORIZON,
--                        or after a penalty, without a limit
--          t is the server's time, in microseconds since 1970

local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local longest = tonumber(ARGV[3])

-- Nothing lies further ahead than the rules allow: it can only after the
-- server's clock was set back, or after the configuration was given a faster
-- limit. Neither may stop the provider until that time has come.
barred = math.min(barred, now + MAX_PENALTY)
local base = math.max(now, barred)
tat = math.min(tat, base + burst * interval + MAX_WAIT)
queue = math.min(queue, base + HORIZON + interval + MAX_WAIT)

-- No limit: only a penalty can be in the way, and nothing is written.
if interval == 0 then
  local wait = base - now
  if wait <= longest then return {1, wait, wait, now} end
  return {0, wait, wait, now}
end

-- A penalty ends with one slot and not with a burst: the provider has just
-- said that it was too much.
local ahead = (burst - 1) * interval
-- Who needs longer may be given a later slot before another gets an earlier one. In
-- no window there are more for that: the last one given of those in it lies behind
-- the first one given, by an interval for each but the burst.
local soonest = now + tonumber(ARGV[4])
tat = math.max(tat, soonest, barred > 0 and barred + ahead or 0)
local slot = math.max(tat - ahead, soonest)

if slot - now <= longest then
  tat = tat + interval
  save(0)
  return {1, slot - now, slot - now, now}
end

-- Those turned away are told times one interval apart, so that they find a slot
-- each when they come back, instead of all coming for the same one.
local turn = math.max(queue, slot)
if turn - slot < HORIZON then
  queue = turn + interval
  save(0)
else
  turn = slot + HORIZON
end
return {0, slot - now, turn - now - longest, now}
