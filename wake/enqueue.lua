-- asynq v0.26's enqueueCmd, which also wakes those who wait for the queue. Only
-- the task that ends its being empty is told: whoever found it empty hears of
-- this one, and whoever found a task looks again by itself.
--
-- KEYS[1] asynq:{QUEUE}:t:ID, the task   KEYS[2] asynq:{QUEUE}:pending
-- ARGV[1] the message   ARGV[2] the task's id   ARGV[3] now, in nanoseconds
-- ARGV[4] the channel   ARGV[5] what to say there
-- Returns 1, or 0 if there is a task of that id.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'msg', ARGV[1], 'state', 'pending', 'pending_since', ARGV[3])
if redis.call('LPUSH', KEYS[2], ARGV[2]) == 1 then
  redis.pcall('PUBLISH', ARGV[4], ARGV[5]) -- a user who may not loses time, not the task
end
return 1
