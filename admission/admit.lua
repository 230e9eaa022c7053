-- May a call be made, and when? Put after enter and reserve, which are the
-- scripts of pause and ratelimit as functions of KEYS and ARGV.
--
-- KEYS[1]    see pause/enter.lua
-- KEYS[2]    see ratelimit/reserve.lua
-- ARGV[1]    how many of the arguments after it are for enter; the rest is for
--            reserve
-- Returns    {what enter returns}, and, if the call may be made,
--            {what reserve returns}

local n = 1 + tonumber(ARGV[1])
local pass = enter({KEYS[1]}, {unpack(ARGV, 2, n)})
if pass[1] == 0 then return {pass} end
return {pass, reserve({KEYS[2]}, {unpack(ARGV, n + 1)})}
