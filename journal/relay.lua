-- Adds events to the stream. KEYS[1] the stream. ARGV: about how many entries it keeps,
-- then of each event what stands in the fields below, in that order.
-- Answers with how many it added.
for i = 2, #ARGV, 11 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',
    'refund_id', ARGV[i], 'seq', ARGV[i + 1], 'provider', ARGV[i + 2], 'payment_id', ARGV[i + 3],
    'amount', ARGV[i + 4], 'amount_moved', ARGV[i + 5], 'currency', ARGV[i + 6], 'state', ARGV[i + 7],
    'reason_code', ARGV[i + 8], 'metadata', ARGV[i + 9], 'at', ARGV[i + 10])
end
return (#ARGV - 1) / 11
