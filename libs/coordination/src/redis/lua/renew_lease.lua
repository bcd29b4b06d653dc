-- Renews the lease of one process of a broker, unless the process was declared dead or a later process
-- has the broker id.
--
-- KEYS  1 the lease   2 the version   3 the confirmation   4 the broker's registration
-- ARGV  1 broker epoch of the process   2 a value that differs from that of the last renewal
-- Returns {1 when renewed, otherwise 0, '<version> <change id>'}; false in place of the version when this
--         process neither founded nor rebuilt the cluster: the caller then reads everything.
-- The value is '<broker epoch> <renewal>'. It has no time to live: other brokers watch it for changes.

local lease, version_key, confirmation, registration = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local broker_epoch, renewal = tonumber(ARGV[1]), ARGV[2]

local is_confirmed = redis.call('GET', confirmation) == this_process()
local newest = is_confirmed and redis.call('GET', version_key)
local present = redis.call('GET', lease)
if present and tonumber(string.match(present, '^%d+')) > broker_epoch then
  return { 0, newest }
end
local registered = redis.call('GET', registration)
if registered then
  local broker = cjson.decode(registered)
  local is_dead = broker.broker_epoch == broker_epoch and not broker.alive
  if is_dead or broker.broker_epoch > broker_epoch then
    return { 0, newest }
  end
end
redis.call('SET', lease, ARGV[1] .. ' ' .. renewal)
return { 1, newest }
