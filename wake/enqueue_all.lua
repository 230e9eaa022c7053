-- Puts tasks on one queue: what enqueue.lua does, for each in turn.
-- KEYS[1] asynq:{QUEUE}:pending, KEYS[2] and on each task. ARGV[1] the channel, ARGV[2] what
-- to say there, and of each task the message, its id, and now in nanoseconds.
-- Returns for each 1, or 0 if there is a task of that id.
local answers, new = {}, {}
for i = 2, #KEYS do
  local at = 3 * i - 3
  if redis.call('EXISTS', KEYS[i]) == 1 then
    answers[i - 1] = 0
  else
    redis.call('HSET', KEYS[i], 'msg', ARGV[at], 'state', 'pending', 'pending_since', ARGV[at + 2])
    new[#new + 1] = ARGV[at + 1]
    answers[i - 1] = 1
  end
end
local waiting = 0
for first = 1, #new, 1000 do -- Lua unpacks no more than some thousands
  waiting = redis.call('LPUSH', KEYS[1], unpack(new, first, math.min(first + 999, #new)))
end
if #new > 0 and waiting == #new then redis.pcall('PUBLISH', ARGV[1], ARGV[2]) end
return answers
