import type { CommittedPosition } from '#groups';
import { type TopicPartition, topicPartitionName } from '#protocol';
import { inSlices, type SlicedWork, turnOfLoop } from '#runtime';
import type { LeaderStatus } from '../leader-status.js';

/** The lag of one group on one partition. */
interface GroupLag extends TopicPartition {
  readonly group: string;
  /** Records between the committed offset and the high watermark. */
  readonly lag: number;
}

export interface GroupLags {
  readonly lags: readonly GroupLag[];
  /** Committed positions whose lag is left out: too many, or their leaders did not answer. */
  readonly leftOut: number;
}

/** Committed positions that are looked at in one slice. */
const POSITIONS_PER_SLICE = 1000;
/** Partitions that leaders are asked for in one call. */
const PARTITIONS_PER_CALL = 1000;

type Statuses = ReadonlyMap<string, Pick<LeaderStatus, 'highWatermark'>>;

/**
 * Lags of at most `max` committed positions. Leaders are asked once for the partition of several
 * groups.
 */
export async function groupLags(
  committed: Iterable<CommittedPosition>,
  max: number,
  statusesOf: (targets: readonly TopicPartition[]) => Promise<Statuses>,
): Promise<GroupLags> {
  const { positions, count } = await inSlices(firstPositions(committed, max));
  const targets = new Map<string, TopicPartition>();
  for (const { topic, partition } of positions) {
    targets.set(topicPartitionName({ topic, partition }), { topic, partition });
  }
  const asked = [...targets.values()];
  const highWatermarks = new Map<string, number>();
  for (let from = 0; from < asked.length; from += PARTITIONS_PER_CALL) {
    const statuses = await statusesOf(asked.slice(from, from + PARTITIONS_PER_CALL));
    for (const [name, { highWatermark }] of statuses) highWatermarks.set(name, highWatermark);
    await turnOfLoop();
  }
  const lags = await inSlices(lagsOf(positions, highWatermarks));
  return { lags, leftOut: count - lags.length };
}

/** Lags of the positions in partitions whose high watermark is known. */
function* lagsOf(
  positions: readonly CommittedPosition[],
  highWatermarks: ReadonlyMap<string, number>,
): SlicedWork<readonly GroupLag[]> {
  const lags: GroupLag[] = [];
  for (const [index, { group, topic, partition, offset }] of positions.entries()) {
    if (index % POSITIONS_PER_SLICE === POSITIONS_PER_SLICE - 1) yield;
    const highWatermark = highWatermarks.get(topicPartitionName({ topic, partition }));
    if (highWatermark === undefined) continue;
    lags.push({ group, topic, partition, lag: Math.max(0, highWatermark - offset) });
  }
  return lags;
}

/**
 * Returns the first positions and the number of all. A position that is removed and committed again
 * between two slices is found twice: the later one replaces the earlier one.
 */
function* firstPositions(
  committed: Iterable<CommittedPosition>,
  max: number,
): SlicedWork<{ readonly positions: readonly CommittedPosition[]; readonly count: number }> {
  const positions = new Map<string, CommittedPosition>();
  let count = 0;
  let repeated = 0;
  for (const position of committed) {
    count += 1;
    if (count % POSITIONS_PER_SLICE === 0) yield;
    const name = `${position.group} ${topicPartitionName(position)}`;
    if (positions.has(name)) repeated += 1;
    else if (positions.size >= max) continue;
    positions.set(name, position);
  }
  return { positions: [...positions.values()], count: count - repeated };
}
