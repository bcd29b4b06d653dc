-- Checks permissions before a script writes. Prefix of the scripts that write to several keys.
--
-- Redis checks the permissions of its user at every command of a script, and keeps the writes of earlier
-- commands when it refuses a later one. A script that checks all permissions first writes everything or
-- nothing. Redis 7 can be asked. Redis 6 cannot: there each command is tried in a form that changes
-- nothing, because Redis checks permissions before it reads the arguments.

-- The error of the form of each command that changes nothing, for a user that has the permission.
-- The other commands are tried on a key of their own, which is removed again.
local HARMLESS = {
  SET = { arguments = { '', 'XX', 'NX' }, error = 'syntax error' },
  XADD = { arguments = { 'no-id', 'id', '' }, error = 'stream ID' },
  LTRIM = { arguments = { 'no-number', 'no-number' }, error = 'not an integer' },
}

-- Key for trying a command; nothing else uses it, and it has the hash tag of the key that it is made of.
local function unused(key)
  return key .. ':unused'
end

-- Returns the error of a command; nil when it succeeds, or fails as `expected` says.
local function failure(expected, ...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then
    return nil
  end
  if expected and string.find(reply.err, expected, 1, true) then
    return nil
  end
  return reply.err
end

-- Tries a command without a change.
local function try(command, key)
  local harmless = HARMLESS[command]
  if harmless then
    return failure(harmless.error, command, key, unpack(harmless.arguments))
  end
  if command == 'DEL' then
    return failure(nil, 'DEL', unused(key))
  end
  return failure(nil, 'DEL', unused(key)) or failure(nil, command, unused(key), '')
    or failure(nil, 'DEL', unused(key))
end

-- Returns an error reply for a command that the user may not run on this key; nil when the user may.
local function refusal(command, key, ...)
  if redis.acl_check_cmd then
    if not redis.acl_check_cmd(command, key, ...) then
      return redis.error_reply('NOPERM the user may not run ' .. command .. ' on ' .. key .. ' (ACL)')
    end
    return nil
  end
  local failed = try(command, key)
  if failed and string.find(failed, '[Uu]ser ') then
    return redis.error_reply('NOPERM the user may not run ' .. command .. ' on ' .. key .. ' (ACL)')
  end
  return failed and redis.error_reply(failed)
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
