-- asynq v0.26's markAsCompleteCmd and markAsCompleteUniqueCmd, which also leave the
-- task's result on it.
--
-- KEYS[1] asynq:{QUEUE}:active   KEYS[2] asynq:{QUEUE}:lease
-- KEYS[3] asynq:{QUEUE}:completed   KEYS[4] asynq:{QUEUE}:t:ID, the task
-- KEYS[5] asynq:{QUEUE}:processed:DAY   KEYS[6] asynq:{QUEUE}:processed
-- KEYS[7] what a unique task keeps others out with, of such a one
-- ARGV[1] the task's id   ARGV[2] when the day's count is forgotten and
-- ARGV[3] when the task is, in Unix seconds   ARGV[4] the message
-- ARGV[5] the greatest count   ARGV[6] the result
-- Returns OK, or an error if the task is not being worked on.
local answer = finish(KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1], ARGV[3], ARGV[4], ARGV[6])
if answer ~= done then return answer end
count(1, KEYS[5], ARGV[2], KEYS[6], ARGV[5])
if KEYS[7] and call('GET', KEYS[7]) == ARGV[1] then call('DEL', KEYS[7]) end
return done
