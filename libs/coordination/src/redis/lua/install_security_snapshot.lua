-- Replaces the snapshot of the security metadata by a later one, and drops the commits before it.
--
-- KEYS  1 the version: '<version> <change id>'   2 the stream of commits   3 the confirmation
--       4 the snapshot, JSON
-- ARGV  1 version and 2 change id of the commit whose state the snapshot has   3 the snapshot
--       4 key of the chunks of a snapshot, without its change id
-- Returns 1; 0, without effect, when the line does not have that commit.

local version_key, commits_key, confirmation, snapshot_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local version, change, snapshot, chunks_prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local made = redis.call('XRANGE', commits_key, version .. '-0', version .. '-0')[1]
local newest = string.match(redis.call('GET', version_key) or '', '^(%d+) ')
local is_confirmed = redis.call('GET', confirmation) == this_process()
if not is_confirmed or not newest or not made or made[2][2] ~= change then
  return 0
end
local found, present = pcall(cjson.decode, redis.call('GET', snapshot_key) or '')
local old_chunks = found and type(present) == 'table' and present.change_id ~= change
  and chunks_prefix .. tostring(present.change_id)
local refused = first_refusal({ { 'SET', snapshot_key, '' }, { 'DEL', old_chunks or snapshot_key } })
if refused then
  return refused
end
redis.call('SET', snapshot_key, snapshot)
-- The commit of the snapshot stays: it shows which line this is.
redis.call('XTRIM', commits_key, 'MAXLEN', tonumber(newest) - tonumber(version) + 1)
if old_chunks then
  redis.call('DEL', old_chunks)
end
return 1
