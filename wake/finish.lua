-- Shared by the scripts that end tasks. Numbers are handed to commands as text, of
-- which Redis makes much less work.

local call, done = redis.call, redis.status_reply('OK')

-- Ends a task as asynq v0.26's markAsCompleteCmd does, all but the counts, and leaves
-- the task's result on it. Returns done, or what is wrong with this task alone. An id is
-- active once, and tasks come in at the other end: -1 spares Redis the way through all
-- that are active.
local function finish(active, lease, completed, task, id, forgotten, message, result)
  if call('LREM', active, '-1', id) == 0 then return redis.error_reply('NOT FOUND') end
  if call('ZREM', lease, id) == 0 then return redis.error_reply('NOT FOUND') end
  if call('ZADD', completed, forgotten, id) ~= 1 then return redis.error_reply('INTERNAL') end
  local set = redis.pcall('HSET', task, 'msg', message, 'state', 'completed', 'result', result)
  if type(set) == 'table' then return set end -- an error: the key holds something else
  return done
end

-- Counts tasks that have ended, today and in all. After the greatest count comes 1.
local function count(ended, today, forgotten, total, greatest)
  local n = tostring(ended)
  if call('INCRBY', today, n) == ended then call('EXPIREAT', today, forgotten) end
  if type(redis.pcall('INCRBY', total, n)) == 'table' then -- it would overflow
    call('DECRBY', total, greatest)
    call('INCRBY', total, n)
  end
end
