-- Commits one change of the security metadata if the newest commit is still the known one.
--
-- KEYS  1 the version: '<version> <change id>'   2 the stream of commits   3 the confirmation
-- ARGV  1 the version that was decided on, as stored   2 version and 3 change id of the commit
--       4 change id of the commit before   5 its changes, JSON   6 its signature
-- Returns 'committed', also when an earlier call made this commit: after a lost reply the caller
--         repeats it; 'unconfirmed' when the metadata was not installed in this Redis process;
--         'conflict' when another commit came first.
-- Invariant: the stream's entry <version>-0 is the commit that made the version.

local version_key, commits_key, confirmation = KEYS[1], KEYS[2], KEYS[3]
local known, version, change, previous = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local changes, signature = ARGV[5], ARGV[6]

if redis.call('GET', confirmation) ~= this_process() then
  return 'unconfirmed'
end
if redis.call('GET', version_key) ~= known then
  local made = redis.call('XRANGE', commits_key, version .. '-0', version .. '-0')[1]
  return made and made[2][2] == change and 'committed' or 'conflict'
end
local refused = refusal('XADD', commits_key, '*', 'id', change) or refusal('SET', version_key, version)
if refused then
  return refused
end
-- XADD is the only write that can still fail, and it comes first.
redis.call('XADD', commits_key, version .. '-0',
  'id', change, 'previous', previous, 'changes', changes, 'signature', signature)
redis.call('SET', version_key, version .. ' ' .. change)
return 'committed'
