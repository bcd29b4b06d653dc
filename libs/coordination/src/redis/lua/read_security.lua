-- Reads the security metadata from a version on, at one moment.
--
-- KEYS  1 the version: '<version> <change id>'   2 the stream of commits   3 the confirmation
--       4 the snapshot, JSON   5 hash of revocations by subject
-- ARGV  1 a version that the caller knows   2 most commits in the answer
-- Returns {version, confirmation, 1 when this process is the confirmed one, otherwise 0,
--         change id of the version in ARGV 1, snapshot, number of revocations, {commit, ..}};
--         false in place of any value that is missing.

local version_key, commits_key, confirmation, snapshot_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local revocations = KEYS[5]
local known_version, answer_max = ARGV[1], ARGV[2]

local confirmed_by = redis.call('GET', confirmation)
local known = redis.call('XRANGE', commits_key, known_version .. '-0', known_version .. '-0')[1]
local after = tostring(known_version) .. '-1'
return {
  redis.call('GET', version_key), confirmed_by, confirmed_by == this_process() and 1 or 0,
  known and known[2][2] or false, redis.call('GET', snapshot_key), redis.call('HLEN', revocations),
  redis.call('XRANGE', commits_key, after, '+', 'COUNT', answer_max),
}
