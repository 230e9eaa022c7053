-- Shared by the scripts that follow it. All keys of a script lie in one bucket:
-- KEYS[1] is the refund's record, and its prefix names the bucket's other keys.
-- KEYS[2] never exists: see scriptKeys in journal.go.

-- The bucket's prefix, "refunds:{042}:".
local prefix = string.match(KEYS[1], '^(refunds:{%d+}:)')

-- Redis's own clock in milliseconds: one moment for all of a script.
local moment, stamp
local function clock()
  if not moment then
    local t = redis.call('TIME')
    stamp = t[1] .. string.sub('00000' .. t[2], -6, -4)
    moment = tonumber(stamp)
  end
  return moment
end

-- A whole number as text; Lua's own conversion loses digits beyond the 14th. Most
-- of what is written is the moment, and formatting costs as much as a small command.
local function text(n)
  if n == moment then return stamp end
  return string.format('%.0f', n)
end

local function record_key(id) return prefix .. 'r:' .. id end
local function payment_key(p) return prefix .. 'p:' .. p end

-- A payment's refunds, each {id, order}, in the order that they were taken in, and
-- its epoch, nil for none. No id has a colon.
local function refunds_of(place)
  local list, epoch, flat = {}, nil, redis.call('HGETALL', payment_key(place))
  for i = 1, #flat, 2 do
    if flat[i] == ':epoch' then
      epoch = flat[i + 1]
    else
      list[#list + 1] = { id = flat[i], order = tonumber(flat[i + 1]) }
    end
  end
  if #list > 1 then table.sort(list, function(a, b) return a.order < b.order end) end
  return list, epoch
end

local function open(state)
  return state ~= 'succeeded' and state ~= 'declined' and state ~= 'canceled'
end

-- The fields of another refund of the payment, one of refunds_of, that decide about it.
local function sibling(other)
  local f = redis.call('HMGET', record_key(other.id),
    'state', 'amount', 'window_ends', 'unproven', 'moved', 'frozen', 'currency', 'total', 'contradicted')
  if not f[1] then return nil end
  return { id = other.id, state = f[1], full = f[2] == '', amount = tonumber(f[2] or ''),
    window_ends = tonumber(f[3] or '') or 0, unproven = f[4] == '1',
    moved = tonumber(f[5] or ''), frozen = tonumber(f[6] or ''),
    currency = f[7], total = tonumber(f[8] or ''), contradicted = f[9] }
end

-- Whether two refunds of one payment may not stand in one window: equal
-- amounts, or a full refund, whose amount can't be told apart from any other.
local function same_window(full, amount, other)
  return full or other.full or amount == other.amount
end

-- Whether a refund counts for its payment: one that was declined or canceled
-- does not, unless evidence has come up that it was paid; then it does while it
-- holds its window, which is the time to look.
local function counts(other, now)
  return (other.state ~= 'declined' and other.state ~= 'canceled') or (other.contradicted and other.window_ends > now)
end

-- What it may have taken of the payment; nil where that is not known.
local function takes(other)
  if other.contradicted and other.moved == 0 then return other.amount or other.frozen end
  return other.moved or other.amount or other.frozen
end

-- Whether the other refund holds its window now.
local function holds_window(other, now)
  return open(other.state) or (counts(other, now) and other.window_ends > now)
end

-- Whether refund a is the one to name when a and b both hold the window: an
-- open one before a settled one, then the one that holds it longest.
local function stronger(a, b)
  if not b then return true end
  if open(a.state) ~= open(b.state) then return open(a.state) end
  return a.window_ends > b.window_ends
end

-- Keeps the indexes by state: from and to may be '' for none.
local function index(id, provider, from, to, now)
  if from ~= '' then
    redis.call('ZREM', prefix .. 's:' .. provider .. ':' .. from, id)
    redis.call('HINCRBY', prefix .. 'n', provider .. ':' .. from, '-1')
  end
  if to ~= '' then
    redis.call('ZADD', prefix .. 's:' .. provider .. ':' .. to, text(now), id)
    redis.call('HINCRBY', prefix .. 'n', provider .. ':' .. to, '1')
  end
end

-- A refund's metadata, of which long ones are stored in pieces: see piece.go.
local function metadata_of(id)
  local metadata = redis.call('HGET', record_key(id), 'metadata')
  local last, n = metadata, 1
  while last and #last == 64 do
    last = redis.call('HGET', record_key(id), 'metadata+' .. n)
    metadata, n = metadata .. (last or ''), n + 1
  end
  return metadata
end

-- The members that find a refund by a value of its metadata, 'value NUL id':
-- values of 1 to 128 bytes without a NUL, of the first sixteen keys by name, so
-- that nobody's metadata outgrows its refund.
local function finders(id, metadata)
  local keys, members, f = {}, {}, cjson.decode(metadata)
  for k in pairs(f) do keys[#keys + 1] = k end
  table.sort(keys)
  for i = 1, math.min(#keys, 16) do
    local value = f[keys[i]]
    if #value >= 1 and #value <= 128 and not string.find(value, '\0', 1, true) then members[#members + 1] = value .. '\0' .. id end
  end
  return members
end

-- Has a refund found by its metadata, JSON text, or no longer found by it.
local function findable(id, metadata)
  for _, member in ipairs(finders(id, metadata)) do redis.call('ZADD', prefix .. 'm', 0, member) end
end
local function unfindable(id, metadata)
  for _, member in ipairs(finders(id, metadata)) do redis.call('ZREM', prefix .. 'm', member) end
end

-- Says when somebody has to look after a refund that goes from one state to
-- another, from '' for a new one; due nil: never. Those that are queued have an
-- index of their own, so that a backlog hides nothing urgent.
local function schedule(id, from, to, due)
  local was, index = prefix .. (from == 'queued' and 'wait' or 'due'), prefix .. (to == 'queued' and 'wait' or 'due')
  if from ~= '' and (was ~= index or not due) then redis.call('ZREM', was, id) end
  if due then redis.call('ZADD', index, text(due), id) end
end

-- Puts an event for the order system, a JSON object without its time, into the
-- bucket's outbox. Answers how many wait there now.
local function announce(event, now)
  return redis.call('RPUSH', prefix .. 'out', '{"at":"' .. text(now) .. '",' .. string.sub(event, 2))
end

-- The answer of a script that changed or read a refund, with when the journal was
-- restored from a backup, '' if it was not; the id is only in the key; place is its payment's,
-- 'provider:payment', where the caller knows it.
local function answer(word, id, now, place)
  if not place then
    local f = redis.call('HMGET', record_key(id), 'provider', 'payment')
    place = f[1] .. ':' .. f[2]
  end
  local fields = redis.call('HGETALL', record_key(id))
  fields[#fields + 1] = 'id'
  fields[#fields + 1] = id
  return { word, text(now), fields, redis.call('HGET', payment_key(place), ':epoch') or '',
    redis.call('GET', prefix .. 'restored') or '' }
end

-- Whether a record's token and version are those that the caller saw.
local function unchanged(r) return (r[1] or '') == ARGV[4] and r[2] == ARGV[3] end

-- Writes what ARGV says from its place first on: the field of an entry in the
-- history, '' for none, and what follows the time in it; how many fields are removed,
-- and these; how many become a time, and these each with its ms from now; then
-- fields and values.
local function write(first, now)
  if ARGV[first] ~= '' then
    ARGV[#ARGV + 1] = ARGV[first]
    ARGV[#ARGV + 1] = '[' .. text(now) .. ARGV[first + 1]
  end
  first = first + 2
  local gone = tonumber(ARGV[first])
  if gone > 0 then redis.call('HDEL', KEYS[1], unpack(ARGV, first + 1, first + gone)) end
  first = first + gone + 2
  for i = first, first + 2 * ARGV[first - 1] - 1, 2 do ARGV[i + 1] = text(now + ARGV[i + 1]) end
  redis.call('HSET', KEYS[1], unpack(ARGV, first))
end
