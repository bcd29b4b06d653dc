import { readdir, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes of a record batch before the part that its length field counts. */
const LOG_OVERHEAD_BYTES = 12;
const BATCH_LENGTH_AT = 8;

/**
 * Removes the last record batch of a partition's newest segment, like a file system that lost
 * synced bytes. The gateway must not run.
 * @param partition its directory, `orders-0`
 */
export async function loseLastBatch(dataDir: string, partition: string): Promise<void> {
  const directory = join(dataDir, partition);
  const logs = (await readdir(directory)).filter((name) => name.endsWith('.log')).toSorted();
  const path = join(directory, logs.at(-1) ?? '');
  const content = await readFile(path);
  let last = 0;
  for (let at = 0; at < content.length; ) {
    last = at;
    at += LOG_OVERHEAD_BYTES + content.readInt32BE(at + BATCH_LENGTH_AT);
  }
  await truncate(path, last);
}

/**
 * Removes the second segment of a partition that has three or more. The gateway must not run.
 * @param partition its directory, `orders-0`
 * @returns the offsets that are missing then
 */
export async function loseMiddleSegment(
  dataDir: string,
  partition: string,
): Promise<{ readonly startOffset: number; readonly endOffset: number }> {
  const directory = join(dataDir, partition);
  const [, second = '', third = ''] = (await readdir(directory))
    .filter((name) => name.endsWith('.log'))
    .toSorted();
  await rm(join(directory, second));
  return { startOffset: Number.parseInt(second, 10), endOffset: Number.parseInt(third, 10) };
}

/**
 * Removes the oldest segment of a partition. The gateway must not run.
 * @param partition its directory, `orders-0`
 * @returns the base offset of the segment that is now the first
 */
export async function loseFirstSegment(dataDir: string, partition: string): Promise<number> {
  const directory = join(dataDir, partition);
  const [first = '', second = ''] = (await readdir(directory))
    .filter((name) => name.endsWith('.log'))
    .toSorted();
  await rm(join(directory, first));
  return Number.parseInt(second, 10);
}
