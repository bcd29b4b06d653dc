-- Checks permissions before a script writes. Stands before the scripts that write to several keys.
--
-- Redis checks the permissions of its user at every command of a script, and keeps what an earlier command
-- wrote when a later one is refused. A script that has asked for all of them first writes everything or
-- nothing. Redis 6 cannot be asked: there a user needs all permissions that docs/operating/cluster.md names.

-- Returns an error reply for a command that the user may not run on this key; nil when the user may.
local function refusal(command, key, ...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(command, key, ...) then
    return redis.error_reply('NOPERM the user may not run ' .. command .. ' on ' .. key)
  end
end

-- The same for several commands, each a table of its words.
local function first_refusal(commands)
  for _, words in ipairs(commands) do
    local refused = refusal(unpack(words))
    if refused then
      return refused
    end
  end
end
