-- Writes an attempt ahead: the last look before money may move.
-- KEYS[1] record. ARGV:
--    1 refund id, 2 token, 3 and 4 the version and the token of the last change
--      that the caller saw, 5 digest of the content that it saw
--    6 provider, 7 provider:payment
--    8 the payment's epoch that the baseline was read under; '' where nothing was
--      read before: then the refund must be as it was taken in, and due
--    9 minor units the provider counts as refunded or requested now, '' for none
--   10 ms of Redis's clock when the provider was asked, '' for none
--   11 ms that such an answer stays good
--   12 ms after the first unproven attempt in which the provider itself refuses
--      to pay the same amount again; '' where that is not relied on
--   13 the bucket's mark that the attempt was decided under, '' for none
--   14 '1': the baseline must be exactly what the journal knows to have moved
--   15 '1': only on the primary that the bucket was admitted on
--   16 ms from now until somebody else looks after it
--   17 how many arguments of the gate follow, 0 for none to ask, and these
--   then what is written: see write in lib.lua
-- KEYS[3] on the gate's keys, where there is one. It is asked last of all, so that
-- nothing is let through in vain: put before this, gate(KEYS, ARGV) returns an answer for
-- the caller, whether the attempt may begin, and for how many ms its provider was paused.
-- Answers
--   {'ok', now, epoch, restored, ms that its provider was paused}, then of a refund that
--     was not read what stands in it beside what its digest vouches for (see beside in
--     begin.go), then the gate's answer;
--   {'shut', now, '', ''}, then the gate's answer;
--   {'missing', now, '', ''};
--   as answer in lib.lua 'again', 'stale', 'not admitted', or 'blocked' with why, the
--     other's id, and ms to wait behind.
local id, token, provider, place = ARGV[1], ARGV[2], ARGV[6], ARGV[7]
local unread, r = ARGV[8] == ''
if unread then
  r = redis.call('HMGET', KEYS[1], 'token', 'ver', 'state', 'digest', 'amount', 'first_unproven', 'due', 'why',
    'h:1', 'asked', 'reason', 'bulk', 'requested_by', 'trace', 'metadata')
else
  r = redis.call('HMGET', KEYS[1], 'token', 'ver', 'state', 'digest', 'amount', 'first_unproven')
end
if not r[2] then return { 'missing', stamp, '', '' } end
if r[1] == token then
  redis.call('HSET', KEYS[1], 'token', token)
  return answer('again', id, place)
end
if not unchanged(r) or r[3] ~= 'queued' or r[4] ~= ARGV[5] then return answer('stale', id, place) end
if unread and tonumber(r[7] or '0') > now then return answer('stale', id, place) end

local amount = tonumber(r[5] or '')
local refunds, epoch = refunds_of(place)

local function blocked(why, other, wait)
  local a = answer('blocked', id, place)
  a[6], a[7], a[8] = why, other, text(wait)
  return a
end

local marks = redis.call('MGET', prefix .. 'restored', prefix .. 'primary')
if ARGV[15] == '1' then
  local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  if history and string.sub(marks[2] or '', 1, #history) ~= history then return answer('not admitted', id, place) end
end
local restored = marks[1] or ''
if restored ~= ARGV[13] or not unread and epoch ~= ARGV[8] then
  return blocked('changed', '', 0)
end

local moved, earlier = 0, true
for _, other in ipairs(refunds) do
  if other.id == id then
    earlier = false
  else
    local o = sibling(other)
    if o and counts(o) then
      -- One that was taken back after it succeeded may count no more.
      if not o.contradicted then moved = moved + (o.moved or 0) end
      -- An accepted one still moves the payment's total, up or down: beside it
      -- nobody could tell what an attempt has moved.
      if o.state == 'sending' or o.state == 'unknown' or o.state == 'accepted' then return blocked('busy', o.id, 0) end
      if o.unproven and open(o.state) then return blocked('unproven', o.id, 0) end
      if earlier and same_window(not amount, amount, o) and holds_window(o) then
        local wait = open(o.state) and 0 or (o.window_ends - now)
        return blocked('window', o.id, wait)
      end
    end
  end
end

local baseline, read_at = tonumber(ARGV[9]), tonumber(ARGV[10])
if read_at and now - read_at > tonumber(ARGV[11]) then return blocked('stale_baseline', '', 0) end
if baseline and baseline < moved then return blocked('lag', '', 0) end
if ARGV[14] == '1' and baseline ~= moved then return blocked('restored', '', 0) end
if ARGV[12] ~= '' then
  local first = tonumber(r[6] or '')
  if not first or now - first >= tonumber(ARGV[12]) then return blocked('guard', '', 0) end
end

local gates, said, may, paused = tonumber(ARGV[17]), {}, true, 0
if gates > 0 then
  said, may, paused = gate({ unpack(KEYS, 3) }, { unpack(ARGV, 18, 17 + gates) })
  if not may then return { 'shut', stamp, '', '', unpack(said) } end
  if paused > 0 then
    ARGV[#ARGV + 1] = 'paused_before'
    ARGV[#ARGV + 1] = paused
  end
end

local due = text(now + ARGV[16])
write(18 + gates, 'queued', 'sending', due)
schedule(id, 'queued', 'sending', due)
index(id, provider, 'queued', 'sending')
epoch = redis.call('HINCRBY', payment_key(place), ':epoch', 1)
if not unread then return { 'ok', stamp, epoch, restored, paused, unpack(said) } end
if r[8] then redis.call('HDEL', KEYS[1], 'why') end -- that it waited for a window
return { 'ok', stamp, epoch, restored, paused, whole(id, 'h:1', r[9]), whole(id, 'asked', r[10]), whole(id, 'reason', r[11]), r[12],
  whole(id, 'requested_by', r[13]), whole(id, 'trace', r[14]), whole(id, 'metadata', r[15]), unpack(said) }
