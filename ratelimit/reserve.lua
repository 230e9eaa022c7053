-- Takes one slot, if there is one within the time that the caller would wait.
--
-- KEYS[1]  see state.lua
-- ARGV[1]  microseconds between two calls; 0 for no limit
-- ARGV[2]  burst, at least 1
-- ARGV[3]  the longest wait for a slot, in microseconds
-- ARGV[4]  how far past the next slot those turned away are spread, in microseconds
-- ARGV[5]  the most that any caller's ARGV[3] can be
-- ARGV[6]  the longest penalty
-- ARGV[7]  how long the caller takes to get ready, in microseconds, at most ARGV[3]:
--          a slot begins no sooner
-- Returns  {1, w, w, t}: a slot is reserved; it begins in w microseconds
--          {0, w, r, t}: nothing is reserved; the next slot begins in w, and the
--                        caller should come back in r: ARGV[3] before the slot
--                        that is reckoned to be its own, at most w + ARGV[4],
--                        or after a penalty, without a limit
--          t is the server's time, in microseconds since 1970

local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local longest, horizon = tonumber(ARGV[3]), tonumber(ARGV[4])

-- Nothing lies further ahead than the rules allow: it can only after the
-- server's clock was set back, or after the configuration was given a faster
-- limit. Neither may stop the provider until that time has come.
barred = math.min(barred, now + tonumber(ARGV[6]))
local base = math.max(now, barred)
tat = math.min(tat, base + burst * interval + tonumber(ARGV[5]))
queue = math.min(queue, base + horizon + interval + tonumber(ARGV[5]))

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
local soonest = now + tonumber(ARGV[7])
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
if turn - slot < horizon then
  queue = turn + interval
  save(0)
else
  turn = slot + horizon
end
return {0, slot - now, turn - now - longest, now}
