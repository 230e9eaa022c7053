-- admit.lua for a script that goes on with what the call is for, put behind enter and
-- reserve as admit.lua itself: the three make a function of KEYS and ARGV.
--
-- Returns  what enter returns; whether the call may be made at this moment; and for how
--          many ms the provider has been paused, ever

local said = admit(KEYS, ARGV)
local pass, slot = said[1], said[2]
return pass, slot ~= nil and slot[1] == 1 and slot[2] == 0, math.floor(pass[5] / 1000)
