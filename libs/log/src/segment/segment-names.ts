/**
 * Names of the files of a partition, which are those of Kafka.
 *
 * `<base offset, 20 digits>` + kind + suffix:
 *
 * | suffix     | meaning at load                                                            |
 * |------------|----------------------------------------------------------------------------|
 * | none       | a file of the log                                                          |
 * | `.deleted` | no longer of the log; removed as soon as nobody reads it, and at load      |
 * | `.cleaned` | output of a compaction that did not finish; removed at load                |
 * | `.swap`    | complete output of a compaction; replacing the old files is finished at load |
 * | `.tmp`     | content of a checkpoint or snapshot that was never renamed; removed at load |
 */
export type SegmentFileKind = 'log' | 'index' | 'timeindex' | 'txnindex';
export type SegmentFileSuffix = '' | '.deleted' | '.cleaned' | '.swap';

export interface SegmentFileName {
  readonly baseOffset: number;
  readonly kind: SegmentFileKind;
  readonly suffix: SegmentFileSuffix;
}

/** A directory with this suffix is a partition that is being deleted. */
export const DELETED_DIRECTORY_SUFFIX = '-delete';
/** A directory with this suffix was a partition that this broker no longer hosts. */
export const STRAY_DIRECTORY_SUFFIX = '-stray';

/** Longest file name in bytes that file systems accept; topic names are ASCII. */
const NAME_BYTES_MAX = 255;

/**
 * Returns the directory name of a former partition: its name, cut if it would be too long, and a
 * unique part.
 */
export function formerDirectoryName(
  partitionName: string,
  uuid: string,
  kind: typeof DELETED_DIRECTORY_SUFFIX | typeof STRAY_DIRECTORY_SUFFIX,
): string {
  const suffix = `.${uuid}${kind}`;
  return `${partitionName.slice(0, NAME_BYTES_MAX - suffix.length)}${suffix}`;
}

const SEGMENT_FILE = /^(\d{20})\.(log|index|timeindex|txnindex)(\.deleted|\.cleaned|\.swap)?$/;

/** Returns the name of one file of a segment, without its directory. */
export function segmentFileName(
  baseOffset: number,
  kind: SegmentFileKind,
  suffix: SegmentFileSuffix = '',
): string {
  return `${offsetDigits(baseOffset)}.${kind}${suffix}`;
}

/** Parses the name of a segment file; undefined for any other file. */
export function parseSegmentFileName(name: string): SegmentFileName | undefined {
  const match = SEGMENT_FILE.exec(name);
  if (match === null) return undefined;
  const baseOffset = Number(match[1]);
  if (!Number.isSafeInteger(baseOffset)) return undefined;
  return {
    baseOffset,
    kind: match[2] as SegmentFileKind,
    suffix: (match[3] ?? '') as SegmentFileSuffix,
  };
}

const CUT_FILE = /^\d{20}\.log\.cut-\d+$/;

/** True when a file has bytes that were cut from a segment. */
export function isCutFileName(name: string): boolean {
  return CUT_FILE.test(name);
}

/**
 * Returns the name of a quarantine file for bytes cut from a segment: `<base>.log.cut-<n>`, n
 * counted from 1.
 */
function cutFileName(baseOffset: number, n: number): string {
  return `${segmentFileName(baseOffset, 'log')}.cut-${n}`;
}

/** Returns the first name of `cutFileName` that is not among `names`. */
export function nextCutFileName(baseOffset: number, names: ReadonlySet<string>): string {
  let n = 1;
  while (names.has(cutFileName(baseOffset, n))) n += 1;
  return cutFileName(baseOffset, n);
}

function offsetDigits(offset: number): string {
  return String(offset).padStart(20, '0');
}
