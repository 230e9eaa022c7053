-- Makes one change of a refund, if it is still what the caller saw.
-- KEYS[1] record. ARGV:
--    1 refund id, 2 token, 3 and 4 the version and the token of the last change
--      that the caller saw, 5 digest of the content that it saw
--    6 provider, 7 provider:payment, 8 the state, 9 the new one
--   10 ms from now until the next action; '' for none
--   11 the event that the order system is told, a JSON object without its time; '' for none
--   12 on what is written: see write in lib.lua
-- Put behind metadata.lua it also has the refund no longer found by its metadata.
-- Answers {'ok', now, epoch, restored, events that wait with this one}: the caller
-- knows what the refund was, and so what it is; or {'missing', now, '', ''}, or 'again'
-- or 'stale' as answer in lib.lua.
local id, token, place, from, to, due = ARGV[1], ARGV[2], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local r = redis.call('HMGET', KEYS[1], 'token', 'ver', 'state', 'digest')
if not r[2] then return { 'missing', stamp, '', '' } end
if r[1] == token then
  redis.call('HSET', KEYS[1], 'token', token)
  return answer('again', id, place)
end
if not unchanged(r) or r[3] ~= from or r[4] ~= ARGV[5] then return answer('stale', id, place) end

if unfindable then unfindable(id) end
due = due ~= '' and text(now + due) or nil
write(12, from, to, due)
if due or open(from) then schedule(id, from, to, due) end
local waiting = ARGV[11] ~= '' and announce(ARGV[11]) or 0
local epoch
if to ~= from then
  index(id, ARGV[6], from, to)
  epoch = redis.call('HINCRBY', payment_key(place), ':epoch', 1)
else
  epoch = redis.call('HGET', payment_key(place), ':epoch') or ''
end
return { 'ok', stamp, epoch, redis.call('GET', prefix .. 'restored') or '', waiting }
