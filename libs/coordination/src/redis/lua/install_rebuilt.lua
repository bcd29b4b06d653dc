-- Replaces everything with a rebuilt state and ends the round. The first caller of a round succeeds.
--
-- KEYS  1 the cluster document   2 the version   3 the change stream   4 the confirmation
--       5 the round   6 hash of the views   7 the ids of brokers   8 the names of topics
--       9 the deleted topics   10 the controller   11.. one per write
--       The keys of brokers, topics and partitions begin with 7 and 8: they are in the same slot.
-- ARGV  1 '<number> <id>' of the round   2 the new cluster document   3 '<version> <change id>'
--       4.. verb and value per write
-- Returns 1; 0, without effect, when this round is not in progress.

local cluster, version_key, changes_key, confirmation = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local round, views, broker_ids, topic_names = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local deleted_topics, controller = KEYS[9], KEYS[10]
local wanted, new_cluster, version = ARGV[1], ARGV[2], ARGV[3]

if redis.call('GET', round) ~= wanted .. ' ' .. this_process() then
  return 0
end
local refused = first_refusal({
  { 'DEL', broker_ids, topic_names, deleted_topics, controller, changes_key, round, views },
  { 'SET', cluster, '' }, { 'SET', version_key, '' }, { 'SET', confirmation, '' },
}) or refused_writes(11, 4)
if refused then
  return refused
end
for _, id in ipairs(redis.call('SMEMBERS', broker_ids)) do
  redis.call('DEL', broker_ids .. ':' .. id)
end
for _, name in ipairs(redis.call('SMEMBERS', topic_names)) do
  local key = topic_names .. ':' .. name
  local topic = redis.call('GET', key)
  for partition = 0, (topic and cjson.decode(topic).partitions or 0) - 1 do
    redis.call('DEL', key .. ':partitions:' .. partition .. ':state')
  end
  redis.call('DEL', key)
end
redis.call('DEL', broker_ids, topic_names, deleted_topics, controller, changes_key, round, views)
redis.call('SET', cluster, new_cluster)
redis.call('SET', version_key, version)
redis.call('SET', confirmation, this_process())
apply_writes(11, 4)
return 1
