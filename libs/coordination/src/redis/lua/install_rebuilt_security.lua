-- Replaces the line of the security metadata by a snapshot and ends the round of a rebuild. The
-- first caller of a round succeeds.
--
-- KEYS  1 the version   2 the stream of commits   3 the confirmation   4 the snapshot, JSON
--       5 the round   6 hash of the views
-- ARGV  1 '<number> <id>' of the round   2 '<version> <change id>'   3 the snapshot
--       4 key of the chunks of a snapshot, without its change id
-- Returns 1; 0, without effect, when this round is not in progress.

local version_key, commits_key, confirmation, snapshot_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local round, views = KEYS[5], KEYS[6]
local wanted, version, snapshot, chunks_prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

if redis.call('GET', round) ~= wanted .. ' ' .. this_process() then
  return 0
end
local refused = first_refusal({
  { 'DEL', commits_key, round, views },
  { 'SET', version_key, '' }, { 'SET', snapshot_key, '' }, { 'SET', confirmation, '' },
})
if refused then
  return refused
end
local found, present = pcall(cjson.decode, redis.call('GET', snapshot_key) or '')
if found and type(present) == 'table' then
  redis.call('DEL', chunks_prefix .. tostring(present.change_id))
end
redis.call('DEL', commits_key, round, views)
redis.call('SET', snapshot_key, snapshot)
redis.call('SET', version_key, version)
redis.call('SET', confirmation, this_process())
return 1
