-- Counts a refund into what a provider may pay back on one day without anybody's
-- approval.
-- KEYS[1] the provider's day. ARGV: refund id, its amount and the limit in minor
-- units, the day as days since 1970 (UTC), ms to keep, token of whoever counts.
-- Answers {'ok'|'over'|'other_day', now in ms, minor units that the day's other refunds are}.
local id, amount, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local function text(n) return string.format('%.0f', n) end
local t = redis.call('TIME')
local now = text(t[1] * 1000 + math.floor(t[2] / 1000))
-- The key says which day it is, so the caller had to know it; here it is known.
if math.floor(t[1] / 86400) ~= tonumber(ARGV[4]) then return { 'other_day', now, '0' } end
local had = tonumber(redis.call('HGET', KEYS[1], 'r:' .. id) or '0')
local others = tonumber(redis.call('HGET', KEYS[1], 'sum') or '0') - had
-- What a full refund comes to may be another amount when it is asked again, while
-- a worker that saw the first one still goes on: the larger one counts.
if had > amount then amount = had end
if others + amount > limit then return { 'over', now, text(others) } end
redis.call('HSET', KEYS[1], 'r:' .. id, text(amount), 't:' .. id, ARGV[6], 'sum', text(others + amount))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return { 'ok', now, text(others) }
