-- Forgets settled refunds whose time is over, with all that belongs to them.
-- KEYS[1] any record key of the bucket, to route by. ARGV: provider, state, the moment in ms since
-- which a refund has to have settled to be kept, at most how many.
-- Answers the refund ids that were forgotten.
local provider, state = ARGV[1], ARGV[2]
local idx = prefix .. 's:' .. provider .. ':' .. state
local ids = redis.call('ZRANGEBYSCORE', idx, '-inf', '(' .. ARGV[3], 'LIMIT', 0, ARGV[4])
for _, id in ipairs(ids) do
  local payment = redis.call('HGET', record_key(id), 'payment')
  if payment then
    local place = provider .. ':' .. payment
    redis.call('HDEL', payment_key(place), id)
    if redis.call('HLEN', payment_key(place)) == 1 then redis.call('DEL', payment_key(place)) end -- only the epoch is left
    unfindable(id)
  end
  redis.call('DEL', record_key(id))
  schedule(id, state, state, nil)
  redis.call('ZREM', idx, id)
  redis.call('HINCRBY', prefix .. 'n', provider .. ':' .. state, -1)
end
return ids
