-- Reads the rebuild that is under way.
--
-- KEYS  1 the round: '<number> <id> <process>'   2 hash of the views by broker id
-- Returns {number, id, {view, ..}}, or false when there is none that was begun in this process: what an
--         earlier one left was begun on what may be older than what the brokers have by now.

local number, id, process = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%S+) (%x+)$')
if process ~= this_process() then
  return false
end
return { number, id, redis.call('HVALS', KEYS[2]) }
