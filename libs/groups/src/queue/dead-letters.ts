import type { Offset } from '#protocol';
import { offsetCountOf, rangesOf } from './offset-ranges.js';
import type { DeadLetterPlan, ShareChange } from './share-change.js';
import type { DeadLetterProducer, SharePartition } from './share-partition.js';

/** Greatest sequence of a producer; Kafka's sequences are int32. */
const SEQUENCE_MAX = 2 ** 31 - 1;

/** The partition that dead letters go to. */
export type DeadLetterTarget = Pick<DeadLetterPlan, 'topic' | 'topicId' | 'partition'>;

/**
 * True when the next plan needs a new producer id: there is none yet, its sequences are used up, or
 * dead letters now go elsewhere.
 */
export function needsProducer(
  { deadLetterProducer: producer }: SharePartition,
  target: DeadLetterTarget,
  recordsMax: number,
): boolean {
  return (
    producer === undefined ||
    producer.sequence + recordsMax > SEQUENCE_MAX ||
    producer.topicId !== target.topicId ||
    producer.partition !== target.partition
  );
}

/**
 * Plans the copies of the next records that become dead letters. The plan is in the group's log
 * before a copy is written, so a new coordinator writes the same batch again, and the dead-letter
 * partition recognises it by its sequence. One plan is under way at a time.
 */
export function planDeadLetters(
  state: SharePartition,
  producer: DeadLetterProducer,
  recordsMax: number,
): ShareChange[] {
  const { plan } = state;
  // A plan for a topic that is gone is replaced: its copies are gone, too.
  if (plan !== undefined && plan.topicId === producer.topicId) return [];
  const offsets = unplannedDeadLetters(state, recordsMax);
  if (offsets.length === 0) return [];
  return [{ kind: 'deadLettersPlanned', plan: { ...producer, ranges: rangesOf(offsets) } }];
}

/** The copies of the plan are in the log of the dead-letter topic: their records are finished. */
export function deadLettersWritten(state: SharePartition, plan: DeadLetterPlan): ShareChange[] {
  const { plan: current } = state;
  const isCurrent =
    current !== undefined &&
    current.producerId === plan.producerId &&
    current.sequence === plan.sequence &&
    offsetCountOf(current.ranges) === offsetCountOf(plan.ranges);
  return isCurrent ? [{ kind: 'deadLettersWritten' }] : [];
}

/** Finishes the records that wait for their copies, when the group has no dead-letter topic. */
export function abandonDeadLetters({ window }: SharePartition): ShareChange[] {
  const isWaiting = window.records.some(({ state }) => state === 'archiving');
  return isWaiting ? [{ kind: 'deadLettersAbandoned' }] : [];
}

/** Offsets of records whose copies are not planned yet, the lowest first. */
function unplannedDeadLetters(state: SharePartition, recordsMax: number): Offset[] {
  const offsets: Offset[] = [];
  for (const record of state.window.records) {
    if (offsets.length >= recordsMax) break;
    if (record.state === 'archiving') offsets.push(record.offset);
  }
  return offsets;
}
