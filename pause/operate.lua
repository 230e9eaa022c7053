-- What an operator does.
--
-- KEYS[1]  see board.lua
-- ARGV[1]  pause or resume
-- ARGV[2]  who
-- ARGV[3]  a note, of a pause
-- Returns  1

if ARGV[1] == 'pause' then
  -- Takes the place of any other pause: an operator's is the stronger one, and
  -- Resume would end both anyway. The time paused runs on from where it was.
  pause('operator', ARGV[3])
  set('by', ARGV[2])
  unset('lease', 'leased', 'lease_for')
elseif state.reason then
  resume()
  set('resumed_by', ARGV[2])
  unset('step') -- a person looked at it: no relapse
end
return 1
