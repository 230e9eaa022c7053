-- What finds a refund by its metadata; put behind piece.lua.

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

-- Has a refund found by its metadata, JSON text, or no longer found by what is stored of it.
local function findable(id, metadata)
  for _, member in ipairs(finders(id, metadata)) do redis.call('ZADD', prefix .. 'm', 0, member) end
end
function unfindable(id)
  local metadata = whole(id, 'metadata', redis.call('HGET', record_key(id), 'metadata'))
  if not metadata then return end
  for _, member in ipairs(finders(id, metadata)) do redis.call('ZREM', prefix .. 'm', member) end
end
