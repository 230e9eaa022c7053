-- What reads long values, which are stored in pieces (see piece.go); put behind lib.lua.

-- All of a refund's field, of which the first piece is known; nil or false for none.
local function whole(id, field, value)
  local last, n = value, 1
  while last and #last == 64 do
    last = redis.call('HGET', record_key(id), field .. '+' .. n)
    value, n = value .. (last or ''), n + 1
  end
  return value
end
