/** The check that a damaged replica was repaired, on files of its log. */
import { describe, expect, it } from 'vitest';
import { oneBatch, stamped } from '../../libs/replication/src/testing/batches.js';
import { isUndamaged, type LogFile } from './log-files.js';

const EXTENT = { start: 0, end: 4 };
const OFFSETS = [0, 1, 2, 3];

describe.each([false, true])('a log (compacted: %s)', (isCompacted) => {
  const isWhole = (files: readonly LogFile[]): boolean =>
    isUndamaged(files, { ...EXTENT, isCompacted });

  it('is undamaged with all its batches', () => {
    expect(isWhole([fileOf(0, 1), fileOf(2, 3)])).toBe(true);
  });

  it('may have a gap only where compaction made it', () => {
    expect(isWhole([fileOf(0), fileOf(2, 3)])).toBe(isCompacted);
    expect(isWhole([fileOf(0, 3)])).toBe(isCompacted);
  });

  it.each(OFFSETS)('is damaged by a bit that flips in batch %i', (offset) => {
    const files = [fileOf(0, 1), fileOf(2, 3)];
    const { bytes, baseOffset } = files[offset < 2 ? 0 : 1] ?? fileOf();
    const batchBytes = bytes.length / 2;
    const position = (offset - baseOffset + 1) * batchBytes - 1;
    bytes.writeUInt8(bytes.readUInt8(position) ^ 1, position);
    expect(isWhole(files)).toBe(false);
  });

  it('is damaged when its last records are missing', () => {
    expect(isWhole([fileOf(0, 1), fileOf(2)])).toBe(false);
  });
});

/** A segment with a batch of one record at each offset. */
function fileOf(...offsets: readonly number[]): LogFile {
  const batches = offsets.map((offset) => stamped(oneBatch('a'), offset, 0));
  return { baseOffset: offsets[0] ?? 0, bytes: Buffer.concat(batches) };
}
