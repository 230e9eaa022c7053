-- Ends tasks of one queue: what complete.lua does for one that is not unique, for each in
-- turn. They are counted at once.
-- KEYS[1] asynq:{QUEUE}:active   KEYS[2] asynq:{QUEUE}:lease
-- KEYS[3] asynq:{QUEUE}:completed   KEYS[4] asynq:{QUEUE}:processed:DAY
-- KEYS[5] asynq:{QUEUE}:processed, KEYS[6] and on each task. ARGV[1] the greatest count, and
-- of each task its id, when the day's count is forgotten and when the task is, in Unix
-- seconds, the message, and the result.
-- Returns for each OK, or an error if it is not being worked on.
local answers, ended, forgotten = {}, 0, nil
for i = 6, #KEYS do
  local at = 5 * i - 28
  local answer = finish(KEYS[1], KEYS[2], KEYS[3], KEYS[i], ARGV[at], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
  if answer == done then
    ended = ended + 1
    forgotten = forgotten or ARGV[at + 1]
  end
  answers[i - 5] = answer
end
if ended > 0 then count(ended, KEYS[4], forgotten, KEYS[5], ARGV[1]) end
return answers
