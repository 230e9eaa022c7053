-- Puts tasks on one queue: what enqueue.lua does, for each in turn.
-- KEYS[1] asynq:{QUEUE}:pending, KEYS[2] and on each task. ARGV[1] the channel, ARGV[2] what
-- to say there, and of each task the message, its id, and now in nanoseconds.
-- Returns for each 1, or 0 if there is a task of that id.
local answers, new = {}, {}
for i = 2, #KEYS do
  local at = 3 * i - 3
  if keep(KEYS[i], ARGV[at], ARGV[at + 2]) then
    new[#new + 1] = ARGV[at + 1]
    answers[i - 1] = 1
  else
    answers[i - 1] = 0
  end
end
line_up(KEYS[1], new, ARGV[1], ARGV[2])
return answers
