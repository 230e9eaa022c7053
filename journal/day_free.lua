-- Takes a refund of which no money moved out of its provider's day again.
-- KEYS[1] the provider's day. ARGV: refund id, token that it must have been counted
-- by last, '' for any. Answers the minor units it was.
local had = redis.call('HGET', KEYS[1], 'r:' .. ARGV[1])
if not had then return '0' end
if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], 't:' .. ARGV[1]) ~= ARGV[2] then return '0' end
redis.call('HDEL', KEYS[1], 'r:' .. ARGV[1], 't:' .. ARGV[1])
redis.call('HSET', KEYS[1], 'sum', string.format('%.0f', tonumber(redis.call('HGET', KEYS[1], 'sum') or had) - tonumber(had)))
return had
