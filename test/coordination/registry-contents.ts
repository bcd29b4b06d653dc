import type { RedisServer } from '../support/redis-server.js';

const SCRIPT = `
  local contents = {}
  for _, key in ipairs(redis.call('KEYS', '*{c}*')) do
    if not string.find(key, ':leases:', 1, true) then
      table.insert(contents, key .. ' ' .. redis.sha1hex(redis.call('DUMP', key)))
    end
  end
  table.sort(contents)
  return contents
`;

/** Names and hashed contents of all keys that a commit of the cluster `c` can write. */
export function registryContents(redis: RedisServer): Promise<string> {
  return redis.cli('EVAL', SCRIPT, '0');
}
