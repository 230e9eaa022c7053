-- Writes a bucket's mark of a restore. KEYS[1] the mark. ARGV: the mark, and what
-- must stand there now, '*' for anything. Answers 1, or 0 where something else does.
-- It writes in any case, so that there is a write to wait for.
local was = redis.call('GET', KEYS[1]) or ''
if ARGV[2] ~= '*' and was ~= ARGV[2] then
  if was ~= '' then redis.call('SET', KEYS[1], was) end
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
