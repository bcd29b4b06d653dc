-- Returns the id of this Redis process: it differs after every restart, and on every replica. Prefix of
-- the scripts that check whether the registry may have lost commits.

local function this_process()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end
