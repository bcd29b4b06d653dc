-- Renews the lease of one process of a broker, unless a later process has the broker id.
--
-- KEYS  1 the lease   2 the version   3 the confirmation
-- ARGV  1 broker epoch of the process   2 a value that differs from that of the last renewal
-- Returns {1 when renewed, otherwise 0, '<version> <change id>'}; false in place of the version when this
--         process neither founded nor rebuilt the cluster: the caller then reads everything.
-- The value is '<broker epoch> <renewal>'. It has no time to live: other brokers watch it for changes.

local lease, version_key, confirmation = KEYS[1], KEYS[2], KEYS[3]
local broker_epoch, renewal = ARGV[1], ARGV[2]

local is_confirmed = redis.call('GET', confirmation) == this_process()
local newest = is_confirmed and redis.call('GET', version_key)
local present = redis.call('GET', lease)
if present and tonumber(string.match(present, '^%d+')) > tonumber(broker_epoch) then
  return { 0, newest }
end
redis.call('SET', lease, broker_epoch .. ' ' .. renewal)
return { 1, newest }
