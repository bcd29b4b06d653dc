-- Publishes the state that one broker contributes to a rebuild.
--
-- KEYS  1 the round   2 hash of the views by broker id
-- ARGV  1 '<number> <id>' of the round   2 the broker's id   3 the view, JSON
-- Does nothing when another round is in progress. Returns nothing.

local round, views = KEYS[1], KEYS[2]
local wanted, broker, view = ARGV[1], ARGV[2], ARGV[3]

if redis.call('GET', round) == wanted .. ' ' .. this_process() then
  redis.call('HSET', views, broker, view)
end
