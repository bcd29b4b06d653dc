-- Begins a round of a rebuild. No commit is accepted until a round has ended.
--
-- KEYS  1 the round   2 hash of the views   3 the confirmation
-- ARGV  1 '<number> <id>' of the round that the caller knows; empty: none
--       2 the confirmation that the caller has seen; empty: none
--       3 '<number> <id>' of the new round
-- Does nothing when the round or the confirmation is another one. Returns nothing.

local round, views, confirmation = KEYS[1], KEYS[2], KEYS[3]
local known_round, known_confirmation, new_round = ARGV[1], ARGV[2], ARGV[3]

local present, process = string.match(redis.call('GET', round) or '', '^(%d+ %S+) (%x+)$')
if process ~= this_process() then
  present = nil
end
if (present or '') ~= known_round then
  return
end
if (redis.call('GET', confirmation) or '') ~= known_confirmation then
  return
end
local refused = first_refusal({ { 'DEL', views, confirmation }, { 'SET', round, '' } })
if refused then
  return refused
end
redis.call('DEL', views, confirmation)
redis.call('SET', round, new_round .. ' ' .. this_process())
