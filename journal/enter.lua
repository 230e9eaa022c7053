-- Claims refund ids and takes the refunds in, one after the other: claim.lua, take.lua and refuse.lua in one, where all keys lie on one server.
-- KEYS[1], KEYS[2], … a claim and a record for each. ARGV: for each one how many
-- arguments follow, and those of take.lua, whose refusal is the claim's here.
-- Answers for each {claim's word, refusal JSON or '', the answer of take.lua unless the
-- claim bars it}; a refusal is stored with the claim.
local answers, at = {}, 1
for i = 1, #KEYS, 2 do
  local count = tonumber(ARGV[at])
  local args = { unpack(ARGV, at + 1, at + count) }
  at = at + 1 + count
  local a = claim({ KEYS[i] }, { args[2], args[10], args[3] })
  if (a[1] == 'new' or a[1] == 'same') and (a[2] == '' or string.find(args[4], 'd', 1, true)) then
    prefix = string.sub(KEYS[i + 1], 1, #'refunds:{000}:')
    args[5] = a[2]
    local taken = take({ KEYS[i + 1] }, args)
    if taken[1] == 'refused' and not taken[6] then taken[5] = refuse({ KEYS[i] }, { taken[5], args[3] }) end
    a[3] = taken
  end
  answers[#answers + 1] = a
end
return answers
