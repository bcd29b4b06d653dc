import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecretRandom } from '#runtime';

const FILE_NAME = 'producer-tokens.key';
const KEY_BYTES = 32;

/**
 * Returns the secret under which the producer tokens of a broker without a cluster are made. It is
 * created at the first start, so that tokens stay valid after a restart.
 * @throws Error if the file cannot be read or written
 */
export async function producerTokenKey(dataDir: string, random: SecretRandom): Promise<string> {
  const path = join(dataDir, FILE_NAME);
  try {
    const key = (await readFile(path, 'utf8')).trim();
    if (key.length >= KEY_BYTES) return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const key = random.bytes(KEY_BYTES).toString('base64url');
  const temporary = await open(`${path}.tmp`, 'w', 0o600);
  try {
    await temporary.writeFile(`${key}\n`);
    await temporary.sync();
  } finally {
    await temporary.close();
  }
  await rename(`${path}.tmp`, path);
  return key;
}
