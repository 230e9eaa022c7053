-- Stores a refusal with its claim: it stays that id's answer.
-- KEYS[1] claim. ARGV: refusal JSON, retention in ms. Answers the refusal in force.
local had = redis.call('HGET', KEYS[1], 'refusal')
if had then
  redis.call('HSET', KEYS[1], 'refusal', had)
  return had
end
redis.call('HSET', KEYS[1], 'refusal', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return ARGV[1]
