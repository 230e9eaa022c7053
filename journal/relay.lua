-- Adds events to the stream. KEYS[1] the stream. ARGV: about how many entries it
-- keeps, then each event as a JSON list of its fields and values in turn.
-- Answers with how many it added.
for i = 2, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(cjson.decode(ARGV[i])))
end
return #ARGV - 1
