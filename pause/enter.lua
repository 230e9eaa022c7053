-- May a call be made? Put after well.lua, which has the answer in the normal
-- state and writes nothing.
--
-- KEYS[1]  see board.lua
-- ARGV[1]  the caller's token; the same one again gets the same trial call, so
--          that a repeat after a lost reply does not lose it
-- ARGV[2]  how long a trial call may take, in microseconds
-- ARGV[3]  when to come back during an operator's pause, in microseconds
-- Returns  {open, probe, wait, quiet, paused_for, reason, detail, code}: 1 or 0,
--          1 or 0, three times microseconds, texts; quiet is for how long no
--          report is needed that the call worked

local function answer(open, probe, wait)
  return {open, probe, wait, 0, paused_for(), state.reason or '', state.detail or '', state.code or ''}
end

if state.reason == 'operator' then
  return answer(0, 0, tonumber(ARGV[3]))
end

if state.reason then
  if probing() then
    if state.lease == ARGV[1] then return answer(1, 1, 0) end
    -- If the trial call fails soon, the next one is due a step later.
    return answer(0, 0, math.min(left(number('leased'), number('lease_for')), number('step')))
  end
  local wait = left(number('tried'), number('step'))
  if wait > 0 then return answer(0, 0, wait) end
  set('lease', ARGV[1])
  set('leased', now)
  set('lease_for', tonumber(ARGV[2]))
  return answer(1, 1, 0)
end

-- Ramping up: 2^s calls in all until s seconds after the pause.
local elapsed = now - number('resumed')
local seconds = math.floor(elapsed / 1e6)
if number('ramp') >= 2 ^ seconds then
  return answer(0, 0, (seconds + 1) * 1e6 - elapsed)
end
set('ramp', number('ramp') + 1)
return answer(1, 0, 0)
