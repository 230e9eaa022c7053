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
if redis.call('LREM', KEYS[1], 0, ARGV[1]) == 0 then return redis.error_reply('NOT FOUND') end
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return redis.error_reply('NOT FOUND') end
if redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1]) ~= 1 then return redis.error_reply('INTERNAL') end
redis.call('HSET', KEYS[4], 'msg', ARGV[4], 'state', 'completed', 'result', ARGV[6])
if redis.call('INCR', KEYS[5]) == 1 then redis.call('EXPIREAT', KEYS[5], ARGV[2]) end
if redis.call('GET', KEYS[6]) == ARGV[5] then
  redis.call('SET', KEYS[6], 1)
else
  redis.call('INCR', KEYS[6])
end
if KEYS[7] and redis.call('GET', KEYS[7]) == ARGV[1] then redis.call('DEL', KEYS[7]) end
return redis.status_reply('OK')
