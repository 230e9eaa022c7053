-- Takes in how a call went.
--
-- KEYS[1]  see board.lua
-- ARGV[1]  good, sick, refusal, credentials or nothing
-- ARGV[2]  the token of the Enter that let the call through; empty: not said,
--          and then a trial call that is under way is taken to be this one
-- ARGV[3]  detail, for people
-- ARGV[4]  the refusal's code
-- Returns  1

local kind, token, detail, code = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- Once a second is exact enough for people and for "lately", and spares Redis a
-- write, which may be a disk sync, per good call.
if kind == 'good' and left(number('last_good'), 1e6) == 0 then set('last_good', now) end

-- count takes a call into the runs of failures, and pauses where one is full.
local function count()
  if kind == 'good' then
    unset('sick', 'refused', 'refused_code')
  elseif kind == 'sick' then
    -- Says nothing about refusals: their run goes on.
    set('sick', number('sick') + 1)
    if number('sick') >= SICK_LIMIT then pause('health', detail) end
  elseif kind == 'refusal' then
    unset('sick') -- the provider answers
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
local answered = kind == 'refusal' and state.reason == 'health' and not state.code
if kind == 'good' or answered then
  resume()
  count()
  return 1
end

-- Calls that were under way when the pause began end now, and say nothing new;
-- only the trial call moves the next one. If it was not made, somebody else may
-- make one at once.
if state.lease and (token == state.lease or token == '') then
  unset('lease', 'leased', 'lease_for')
  if kind ~= 'nothing' then
    set('step', math.min(number('step') * 2, LAST_STEP))
    set('tried', now)
    if state.reason == 'health' then set('detail', detail) end
    if state.code and kind == 'refusal' then set('code', code) end
  end
end
if kind == 'credentials' then pause('credentials', detail) end
return 1
