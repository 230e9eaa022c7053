-- Finds a refund's place among the refunds of its payment that count.
-- KEYS[1] record. ARGV: refund id, provider:payment.
-- Answers its place from 1 on: those before it that are neither declined nor
-- canceled, and itself.
local place = 1
for _, other in ipairs((refunds_of(ARGV[2]))) do
  if other.id == ARGV[1] then break end
  local state = redis.call('HGET', record_key(other.id), 'state')
  if state and state ~= 'declined' and state ~= 'canceled' then place = place + 1 end
end
return place
