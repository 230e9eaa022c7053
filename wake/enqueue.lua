-- asynq v0.26's enqueueCmd, which also wakes those who wait for the queue.
--
-- KEYS[1] asynq:{QUEUE}:t:ID, the task   KEYS[2] asynq:{QUEUE}:pending
-- ARGV[1] the message   ARGV[2] the task's id   ARGV[3] now, in nanoseconds
-- ARGV[4] the channel   ARGV[5] what to say there
-- Returns 1, or 0 if there is a task of that id.
if not keep(KEYS[1], ARGV[1], ARGV[3]) then return 0 end
line_up(KEYS[2], { ARGV[2] }, ARGV[4], ARGV[5])
return 1
