-- The state of one provider; put before each of the other scripts, after rules.lua.
--
-- KEYS[1]  hash; absent fields are 0 or empty; times are microseconds since
--          1970 by the server's clock, durations microseconds:
--            reason        health, credentials or operator; absent: not paused
--            since         when the pause began, whatever its reasons were since
--            detail, by    why; the operator
--            code          the refusal that all calls met, if that is why
--            step          how long after `tried` the next trial call is due
--            tried         when the pause began or the last trial call failed
--            lease         who makes the trial call
--            leased        when that began
--            lease_for     how long it may take
--            sick          calls in a row that got no answer
--            unanswered    1 if a refund was among them
--            refund_only   1 if only a refund's answer ends this pause
--            refused       refusals in a row with the code refused_code
--            last_good     when a call last worked (exact to a second)
--            failed        when a call last failed
--            resumed       when the last pause ended
--            resumed_by    the operator who ended it; absent: it ended by itself
--            ramp          calls let through since then, while ramping up
--            total         how long all ended pauses lasted

local state = {}
local saved = redis.call('HGETALL', KEYS[1])
for i = 1, #saved, 2 do state[saved[i]] = saved[i + 1] end

local function number(field) return tonumber(state[field] or 0) end

-- tostring() would keep 14 digits of a number, too few for a time.
local function set(field, value)
  if type(value) == 'number' then value = string.format('%.0f', value) end
  if state[field] == value then return end
  state[field] = value
  redis.call('HSET', KEYS[1], field, value)
end

local function unset(...)
  for _, field in ipairs({...}) do
    if state[field] then
      state[field] = nil
      redis.call('HDEL', KEYS[1], field)
    end
  end
end

-- paused_for is how long the provider has ever been paused, until now.
local function paused_for()
  if not state.reason then return number('total') end
  return number('total') + math.max(now - number('since'), 0)
end

local function probing()
  return state.lease and left(number('leased'), number('lease_for')) > 0
end

local function pause(reason, detail, code)
  if not state.reason then
    local relapse = state.step and left(number('resumed'), RELAPSE) > 0
    set('step', relapse and math.min(number('step') * 2, LAST_STEP) or FIRST_STEP)
    set('since', now)
    set('tried', now)
  end
  set('reason', reason)
  set('detail', detail)
  if code then set('code', code) else unset('code') end
  if reason == 'health' and (code or state.unanswered) then set('refund_only', '1') else unset('refund_only') end
  unset('sick', 'unanswered', 'refused', 'refused_code', 'by')
end

local function resume()
  set('total', paused_for())
  set('resumed', now)
  set('ramp', 0)
  unset('reason', 'since', 'detail', 'by', 'code', 'tried', 'lease', 'leased', 'lease_for',
    'sick', 'unanswered', 'refund_only', 'refused', 'refused_code', 'resumed_by')
end
