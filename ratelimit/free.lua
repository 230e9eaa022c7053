-- The answer of reserve.lua where there is neither a limit nor a penalty, which is all
-- that a provider without a limit costs; put before state.lua. time is what TIME
-- answered.
--
-- KEYS[1]  see state.lua
-- ARGV[1]  see reserve.lua
-- Returns  what reserve.lua returns, or goes on

if ARGV[1] == '0' and redis.call('EXISTS', KEYS[1]) == 0 then
  return {1, 0, 0, tonumber(time[1]) * 1000000 + tonumber(time[2])}
end

