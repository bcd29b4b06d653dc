import { join } from 'node:path';
import type { Offset } from '#protocol';
import type { FileSystem } from '#runtime';
import { scanBatches } from '../record-batch/batch-scan.js';
import {
  isCutFileName,
  parseSegmentFileName,
  type SegmentFileKind,
  type SegmentFileName,
  segmentFileName,
} from '../segment/segment-names.js';

/** A segment's `.log` in a partition's directory. */
export interface SegmentFile {
  readonly baseOffset: Offset;
  readonly sizeBytes: number;
}

/** The files of a log after `settleLogFiles`. */
export interface SettledFiles {
  /** Segments in the order of their base offsets. */
  readonly segments: readonly SegmentFile[];
  /**
   * Paths of `.log.deleted` files before the first segment. They prove that this broker deleted the
   * records below the first segment, and stay until the log start is recorded.
   */
  readonly deletedBefore: readonly string[];
  /** Names of quarantine files with bytes that were cut from segments. */
  readonly cut: readonly string[];
}

const INDEX_KINDS: readonly SegmentFileKind[] = ['index', 'timeindex', 'txnindex'];

/**
 * Brings a partition's directory to a state in which its files are exactly those of the log: it
 * finishes or reverts steps that a crash interrupted, in the order of Kafka's LogLoader.
 *
 * - `.deleted`, `.cleaned`, `.tmp`: removed, except deletions whose log start was not recorded
 * - `.log.swap`: a complete compacted segment. The segments it replaces, from its base offset to
 *   its own last offset, are removed, then it gets its name. Its indexes are removed and rebuilt:
 *   some of them may be those of the old segments
 * - indexes without a log: removed
 *
 * @param logStart the recorded log start
 */
export async function settleLogFiles(
  fileSystem: FileSystem,
  directory: string,
  logStart: Offset,
): Promise<SettledFiles> {
  const { files, cut } = await segmentFiles(fileSystem, directory);
  const unrecorded = unrecordedDeletions(files, logStart);
  let changes = 0;
  const remove = async (file: SegmentFileName): Promise<void> => {
    const name = segmentFileName(file.baseOffset, file.kind, file.suffix);
    await fileSystem.removeFile(join(directory, name));
    changes += 1;
  };
  for (const file of files) {
    const isLeftover = file.suffix === '.deleted' || file.suffix === '.cleaned';
    const isIndexSwap = file.suffix === '.swap' && file.kind !== 'log';
    if ((isLeftover && !unrecorded.has(file)) || isIndexSwap) await remove(file);
  }
  for (const { baseOffset, kind, suffix } of files) {
    if (kind !== 'log' || suffix !== '.swap') continue;
    await finishSwap(fileSystem, directory, baseOffset, files);
    changes += 1;
  }
  const bases = await logBases(fileSystem, directory);
  for (const file of files) {
    if (file.kind !== 'log' && file.suffix === '' && !bases.has(file.baseOffset)) {
      await remove(file);
    }
  }
  if (changes > 0) await fileSystem.syncDirectory(directory);
  const segments: SegmentFile[] = [];
  for (const baseOffset of [...bases].toSorted((a, b) => a - b)) {
    const path = join(directory, segmentFileName(baseOffset, 'log'));
    segments.push({ baseOffset, sizeBytes: (await fileSystem.fileSize(path)) ?? 0 });
  }
  const deletedBefore = Array.from(unrecorded, ({ baseOffset, kind, suffix }) => {
    return join(directory, segmentFileName(baseOffset, kind, suffix));
  });
  return { segments, deletedBefore, cut };
}

/**
 * Returns the `.log.deleted` files before the first segment when that begins above the log start.
 */
function unrecordedDeletions(
  files: readonly SegmentFileName[],
  logStart: Offset,
): ReadonlySet<SegmentFileName> {
  const logs = files.filter(({ kind }) => kind === 'log');
  const kept = logs.filter(({ suffix }) => suffix === '' || suffix === '.swap');
  const first = Math.min(...kept.map(({ baseOffset }) => baseOffset));
  if (first <= logStart) return new Set();
  return new Set(
    logs.filter(({ suffix, baseOffset }) => suffix === '.deleted' && baseOffset < first),
  );
}

async function finishSwap(
  fileSystem: FileSystem,
  directory: string,
  baseOffset: Offset,
  files: readonly SegmentFileName[],
): Promise<void> {
  const swap = join(directory, segmentFileName(baseOffset, 'log', '.swap'));
  const endOffset = await endOffsetOf(fileSystem, swap, baseOffset);
  for (const { baseOffset: base, kind, suffix } of files) {
    const isReplaced = base === baseOffset || (base > baseOffset && base < endOffset);
    if (suffix !== '' || !isReplaced) continue;
    // The rename replaces the log of the same base atomically.
    if (kind === 'log' && base === baseOffset) continue;
    await fileSystem.removeFile(join(directory, segmentFileName(base, kind)));
  }
  await fileSystem.rename(swap, join(directory, segmentFileName(baseOffset, 'log')));
  for (const kind of INDEX_KINDS) {
    await fileSystem.removeFile(join(directory, segmentFileName(baseOffset, kind)));
  }
}

/** Returns the offset after the last one in a log file; its base offset when it is empty. */
async function endOffsetOf(
  fileSystem: FileSystem,
  path: string,
  baseOffset: Offset,
): Promise<Offset> {
  const file = await fileSystem.open(path, 'read');
  try {
    let endOffset = baseOffset;
    const span = { from: 0, to: await file.sizeBytes() };
    await scanBatches(file, span, (batch) => {
      endOffset = batch.nextOffset;
      return 'next';
    });
    return endOffset;
  } finally {
    await file.close();
  }
}

interface FoundFiles {
  readonly files: readonly SegmentFileName[];
  readonly cut: readonly string[];
}

async function segmentFiles(fileSystem: FileSystem, directory: string): Promise<FoundFiles> {
  const files: SegmentFileName[] = [];
  const cut: string[] = [];
  for (const { name, isDirectory } of await fileSystem.readDirectory(directory)) {
    if (isDirectory) continue;
    if (name.endsWith('.tmp')) await fileSystem.removeFile(join(directory, name));
    const file = parseSegmentFileName(name);
    if (file !== undefined) files.push(file);
    else if (isCutFileName(name)) cut.push(name);
  }
  return { files, cut };
}

async function logBases(fileSystem: FileSystem, directory: string): Promise<Set<Offset>> {
  const bases = new Set<Offset>();
  for (const { name } of await fileSystem.readDirectory(directory)) {
    const file = parseSegmentFileName(name);
    if (file?.kind === 'log' && file.suffix === '') bases.add(file.baseOffset);
  }
  return bases;
}
