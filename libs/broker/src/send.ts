/** Entries of one partition that are sent to its leader, and the result of each. */
import { RecordBatch } from '#log';
import { ProtocolError } from '#protocol';
import type { BatchAppended } from './cluster/leader-transport.js';
import type { ProduceEntry } from './pending-produce.js';
import type { Topic } from './topic.js';

export interface Send {
  readonly topic: Topic;
  readonly partition: number;
  readonly entries: readonly ProduceEntry[];
  /** Index of the first record of each entry. */
  readonly starts: readonly number[];
  readonly recordCount: number;
  readonly batches: readonly Buffer[];
  /**
   * True when the batches have a producer id: then each is appended by itself, else all together.
   */
  readonly isStamped: boolean;
  /** Create time of records that were sent without one, in ms. */
  readonly nowMs: number;
}

/** Number of records that are in the log, counted from the first one. */
export function appendedRecords(send: Send, appended: readonly BatchAppended[]): number {
  const failed = appended.findIndex(({ error }) => error !== undefined);
  const ends = partEnds(send);
  return ends[(failed < 0 ? ends.length : failed) - 1] ?? 0;
}

/** Tells each entry what became of the batches that its records are in. */
export function answerEntries(send: Send, appended: readonly BatchAppended[]): void {
  const { entries, starts, recordCount, nowMs } = send;
  const single = appended.length === 1 ? appended[0]?.result : undefined;
  if (single !== undefined) {
    const { baseOffset, logAppendTimeMs } = single;
    for (let index = 0; index < entries.length; index += 1) {
      const offset = baseOffset + (starts[index] as number);
      entries[index]?.succeed(offset, logAppendTimeMs, nowMs);
    }
    return;
  }
  const ends = partEnds(send);
  for (const [index, entry] of entries.entries()) {
    const start = starts[index] ?? 0;
    const end = starts[index + 1] ?? recordCount;
    const first = ends.findIndex((partEnd) => partEnd > start);
    const last = ends.findIndex((partEnd) => partEnd >= end);
    const parts = appended.slice(first, last + 1);
    const failure = failureOf(parts);
    const result = parts[0]?.result;
    if (failure !== undefined) entry.fail(failure);
    else if (result === undefined || !isOneRow(parts)) entry.fail(scattered());
    else {
      const partStart = first === 0 ? 0 : (ends[first - 1] ?? 0);
      entry.succeed(result.baseOffset + start - partStart, result.logAppendTimeMs, nowMs);
    }
  }
}

export function failEntries(entries: readonly ProduceEntry[], error: unknown): void {
  for (const entry of entries) entry.fail(error);
}

/** Number of records up to the end of each result of an append. */
function partEnds({ batches, isStamped, recordCount }: Send): readonly number[] {
  if (!isStamped || batches.length === 1) return [recordCount];
  const ends: number[] = [];
  for (const bytes of batches) ends.push((ends.at(-1) ?? 0) + new RecordBatch(bytes).recordCount);
  return ends;
}

/**
 * The error of an entry whose batches have these ends; an entry that is partly in the log is not
 * `failed`.
 */
function failureOf(parts: readonly BatchAppended[]): ProtocolError | undefined {
  const error = parts.find((part) => part.error !== undefined)?.error;
  if (error === undefined || error.outcome !== 'failed') return error;
  if (parts.every((part) => part.error?.outcome === 'failed')) return error;
  return new ProtocolError(error.code, error.message, { cause: error, outcome: 'unknown' });
}

function isOneRow(parts: readonly BatchAppended[]): boolean {
  return parts.every((part, index) => {
    const before = parts[index - 1]?.result;
    return before === undefined || before.lastOffset + 1 === part.result?.baseOffset;
  });
}

/**
 * A crash of a leader may keep the first batches of a request and lose the last ones, which then
 * are written after other records: all are in the log, but not at consecutive offsets.
 */
function scattered(): ProtocolError {
  return new ProtocolError(
    'DUPLICATE_SEQUENCE_NUMBER',
    'The records are in the log, but not next to each other: a leader failed between them.',
  );
}
