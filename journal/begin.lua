-- Writes an attempt ahead: the last look before money may move.
-- KEYS[1] record. ARGV: refund id, token, expected version, JSON of
--   epoch      the payment's epoch that the baseline was read under
--   attempt    its number as text
--   entry      JSON text of the attempt without its times
--   amount     minor units that will be sent, '' where a full refund's is not known
--   baseline   minor units the provider counts as refunded or requested now, '' for none
--   read_at    ms of Redis's clock when the provider was asked, '' for none
--   max_age    ms that such an answer stays good
--   timeout    ms from now to the attempt's deadline
--   grace      ms after the deadline when somebody else looks after it
--   guard      ms after the first unproven attempt in which the provider itself
--              refuses to pay the same amount again; '' where that is not relied on
--   restored   the bucket's mark that the attempt was decided under, '' for none
--   compare    whether the baseline must be exactly what the journal knows to have moved
--   lineage    '1': only on the primary that the bucket was admitted on
--   set        fields as text; '' removes a field
--   by         JSON text for the history
-- Answers as step.lua, or {'not admitted', …} or {'blocked', now, fields, epoch, restored, why, other id, ms to wait}.
local id, token, version, p = ARGV[1], ARGV[2], ARGV[3], cjson.decode(ARGV[4])
local now = clock()
local r = redis.call('HMGET', KEYS[1], 'token', 'ver', 'state', 'seq', 'provider', 'payment', 'amount', 'order', 'first_unproven')
if not r[2] then return { 'missing', text(now), {}, '', 0 } end
if r[1] == token then
  redis.call('HSET', KEYS[1], 'token', token)
  return answer('again', id, now)
end
if r[2] ~= version or r[3] ~= 'queued' then return answer('stale', id, now) end

local provider, place = r[5], r[5] .. ':' .. r[6]
local full, amount, order = r[7] == '', tonumber(r[7]), tonumber(r[8])

local function blocked(why, other, wait)
  local a = answer('blocked', id, now)
  a[6], a[7], a[8] = why, other, text(wait)
  return a
end

if p.lineage == '1' then
  local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  local known = redis.call('GET', prefix .. 'primary') or ''
  if history and string.sub(known, 1, #history) ~= history then return answer('not admitted', id, now) end
end
local restored = redis.call('GET', prefix .. 'restored') or ''
if restored ~= p.restored or redis.call('HGET', payment_key(place), 'epoch') ~= p.epoch then return blocked('changed', '', 0) end

local moved = 0
for _, other_id in ipairs(redis.call('ZRANGE', refunds_key(place), 0, -1)) do
  if other_id ~= id then
    local o = sibling(other_id)
    if o and counts(o, now) then
      -- One that was taken back after it succeeded may count no more.
      if not o.contradicted then moved = moved + (o.moved or 0) end
      -- An accepted one still moves the payment's total, up or down: beside it
      -- nobody could tell what an attempt has moved.
      if o.state == 'sending' or o.state == 'unknown' or o.state == 'accepted' then return blocked('busy', o.id, 0) end
      if o.unproven and open(o.state) then return blocked('unproven', o.id, 0) end
      if o.order < order and same_window(full, amount, o) and holds_window(o, now) then
        local wait = open(o.state) and 0 or (o.window_ends - now)
        return blocked('window', o.id, wait)
      end
    end
  end
end

local baseline, read_at = tonumber(p.baseline), tonumber(p.read_at)
if read_at and now - read_at > tonumber(p.max_age) then return blocked('stale_baseline', '', 0) end
if baseline and baseline < moved then return blocked('lag', '', 0) end
if p.compare and (not baseline or baseline ~= moved) then
  return blocked('restored', '', 0)
end
if p.guard ~= '' then
  local first = tonumber(r[9] or '')
  if not first or now - first >= tonumber(p.guard) then return blocked('guard', '', 0) end
end

local deadline = now + tonumber(p.timeout)
local due = deadline + tonumber(p.grace)
local seq = tonumber(r[4]) + 1
redis.call('HSETNX', KEYS[1], 'first_attempt', text(now))
p.set.why = ''
write(KEYS[1], p.set, { 'state', 'sending', 'since', text(now), 'updated', text(now), 'token', token,
  'ver', text(tonumber(version) + 1), 'seq', text(seq), 'attempts', p.attempt, 'deadline', text(deadline),
  'due', text(due), 'a:' .. p.attempt, p.entry, 'a:' .. p.attempt .. ':at', text(now) })
schedule(id, 'sending', text(due))
index(id, provider, 'queued', 'sending', now)
redis.call('HINCRBY', payment_key(place), 'epoch', 1)
remember(id, seq, now, 'queued', 'sending', p.by, '"attempt ' .. p.attempt .. '"')
return answer('ok', id, now, place)
