/** What is checked of a commit before anything of it is written: all faults at once. */
import {
  type Fault,
  type LeaderEpoch,
  type Offset,
  ProtocolError,
  type TopicPartition,
} from '#protocol';

/** One position to be committed: the next offset to read. */
export interface OffsetCommit extends TopicPartition {
  readonly offset: Offset;
  readonly leaderEpoch?: LeaderEpoch;
  readonly metadata?: string;
}

/** What a check needs to know of the topics. */
interface PartitionCounts {
  topic(name: string): { readonly partitionCount: number } | undefined;
}

/** A partition's high watermark and log start; undefined where they are not known here. */
export type CommitBounds = (
  target: TopicPartition,
) => { readonly logStartOffset: Offset; readonly highWatermark: Offset } | undefined;

/** What commits are checked against. */
export interface CommitChecks {
  readonly topics: PartitionCounts;
  /** Where they are known, an offset above the high watermark is refused. */
  readonly boundsOf: CommitBounds;
  /** Kafka's offset.metadata.max.bytes: UTF-8 bytes of one offset's metadata. */
  readonly offsetMetadataBytesMax: number;
}

/**
 * Checks all offsets of a commit and reports all faults at once.
 * @throws ProtocolError INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE with faults
 */
export function assertCommits(
  offsets: readonly OffsetCommit[],
  { topics, boundsOf, offsetMetadataBytesMax }: CommitChecks,
): void {
  const invalid: Fault[] = [];
  const unknown: Fault[] = [];
  const beyond: Fault[] = [];
  let bounds: ReturnType<CommitBounds>;
  const seen = new Set<string>();
  for (const [at, commit] of offsets.entries()) {
    const pointer = `/offsets/${at}`;
    const key = `${commit.topic} ${commit.partition}`;
    const detail = commitFault(commit, seen.has(key));
    if (detail !== undefined) invalid.push({ pointer, detail });
    const metadataDetail = metadataFault(commit, offsetMetadataBytesMax);
    if (metadataDetail !== undefined) {
      invalid.push({ pointer: `${pointer}/metadata`, detail: metadataDetail });
    }
    seen.add(key);
    const { partition, offset } = commit;
    const partitionCount = topics.topic(commit.topic)?.partitionCount ?? 0;
    if (!(partition >= 0 && partition < partitionCount)) {
      unknown.push(noSuchPartition(commit, pointer));
      continue;
    }
    const known = boundsOf(commit);
    if (known === undefined || offset <= known.highWatermark) continue;
    bounds ??= known;
    const place = `partition ${partition} of topic "${commit.topic}"`;
    const what = `the high watermark of ${place} is ${known.highWatermark}`;
    beyond.push({ pointer: `${pointer}/offset`, detail: what });
  }
  if (invalid.length > 0) {
    throw new ProtocolError('INVALID_REQUEST', faultText(invalid), { faults: invalid });
  }
  if (unknown.length > 0) throw unknownPartition(unknown);
  if (bounds !== undefined) {
    const members = { logStartOffset: bounds.logStartOffset, highWatermark: bounds.highWatermark };
    throw new ProtocolError('OFFSET_OUT_OF_RANGE', faultText(beyond), { faults: beyond, members });
  }
}

function commitFault(commit: OffsetCommit, isRepeated: boolean): string | undefined {
  const { topic, partition, offset, leaderEpoch } = commit;
  if (isRepeated) return `partition ${partition} of topic "${topic}" is there twice`;
  if (!Number.isSafeInteger(offset) || offset < 0) {
    return `an offset is a whole number from 0 on, not ${offset}`;
  }
  if (leaderEpoch !== undefined && !(Number.isSafeInteger(leaderEpoch) && leaderEpoch >= 0)) {
    return `a leader epoch is a whole number from 0 on, not ${leaderEpoch}`;
  }
  return undefined;
}

function metadataFault({ metadata }: OffsetCommit, bytesMax: number): string | undefined {
  // Most metadata is far shorter than the limit: its bytes are counted only near it.
  if (metadata === undefined || metadata.length * 3 <= bytesMax) return undefined;
  const bytes = Buffer.byteLength(metadata);
  return bytes <= bytesMax ? undefined : `metadata has at most ${bytesMax} bytes, not ${bytes}`;
}

export function noSuchPartition({ topic, partition }: TopicPartition, pointer: string): Fault {
  return { pointer, detail: `there is no partition ${partition} of topic "${topic}"` };
}

export function unknownPartition(faults: readonly Fault[]): ProtocolError {
  return new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', faultText(faults), { faults });
}

function faultText(faults: readonly Fault[]): string {
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return `Nothing was committed: ${faults[0]?.detail ?? ''}${more}.`;
}
