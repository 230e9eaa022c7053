-- Takes a refund in: window, cap, one refund per payment, reservation, entry.
-- KEYS[1] record. ARGV: refund id, provider:payment, and
--   3 keep       ms that a refusal stays this id's answer
--   4 how        letters: 'w' queue behind the window instead of being refused, 'o' only one
--                refund per payment, 'd' a refused one is entered as declined (a foreign task)
--   5 refused    JSON of the refusal that stands with the claim, '' for none
--   6 entry      what follows the time in the history's first entry, of a refund that is queued
--   7 provider, 8 payment, 9 currency, 10 digest, 11 amount in minor units, '' for a full refund
--   12 …         the record's other fields as text, each name before its value, long ones in
--                pieces, in turn
-- Answers {'taken', now, epoch, restored} for one that was queued, whose fields the
-- caller has, with when it is due and why where that is not now; 'existing' as answer in
-- lib.lua; {'conflict', now, '', ''}; or {'refused', now, '', '', refusal JSON}, or, for
-- one that is entered, 'refused' as answer in lib.lua with the refusal behind.
local id, place = ARGV[1], ARGV[2]
local how, provider, currency, digest = ARGV[4], ARGV[7], ARGV[9], ARGV[10]
local function asks(letter) return string.find(how, letter, 1, true) end

local had = redis.call('HGET', KEYS[1], 'digest')
if had then
  redis.call('HSET', KEYS[1], 'digest', had)
  if had ~= digest then return { 'conflict', stamp, '', '' } end
  return answer('existing', id)
end

local full, amount = ARGV[11] == '', tonumber(ARGV[11])
local total, metadata, asked
for i = 12, #ARGV, 2 do
  if ARGV[i] == 'total' then total = tonumber(ARGV[i + 1]) end
  if ARGV[i] == 'metadata' or metadata and string.sub(ARGV[i], 1, 9) == 'metadata+' then metadata = (metadata or '') .. ARGV[i + 1] end
  if ARGV[i] == 'asked' then asked = ARGV[i + 1] end
end
local start = 0

-- A refusal stands here too, not only with the claim, which lies in another
-- slot: whoever claimed the id before it was refused may get here long after.
local refused_key = prefix .. 'x:' .. id
local known = redis.call('MGET', refused_key, prefix .. 'restored')
local said = known[1] or (ARGV[5] ~= '' and ARGV[5])
local refusal = said and cjson.decode(said)

-- Only refunds that count say what is known of the payment: a slip that was
-- canceled or declined binds nobody.
local siblings = {}
local refunds, epoch = refunds_of(place)
for _, other in ipairs(refunds) do
  local o = sibling(other)
  if o and counts(o) then
    siblings[#siblings + 1] = o
    if o.total and (not total or o.total < total) then total = o.total end
    if not refusal and o.currency ~= currency then
      refusal = { rule = 'currency', detail = 'earlier refunds of this payment are in ' .. o.currency }
    end
  end
end

local held, reserved, live = nil, 0, #siblings
for _, o in ipairs(siblings) do
  reserved = reserved + (takes(o) or total or 0)
  if same_window(full, amount, o) and holds_window(o) then
    if stronger(o, held) then held = o end
    if not open(o.state) and o.window_ends > start then start = o.window_ends end
  end
end

if not refusal and held and not asks('w') then
  refusal = { rule = 'duplicate', existing_id = held.id, existing_state = held.state,
    window_ends_at = (not open(held.state)) and text(held.window_ends) or '' }
end
if not refusal and asks('o') and live > 0 then
  refusal = { rule = 'one_refund_per_payment', detail = 'the payment has a refund already' }
end
if not refusal and total then
  if full and reserved >= total and live > 0 then
    refusal = { rule = 'payment_total', detail = 'nothing of the payment is left' }
  elseif not full and reserved + amount > total then
    refusal = { rule = 'payment_total', detail = 'all refunds of the payment would be more than its total' }
  end
end
if not refusal and live >= 1000 then
  refusal = { rule = 'refunds_per_payment', detail = 'the payment has 1000 refunds already' }
end

local verdict, state = 'taken', 'queued'
if refusal then
  verdict = 'refused'
  if not asks('d') then
    if said then
      redis.call('SET', refused_key, said, 'KEEPTTL')
    else
      said = cjson.encode(refusal)
      redis.call('SET', refused_key, said, 'PX', ARGV[3])
    end
    return { 'refused', stamp, '', '', said }
  end
  said = said or cjson.encode(refusal)
  state = 'declined'
end

epoch = epoch and text(epoch + 1) or '1'
-- One that was refused is only entered; the payment knows nothing of it.
if refusal then
  redis.call('HSET', payment_key(place), ':epoch', epoch)
else
  local order = #refunds > 0 and text(refunds[#refunds].order + 1) or '1'
  redis.call('HSET', payment_key(place), ':epoch', epoch, id, order)
end

-- Its task is put on the queue next; only if that never happens, or if whoever
-- takes the task dies with it, has somebody to look after a refund that could
-- start at once.
local due = (start > now and not refusal) and start or now
local look = text((start > now) and start or now + 8000)
local entry = refusal and string.gsub(ARGV[6], '"queued"', '"declined"', 1) or ARGV[6]
redis.call('HSET', KEYS[1], 'state', state, 'ver', '1', 'h:1', '[' .. stamp .. entry, 'provider', provider,
  'payment', ARGV[8], 'currency', currency, 'digest', digest, 'amount', ARGV[11], unpack(ARGV, 12))
index(id, provider, '', state)
if metadata then findable(id, metadata) end
if refusal then
  redis.call('HSET', KEYS[1], 'refusal', said, 'reason_code', refusal.rule)
  announce(cjson.encode({ refund_id = id, seq = '1', provider = provider, payment_id = ARGV[8], amount = asked or '', moved = '',
    currency = currency, reason_code = refusal.rule, metadata = metadata or '', state = state }))
  local a = answer(verdict, id, place)
  a[6] = said
  return a
end
schedule(id, '', state, look)
local taken = { verdict, stamp, epoch, known[2] or '' }
if start > now then
  taken[5], taken[6] = text(due), 'waits for the window of an earlier refund of the payment to end'
  redis.call('HSET', KEYS[1], 'due', taken[5], 'why', taken[6])
end
return taken
