-- Stores a refusal with its claim: it stays that id's answer.
-- KEYS[1] claim. ARGV: refusal JSON, retention in ms. Answers the refusal in force.
local claim = redis.call('GET', KEYS[1])
if not claim then return ARGV[1] end -- nothing is claimed, and nothing was taken in
local had = string.match(claim, '\n(.*)$')
if had then
  redis.call('SET', KEYS[1], claim, 'KEEPTTL')
  return had
end
redis.call('SET', KEYS[1], claim .. '\n' .. ARGV[1], 'PX', ARGV[2])
return ARGV[1]
