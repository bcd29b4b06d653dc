-- Applies the writes of a commit to the keys that people read. Prefix of the scripts that commit.
--
-- KEYS  from `first_key` on, one per write
-- ARGV  from `first_argument` on, a verb and a value per write
-- The caller writes the JSON of values: cjson would write an empty array as an object.

local DELETED_TOPICS_KEPT = 10000

local verbs = {
  set = function(key, value) redis.call('SET', key, value) end,
  delete = function(key) redis.call('DEL', key) end,
  add = function(key, value) redis.call('SADD', key, value) end,
  remove = function(key, value) redis.call('SREM', key, value) end,
  append = function(key, value)
    redis.call('RPUSH', key, value)
    redis.call('LTRIM', key, -DELETED_TOPICS_KEPT, -1)
  end,
}

local probes = {
  set = function(key) return refusal('SET', key, '') end,
  delete = function(key) return refusal('DEL', key) end,
  add = function(key) return refusal('SADD', key, '') end,
  remove = function(key) return refusal('SREM', key, '') end,
  append = function(key) return refusal('RPUSH', key, '') or refusal('LTRIM', key, '0', '-1') end,
}

-- Returns an error reply when the user may not perform one of the writes; otherwise nil.
local function refused_writes(first_key, first_argument)
  local argument = first_argument
  for index = first_key, #KEYS do
    local refused = probes[ARGV[argument]](KEYS[index])
    if refused then
      return refused
    end
    argument = argument + 2
  end
end

local function apply_writes(first_key, first_argument)
  local argument = first_argument
  for index = first_key, #KEYS do
    verbs[ARGV[argument]](KEYS[index], ARGV[argument + 1])
    argument = argument + 2
  end
end
