/** The checks of a commit that run before anything is written; they report all faults at once. */
import {
  FaultList,
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

/** The lookup of partition counts that a check needs. */
interface PartitionCounts {
  topic(name: string): { readonly partitionCount: number } | undefined;
}

/**
 * Returns high watermark and log start offset of a partition; undefined where this broker does not
 * know them.
 */
export type CommitBounds = (
  target: TopicPartition,
) => { readonly logStartOffset: Offset; readonly highWatermark: Offset } | undefined;

/** The data that commits are checked against. */
export interface CommitChecks {
  readonly topics: PartitionCounts;
  /** An offset above a known high watermark is refused. */
  readonly boundsOf: CommitBounds;
  /** Kafka's offset.metadata.max.bytes: limit of UTF-8 bytes of one offset's metadata. */
  readonly offsetMetadataBytesMax: number;
}

/**
 * Checks all offsets of a commit and reports all faults at once.
 * @throws ProtocolError INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE with
 *   faults
 */
export function assertCommits(
  offsets: readonly OffsetCommit[],
  { topics, boundsOf, offsetMetadataBytesMax }: CommitChecks,
): void {
  const invalid = new FaultList();
  const unknown = new FaultList();
  const beyond = new FaultList();
  let bounds: ReturnType<CommitBounds>;
  const seen = new Set<string>();
  for (const [at, commit] of offsets.entries()) {
    const pointer = `/offsets/${at}`;
    const key = `${commit.topic} ${commit.partition}`;
    const fault = commitFault(commit, seen.has(key));
    if (fault !== undefined) invalid.add(pointer + fault.member, fault.detail);
    const metadataDetail = metadataFault(commit, offsetMetadataBytesMax);
    if (metadataDetail !== undefined) invalid.add(`${pointer}/metadata`, metadataDetail);
    seen.add(key);
    const { partition, offset } = commit;
    const partitionCount = topics.topic(commit.topic)?.partitionCount ?? 0;
    if (!(partition >= 0 && partition < partitionCount)) {
      unknown.add(pointer, unknownPartitionText(commit));
      continue;
    }
    const known = boundsOf(commit);
    if (known === undefined || offset <= known.highWatermark) continue;
    bounds ??= known;
    const place = `partition ${partition} of topic "${commit.topic}"`;
    const what = `the high watermark of ${place} is ${known.highWatermark}`;
    beyond.add(`${pointer}/offset`, what);
  }
  if (invalid.count > 0) {
    throw new ProtocolError('INVALID_REQUEST', faultText(invalid), invalid.asOptions);
  }
  if (unknown.count > 0) throw unknownPartitionsError(unknown);
  if (bounds !== undefined) {
    const members = { logStartOffset: bounds.logStartOffset, highWatermark: bounds.highWatermark };
    throw new ProtocolError('OFFSET_OUT_OF_RANGE', faultText(beyond), {
      ...beyond.asOptions,
      members,
    });
  }
}

/** The fault of one commit; `member` is the pointer relative to the commit. */
interface CommitFault {
  readonly member: '' | '/offset' | '/leaderEpoch';
  readonly detail: string;
}

function commitFault(commit: OffsetCommit, isRepeated: boolean): CommitFault | undefined {
  const { topic, partition, offset, leaderEpoch } = commit;
  if (isRepeated) {
    return { member: '', detail: `partition ${partition} of topic "${topic}" is listed twice` };
  }
  if (!Number.isSafeInteger(offset) || offset < 0) {
    return { member: '/offset', detail: `an offset is a whole number from 0 up, not ${offset}` };
  }
  if (leaderEpoch !== undefined && !(Number.isSafeInteger(leaderEpoch) && leaderEpoch >= 0)) {
    const detail = `a leader epoch is a whole number from 0 up, not ${leaderEpoch}`;
    return { member: '/leaderEpoch', detail };
  }
  return undefined;
}

function metadataFault({ metadata }: OffsetCommit, bytesMax: number): string | undefined {
  // Most metadata is far shorter than the limit: its bytes are counted only near the limit.
  if (metadata === undefined || metadata.length * 3 <= bytesMax) return undefined;
  const bytes = Buffer.byteLength(metadata);
  return bytes <= bytesMax ? undefined : `metadata has at most ${bytesMax} bytes, not ${bytes}`;
}

export function topicIsGone(target: TopicPartition): ProtocolError {
  const faults = new FaultList();
  faults.add('/offsets', unknownPartitionText(target));
  return unknownPartitionsError(faults);
}

function unknownPartitionText({ topic, partition }: TopicPartition): string {
  return `there is no partition ${partition} of topic "${topic}"`;
}

function unknownPartitionsError(faults: FaultList): ProtocolError {
  return new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', faultText(faults), faults.asOptions);
}

function faultText(faults: FaultList): string {
  return `Nothing was committed: ${faults.sentence}.`;
}
