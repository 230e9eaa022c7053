-- Claims a refund id for one payment and one content; a claim is never taken over.
-- KEYS[1] claim. ARGV: place (provider:payment), digest, retention in ms.
-- Answers {'new'|'same'|'conflict'|'expired', refusal JSON or ''}. claim.go says what
-- the claim holds.
local digest = string.sub(ARGV[2], 1, 11)
local new = string.sub(stamp, 1, -4) .. ' ' .. digest .. ' ' .. ARGV[1]
if redis.call('SETNX', KEYS[1], new) == 1 then return { 'new', '' } end
local had = redis.call('GET', KEYS[1])
-- A repeat writes too, so that waiting for durability waits for something.
redis.call('SET', KEYS[1], had, 'KEEPTTL')
local at, content, place, refusal = string.match(had, '^(%d+) (%S+) ([^\n]*)\n?(.*)$')
if place ~= ARGV[1] or content ~= digest then return { 'conflict', refusal } end
if now - at * 1000 >= tonumber(ARGV[3]) then return { 'expired', refusal } end
return { 'same', refusal }
