-- Finds a refund's place among the refunds of its payment that count.
-- KEYS[1] record. ARGV: refund id, provider:payment.
-- Answers its place from 1 on: those before it that are neither declined nor
-- canceled, and itself.
local place = 1
for _, other in ipairs(redis.call('ZRANGE', refunds_key(ARGV[2]), 0, -1)) do
  if other == ARGV[1] then break end
  local state = redis.call('HGET', record_key(other), 'state')
  if state and state ~= 'declined' and state ~= 'canceled' then place = place + 1 end
end
return place
