import type { Logger } from '#runtime';
import { RegistryRefusedError } from '../registry-errors.js';
import type { RedisConnection } from './redis-connection.js';

/**
 * Warns when Redis may lose the metadata: because it evicts keys, or writes nothing to disk. Only
 * the node that answers is checked.
 * @param redis address for messages
 */
export async function warnOfUnsafeSettings(
  connection: RedisConnection,
  redis: string,
  logger: Logger,
): Promise<void> {
  const info = await connection.call<string>((client) => client.info());
  const fields = fieldsOf(info);
  const policy = fields.get('maxmemory_policy') ?? 'noeviction';
  if (fields.get('maxmemory') !== '0' && policy !== 'noeviction') {
    logger.warn(
      { redis, policy },
      'Redis evicts keys when its memory is full: set maxmemory-policy to noeviction',
    );
  }
  if (fields.get('aof_enabled') === '0' && (await savePoints(connection)) === '') {
    logger.warn(
      { redis },
      'Redis writes nothing to disk: a restart empties it, and the brokers have to rebuild it. ' +
        'Set appendonly to yes',
    );
  }
}

/** The `save` setting of Redis; undefined when Redis does not report it. */
async function savePoints(connection: RedisConnection): Promise<string | undefined> {
  try {
    const setting = await connection.call<string[]>((client) => client.config('GET', 'save'));
    return setting[1];
  } catch (error) {
    // Hosted Redis services have no CONFIG command.
    if (error instanceof RegistryRefusedError) return undefined;
    throw error;
  }
}

function fieldsOf(info: string): Map<string, string> {
  return new Map(
    info.split('\r\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
}
