-- Checks permissions before a script writes. Prefix of the scripts that write to several keys.
--
-- Redis checks the permissions of its user at every command of a script, and keeps the writes of earlier
-- commands when it refuses a later one. A script that checks all permissions first writes everything or
-- nothing. Redis 6 has no such check: its user needs all permissions in docs/operating/cluster.md.

-- Returns an error reply for a command that the user may not run on this key; nil when the user may.
local function refusal(command, key, ...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(command, key, ...) then
    return redis.error_reply('NOPERM the user may not run ' .. command .. ' on ' .. key)
  end
end

-- Checks several commands, each given as a table of its words.
local function first_refusal(commands)
  for _, words in ipairs(commands) do
    local refused = refusal(unpack(words))
    if refused then
      return refused
    end
  end
end
