-- Makes one change of a refund, if it is still what the caller saw.
-- KEYS[1] record. ARGV: refund id, token, expected version, JSON of
--   to        the new state, '' to stay
--   set       fields as text; '' removes a field, and what is found by it
--   due       ms from now until the next action; '' for none
--   window    ms that the window is held from now; '' for none
--   by, note  JSON text for the history; note '' makes no entry unless the state changes
--   event     whether the order system is told
--   event_reason  the event's reason_code, '' for the record's
-- Answers {'ok'|'again'|'stale'|'missing', now, fields, epoch, restored}.
local id, token, version, p = ARGV[1], ARGV[2], ARGV[3], cjson.decode(ARGV[4])
local now = clock()
local r = redis.call('HMGET', KEYS[1], 'token', 'ver', 'state', 'seq', 'provider', 'payment')
if not r[2] then return { 'missing', text(now), {}, '', 0 } end
if r[1] == token then
  redis.call('HSET', KEYS[1], 'token', token)
  return answer('again', id, now)
end
if r[2] ~= version then return answer('stale', id, now) end

local from, seq, provider = r[3], tonumber(r[4]), r[5]
local to = p.to ~= '' and p.to or from
local place = provider .. ':' .. r[6]
if to ~= from or p.note ~= '' then
  seq = seq + 1
  remember(id, seq, now, from, to, p.by, p.note ~= '' and p.note or '""')
end
local fields = { 'token', token, 'ver', text(tonumber(version) + 1), 'seq', text(seq), 'updated', text(now) }
local function put(field, value)
  fields[#fields + 1] = field
  fields[#fields + 1] = value
end
if p.window ~= '' then put('window_ends', text(now + tonumber(p.window))) end
if to ~= from then
  index(id, provider, from, to, now)
  redis.call('HINCRBY', payment_key(place), 'epoch', 1)
  put('state', to)
  put('since', text(now))
  if not open(to) then put('settled', text(now)) end
end
if p.set.metadata == '' then
  local said = redis.call('HGET', KEYS[1], 'metadata')
  if said then unfindable(id, said) end
end
if p.due ~= '' and open(to) then
  local due = text(now + tonumber(p.due))
  put('due', due)
  schedule(id, to, due)
else
  p.set.due = ''
  schedule(id, to, nil)
end
write(KEYS[1], p.set, fields)
if p.event then announce(id, seq, to, now, p.event_reason) end
return answer('ok', id, now, place)
