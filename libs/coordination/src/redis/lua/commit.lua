-- Commits one change of the metadata, all or nothing, if the metadata is still the known one.
--
-- KEYS  1 the cluster document   2 the version   3 the change stream   4 the confirmation
--       5.. one per write
-- ARGV  1 the cluster document that the caller knows
--       2 version and 3 change id of the state that was decided on
--       4 version, one higher, and 5 change id of the commit   6 its changes, JSON
--       7 length of the stream   8 most commits in an answer
--       9.. verb and value per write
-- Returns {'committed'}, also when an earlier call made this commit: after a lost reply the caller
--         repeats it;
--         {'other-cluster'} when the document is another one or missing;
--         {'unconfirmed'} when this Redis process neither founded nor rebuilt the cluster;
--         {'conflict', {entry, ..}}: the commits since, as far as the stream has them.
-- Invariant: the stream's entry <version>-0 is the commit that made the version.

local cluster, version_key, changes_key, confirmation = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local known_cluster, known_version, known_change = ARGV[1], ARGV[2], ARGV[3]
local version, change, changes = ARGV[4], ARGV[5], ARGV[6]
local stream_max, answer_max = ARGV[7], ARGV[8]

if redis.call('GET', cluster) ~= known_cluster then
  return { 'other-cluster' }
end
if redis.call('GET', confirmation) ~= this_process() then
  return { 'unconfirmed' }
end

if redis.call('GET', version_key) ~= known_version .. ' ' .. known_change then
  local made = redis.call('XRANGE', changes_key, version .. '-0', version .. '-0')[1]
  if made and made[2][2] == change then
    return { 'committed' }
  end
  local missed = redis.call('XRANGE', changes_key, version .. '-0', '+', 'COUNT', answer_max)
  return { 'conflict', missed }
end

local refused = refusal('XADD', changes_key, '*', 'id', change)
  or refusal('SET', version_key, version) or refused_writes(5, 9)
if refused then
  return refused
end
-- XADD is the only write that can still fail, and it comes first.
redis.call('XADD', changes_key, 'MAXLEN', '~', stream_max, version .. '-0',
  'id', change, 'previous', known_change, 'changes', changes)
redis.call('SET', version_key, version .. ' ' .. change)
apply_writes(5, 9)
return { 'committed' }
