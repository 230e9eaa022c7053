-- Shared by the scripts that put tasks on a queue.

-- Keeps a task as asynq v0.26's enqueueCmd does; false if there is one of that id.
local function keep(task, message, since)
  if redis.call('EXISTS', task) == 1 then return false end
  redis.call('HSET', task, 'msg', message, 'state', 'pending', 'pending_since', since)
  return true
end

-- Puts tasks that are kept in line, and wakes those who wait for the queue. Only what
-- ends its being empty is told: whoever found it empty hears of this, and whoever
-- found a task looks again by itself.
local function line_up(pending, ids, channel, say)
  local waiting = 0
  for first = 1, #ids, 1000 do -- Lua unpacks no more than some thousands
    waiting = redis.call('LPUSH', pending, unpack(ids, first, math.min(first + 999, #ids)))
  end
  if #ids > 0 and waiting == #ids then
    redis.pcall('PUBLISH', channel, say) -- a user who may not loses time, not the task
  end
end
