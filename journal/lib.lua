-- Shared by the scripts that follow it. All keys of a script lie in one bucket:
-- KEYS[1] is the refund's record, and its prefix names the bucket's other keys.
-- KEYS[2] never exists: see scriptKeys in journal.go.

-- The bucket's prefix, "refunds:{042}:".
local prefix = string.sub(KEYS[1], 1, #'refunds:{042}:')

-- Redis's own clock: one moment for all of a script. now is in milliseconds, and
-- stamp the same as text.
local time = redis.call('TIME')
local stamp = time[1] .. string.sub('00000' .. time[2], -6, -4)
local now = tonumber(stamp)

-- A whole number as text; Lua's own conversion loses digits beyond the 14th. Most
-- of what is written is now, and formatting costs as much as two small commands, also
-- where Redis does it for a command that is given a number.
local function text(n)
  if n == now then return stamp end
  return string.format('%.0f', n)
end

local unfindable -- see metadata.lua

local function record_key(id) return prefix .. 'r:' .. id end
local function payment_key(p) return prefix .. 'p:' .. p end

local function open(state)
  return state ~= 'succeeded' and state ~= 'declined' and state ~= 'canceled'
end

-- Keeps the indexes by state: from and to may be '' for none.
local function index(id, provider, from, to)
  if from ~= '' then
    local kind = provider .. ':' .. from
    redis.call('ZREM', prefix .. 's:' .. kind, id)
    redis.call('HINCRBY', prefix .. 'n', kind, '-1')
  end
  if to ~= '' then
    local kind = provider .. ':' .. to
    redis.call('ZADD', prefix .. 's:' .. kind, stamp, id)
    redis.call('HINCRBY', prefix .. 'n', kind, '1')
  end
end

-- Says when somebody has to look after a refund that goes from one state to
-- another, from '' for a new one; due as text, nil: never. Those that are queued have
-- an index of their own, so that a backlog hides nothing urgent.
local function schedule(id, from, to, due)
  local was, index = prefix .. (from == 'queued' and 'wait' or 'due'), prefix .. (to == 'queued' and 'wait' or 'due')
  if from ~= '' and (was ~= index or not due) then redis.call('ZREM', was, id) end
  if due then redis.call('ZADD', index, due, id) end
end

-- Puts an event for the order system, a JSON object without its time, into the
-- bucket's outbox. Answers how many wait there now.
local function announce(event)
  return redis.call('RPUSH', prefix .. 'out', '{"at":"' .. stamp .. '",' .. string.sub(event, 2))
end

-- The answer of a script that changed or read a refund: {word, now, the payment's epoch,
-- when the journal was restored from a backup, '' if it was not, fields}; the id is only
-- in the key; place is its payment's, 'provider:payment', where the caller knows it. What
-- else is said comes behind, not in tables of its own: each costs as much as ten texts.
local function answer(word, id, place)
  if not place then
    local f = redis.call('HMGET', record_key(id), 'provider', 'payment')
    place = f[1] .. ':' .. f[2]
  end
  local fields = redis.call('HGETALL', record_key(id))
  fields[#fields + 1] = 'id'
  fields[#fields + 1] = id
  return { word, stamp, redis.call('HGET', payment_key(place), ':epoch') or '',
    redis.call('GET', prefix .. 'restored') or '', fields }
end

-- Whether a record's token and version are those that the caller saw.
local function unchanged(r) return (r[1] or '') == ARGV[4] and r[2] == ARGV[3] end

-- Writes a change that takes the record from one state to another, or leaves it there;
-- due is when its next action is, as text, nil for none. The token is where the scripts
-- have it, and ARGV says from its place first on: the new version; how many fields are
-- removed, and these; how many become a time; the field of an entry in the history, ''
-- for none, and what follows the time in it; those that become a time, each with its ms
-- from now; and fields and values.
local function write(first, from, to, due)
  local version, gone = ARGV[first], tonumber(ARGV[first + 1])
  if gone > 0 then redis.call('HDEL', KEYS[1], unpack(ARGV, first + 2, first + 1 + gone)) end
  first = first + gone + 5
  for i = first, first + 2 * ARGV[first - 3] - 1, 2 do ARGV[i + 1] = text(now + ARGV[i + 1]) end
  -- What goes with the fields takes the places before them, whose words were heard.
  if ARGV[first - 2] ~= '' then
    first = first - 2
    ARGV[first + 1] = '[' .. stamp .. ARGV[first + 1]
  end
  if due then
    first = first - 2
    ARGV[first], ARGV[first + 1] = 'due', due
  end
  redis.call('HSET', KEYS[1], 'state', to, 'token', ARGV[2], 'ver', version,
    to == from and 'updated' or 'since', stamp, unpack(ARGV, first))
end
