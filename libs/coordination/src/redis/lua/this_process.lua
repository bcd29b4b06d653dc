-- Which Redis process this is: another one after every restart, and on every replica. Stands before the
-- scripts that have to know whether the registry may have lost commits.

local function this_process()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end
