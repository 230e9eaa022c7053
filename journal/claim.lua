-- Claims a refund id for one payment and one content; a claim is never taken over.
-- KEYS[1] claim. ARGV: place (provider:payment), digest, retention in ms.
-- Answers {'new'|'same'|'conflict'|'expired', place, refusal JSON or ''}.
local now = clock()
local c = redis.call('HMGET', KEYS[1], 'place', 'digest', 'refusal', 'at')
if not c[1] then
  redis.call('HSET', KEYS[1], 'place', ARGV[1], 'digest', ARGV[2], 'at', text(now))
  return { 'new', ARGV[1], '' }
end
-- A repeat writes too, so that waiting for durability waits for something.
redis.call('HSET', KEYS[1], 'digest', c[2])
if c[1] ~= ARGV[1] or c[2] ~= ARGV[2] then return { 'conflict', c[1], c[3] or '' } end
if now - tonumber(c[4]) >= tonumber(ARGV[3]) then return { 'expired', c[1], c[3] or '' } end
return { 'same', c[1], c[3] or '' }
