-- Adds events to the stream. KEYS[1] the stream. ARGV: about how many entries it
-- keeps, how many fields and values an event has, then these of each in turn.
-- Answers with how many it added.
local n = tonumber(ARGV[2])
for first = 3, #ARGV, n do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, first, first + n - 1))
end
return (#ARGV - 2) / n
