-- Reads a refund. KEYS[1] record; ARGV[1] refund id.
-- Answers {'ok'|'missing', now, fields, the payment's epoch, 1 after a restore}.
if redis.call('EXISTS', KEYS[1]) == 0 then return { 'missing', text(clock()), {}, '', 0 } end
return answer('ok', ARGV[1], clock())
