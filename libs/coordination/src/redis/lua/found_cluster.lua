-- Founds a cluster if there is none and no rebuild is in progress.
--
-- KEYS  1 the cluster document   2 the version   3 the change stream   4 the confirmation
--       5 the round of a rebuild   6.. one per write
-- ARGV  1 the new cluster document   2 its first '<version> <change id>'
--       3.. verb and value per write
-- Returns the present cluster document: the caller's, or an earlier one; false while a rebuild is in
--         progress.

local cluster, version_key, changes_key = KEYS[1], KEYS[2], KEYS[3]
local confirmation, round = KEYS[4], KEYS[5]
local new_cluster, version = ARGV[1], ARGV[2]

local present = redis.call('GET', cluster)
if present then
  return present
end
if redis.call('EXISTS', round) == 1 then
  return false
end
local refused = first_refusal({
  { 'DEL', changes_key }, { 'SET', cluster, '' }, { 'SET', version_key, '' }, { 'SET', confirmation, '' },
}) or refused_writes(6, 3)
if refused then
  return refused
end
redis.call('DEL', changes_key)
redis.call('SET', cluster, new_cluster)
redis.call('SET', version_key, version)
redis.call('SET', confirmation, this_process())
apply_writes(6, 3)
return new_cluster
