-- Takes in how a call went.
--
-- KEYS[1]  see board.lua
-- ARGV[1]  good, answered, sick, unanswered (a sick refund), refusal,
--          credentials or nothing
-- ARGV[2]  the token of the Enter that let the call through; empty: not said,
--          and then a trial call that is under way is taken to be this one
-- ARGV[3]  detail, for people
-- ARGV[4]  the refusal's code
-- Returns  1

local kind, token, detail, code = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- Once a second is exact enough for people and for "lately", and spares Redis a
-- write, which may be a disk sync, per good call.
local worked = kind == 'good' or kind == 'answered'
if worked and left(number('last_good'), FRESH) == 0 then set('last_good', now) end
if not worked and kind ~= 'nothing' then set('failed', now) end

-- count takes a call into the runs of failures, and pauses where one is full.
local function count()
  if kind == 'good' then
    unset('sick', 'unanswered', 'refused', 'refused_code')
  elseif kind == 'answered' then
    -- A lookup that works says nothing of refunds that get no answer.
    if not state.unanswered then unset('sick') end
  elseif kind == 'sick' or kind == 'unanswered' then
    -- Says nothing about refusals: their run goes on.
    set('sick', number('sick') + 1)
    if kind == 'unanswered' then set('unanswered', '1') end
    if number('sick') >= SICK_LIMIT then pause('health', detail) end
  elseif kind == 'refusal' then
    unset('sick', 'unanswered') -- the provider answers
    set('refused', state.refused_code == code and number('refused') + 1 or 1)
    set('refused_code', code)
    if number('refused') >= REFUSAL_LIMIT then pause('health', detail, code) end
  elseif kind == 'credentials' then
    pause('credentials', detail)
  end
end

if not state.reason then
  count()
  return 1
end
if state.reason == 'operator' then return 1 end

-- An answer proves that a provider that gave none is back, whatever it says. It
-- does not end a pause for refusals or credentials unless it is a good one.
local replied = kind == 'refusal' and state.reason == 'health' and not state.code
local looked_up = kind == 'answered' and not state.refund_only
if kind == 'good' or replied or looked_up then
  resume()
  count()
  return 1
end

-- Calls that were under way when the pause began end now, and say nothing new;
-- only the trial call moves the next one. If it was not made, somebody else may
-- make one at once.
if state.lease and (token == state.lease or token == '') then
  unset('lease', 'leased', 'lease_for')
  if kind ~= 'nothing' and kind ~= 'answered' then
    set('step', math.min(number('step') * 2, LAST_STEP))
    set('tried', now)
    if state.reason == 'health' then set('detail', detail) end
    if state.code and kind == 'refusal' then set('code', code) end
  end
end
if kind == 'credentials' then pause('credentials', detail) end
return 1
