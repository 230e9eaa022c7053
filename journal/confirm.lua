-- Writes something, so that there is a write to wait for behind all those that
-- the server had before. KEYS[1] a key for nothing else.
return redis.call('SET', KEYS[1], '1')
