-- How the provider stands; writes nothing.
--
-- KEYS[1]  see board.lua
-- Returns  {reason, detail, code, by, resumed_by, since, next trial call,
--          resumed, last good, probing, ramping, sick, refused, paused_for}:
--          five texts, then whole numbers; times are microseconds since 1970,
--          0 where there is none

local due = 0
if state.reason and state.reason ~= 'operator' then due = now + left(number('tried'), number('step')) end
local ramping = not state.reason and left(number('resumed'), RAMP_SECONDS * 1e6) > 0
return {
  state.reason or '', state.detail or '', state.code or '', state.by or '', state.resumed_by or '',
  number('since'), due, number('resumed'), number('last_good'), probing() and 1 or 0, ramping and 1 or 0,
  number('sick'), number('refused'), paused_for(),
}
