-- Bars everybody from slots for a while; a longer bar that stands stays.
--
-- KEYS[1]  see state.lua
-- ARGV[1]  microseconds from now
-- Returns  how long the bar now lasts, in microseconds

barred = math.max(barred, now + tonumber(ARGV[1]))
-- Kept a minute longer, because reserve.lua looks back at it: see "burst" there.
save(60000000)
return barred - now
