-- Reads the whole metadata at one moment.
--
-- KEYS  1 the cluster document   2 the version   3 the change stream   4 the controller
--       5 the ids of brokers   6 the names of topics   7 the deleted topics   8 the confirmation
--       The keys of brokers, topics and partitions begin with 5 and 6: they are in the same slot.
-- ARGV  1 a version that the caller knows
-- Returns {cluster document, '<version> <change id>', controller, {id, broker, ..},
--         {name, topic, {state of partition 0, ..}, ..}, {deleted topic, ..},
--         change id of the version in ARGV 1 or false when the stream no longer has it,
--         1 when this process founded or rebuilt the cluster, otherwise 0};
--         false in place of any value that is missing.

local cluster, version, changes, controller = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local broker_ids, topic_names, deleted_topics, confirmation = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local known_version = ARGV[1]

local brokers = {}
for _, id in ipairs(redis.call('SMEMBERS', broker_ids)) do
  brokers[#brokers + 1] = id
  brokers[#brokers + 1] = redis.call('GET', broker_ids .. ':' .. id)
end

local topics = {}
for _, name in ipairs(redis.call('SMEMBERS', topic_names)) do
  local key = topic_names .. ':' .. name
  local topic = redis.call('GET', key)
  local states = {}
  local count = topic and cjson.decode(topic).partitions or 0
  for partition = 0, count - 1 do
    states[partition + 1] = redis.call('GET', key .. ':partitions:' .. partition .. ':state')
  end
  topics[#topics + 1] = name
  topics[#topics + 1] = topic
  topics[#topics + 1] = states
end

local known = redis.call('XRANGE', changes, known_version .. '-0', known_version .. '-0')[1]
return {
  redis.call('GET', cluster), redis.call('GET', version), redis.call('GET', controller),
  brokers, topics, redis.call('LRANGE', deleted_topics, 0, -1), known and known[2][2] or false,
  redis.call('GET', confirmation) == this_process() and 1 or 0,
}
