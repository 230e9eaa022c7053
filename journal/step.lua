-- Makes one change of a refund, if it is still what the caller saw.
-- KEYS[1] record. ARGV:
--    1 refund id, 2 token, 3 and 4 the version and the token of the last change
--      that the caller saw, 5 digest of the content that it saw
--    6 provider, 7 provider:payment, 8 the state, 9 the new one
--   10 ms from now until the next action; '' for none
--   11 '1': nobody finds it by its metadata any more
--   12 the event that the order system is told, a JSON object without its time; '' for none
--   13 on what is written: see write in lib.lua
-- Answers {'ok', now, {}, epoch, restored, events that wait with this one}: the caller
-- knows what the refund was, and so what it is; or {'again'|'stale'|'missing', now, fields, epoch, restored}.
local id, token, place, from, to, due = ARGV[1], ARGV[2], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local now = clock()
local r = redis.call('HMGET', KEYS[1], 'token', 'ver', 'state', 'digest')
if not r[2] then return { 'missing', text(now), {}, '', 0 } end
if r[1] == token then
  redis.call('HSET', KEYS[1], 'token', token)
  return answer('again', id, now, place)
end
if not unchanged(r) or r[3] ~= from or r[4] ~= ARGV[5] then return answer('stale', id, now, place) end

if ARGV[11] == '1' then
  local said = metadata_of(id)
  if said then unfindable(id, said) end
end
write(13, now)
if due ~= '' or open(from) then schedule(id, from, to, due ~= '' and now + due or nil) end
local waiting = ARGV[12] ~= '' and announce(ARGV[12], now) or 0
local epoch
if to ~= from then
  index(id, ARGV[6], from, to, now)
  epoch = text(redis.call('HINCRBY', payment_key(place), ':epoch', 1))
else
  epoch = redis.call('HGET', payment_key(place), ':epoch') or ''
end
return { 'ok', text(now), {}, epoch, redis.call('GET', prefix .. 'restored') or '', waiting }
