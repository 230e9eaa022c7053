-- A payment's refunds, for the scripts that decide about one of them; put behind lib.lua.

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
local function counts(other)
  return (other.state ~= 'declined' and other.state ~= 'canceled') or (other.contradicted and other.window_ends > now)
end

-- What it may have taken of the payment; nil where that is not known.
local function takes(other)
  if other.contradicted and other.moved == 0 then return other.amount or other.frozen end
  return other.moved or other.amount or other.frozen
end

-- Whether the other refund holds its window now.
local function holds_window(other)
  return open(other.state) or (counts(other) and other.window_ends > now)
end

-- Whether refund a is the one to name when a and b both hold the window: an
-- open one before a settled one, then the one that holds it longest.
local function stronger(a, b)
  if not b then return true end
  if open(a.state) ~= open(b.state) then return open(a.state) end
  return a.window_ends > b.window_ends
end
