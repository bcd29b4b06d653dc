import { join } from 'node:path';
import type { FileHandle } from '#runtime';
import type { LogEnvironment, LogState } from '../log/log-state.js';
import { type ByteSpan, readChunk, SCAN_CHUNK_BYTES } from '../record-batch/batch-scan.js';
import type { LogSegment } from '../segment/segment.js';
import { nextCutFileName } from '../segment/segment-names.js';

/**
 * Copies bytes that are about to be cut from a segment into `<base>.log.cut-<n>` beside it,
 * durably; on a full disk it uses the reserved space.
 * @returns the file's name
 */
export async function quarantineBytes(
  { directory }: Pick<LogState, 'directory'>,
  {
    fileSystem,
    reserve,
    quarantine,
  }: Pick<LogEnvironment, 'fileSystem' | 'reserve' | 'quarantine'>,
  segment: LogSegment,
  span: ByteSpan,
): Promise<string> {
  const names = new Set((await fileSystem.readDirectory(directory)).map(({ name }) => name));
  const name = nextCutFileName(segment.baseOffset, names);
  const path = join(directory, name);
  const file = await segment.file.acquire();
  try {
    await reserve.run(async () => {
      const copy = await fileSystem.open(path, 'create');
      try {
        await copyBytes(file, span, copy);
      } finally {
        await copy.close();
      }
    });
  } catch (error) {
    // A partial copy is useless, and its bytes may be needed to make room.
    await fileSystem.removeFile(path);
    throw error;
  } finally {
    segment.file.release();
  }
  quarantine.add(directory, span.to - span.from);
  await fileSystem.syncDirectory(directory);
  return name;
}

async function copyBytes(from: FileHandle, span: ByteSpan, to: FileHandle): Promise<void> {
  for (let position = span.from; position < span.to; position += SCAN_CHUNK_BYTES) {
    const chunk = await readChunk(from, position, Math.min(SCAN_CHUNK_BYTES, span.to - position));
    await to.writev([chunk], position - span.from);
  }
  await to.datasync();
}
