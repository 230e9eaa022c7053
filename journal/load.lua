-- Reads a refund. KEYS[1] record; ARGV[1] refund id, ARGV[2] its payment,
-- provider:payment, '' where the caller does not know it.
-- Answers 'ok' as answer in lib.lua, or {'missing', now, '', ''}.
if redis.call('EXISTS', KEYS[1]) == 0 then return { 'missing', stamp, '', '' } end
return answer('ok', ARGV[1], ARGV[2] ~= '' and ARGV[2] or nil)
