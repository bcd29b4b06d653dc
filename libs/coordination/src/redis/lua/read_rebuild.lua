-- Reads the rebuild in progress.
--
-- KEYS  1 the round: '<number> <id> <process>'   2 hash of the views by broker id
-- Returns {number, id, {view, ..}}, or false when this process has begun none: a rebuild of an earlier
--         process may have used older states than the brokers have now.

local number, id, process = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%S+) (%x+)$')
if process ~= this_process() then
  return false
end
return { number, id, redis.call('HVALS', KEYS[2]) }
