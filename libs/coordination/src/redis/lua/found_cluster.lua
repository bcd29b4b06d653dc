-- Founds a cluster where there is none.
--
-- KEYS  1 the cluster document   2 the version   3 the change stream   4.. one for each write
-- ARGV  1 the cluster document to be   2 its first '<version> <change id>'
--       3.. verb and value for each write
-- Returns the cluster document that is there now: the caller's, or that of who was first.

local cluster, version_key, changes_key = KEYS[1], KEYS[2], KEYS[3]
local new_cluster, version = ARGV[1], ARGV[2]

local present = redis.call('GET', cluster)
if present then
  return present
end
redis.call('DEL', changes_key)
redis.call('SET', cluster, new_cluster)
redis.call('SET', version_key, version)
apply_writes(4, 3)
return new_cluster
