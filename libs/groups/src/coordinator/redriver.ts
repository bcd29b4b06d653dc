/**
 * Puts dead letters of the queue groups of a broker back at the end of their topics.
 *
 * Each batch is planned in the group's log with its producer and sequence before it is written. A
 * batch whose outcome is not known is written again by the next call, at whichever coordinator, and
 * the topic recognises it. Its dead letters are archived once it is written.
 *
 * Overlap: calls may overlap; those for one group run one after the other.
 */
import type { Offset } from '#protocol';
import { SerialQueue } from '#runtime';
import { type OffsetRanges, offsetsIn, rangesOf } from '../queue/offset-ranges.js';
import { isWaiting, type RedrivePlan, type RedriveState } from '../queue/redrive-state.js';
import type { SharePlace } from '../state/decide-queue.js';
import {
  decideRedriveEnd,
  decideRedrivePlan,
  decideScanned,
  redriveOf,
} from '../state/decide-redrive.js';
import type { Group } from '../state/group.js';
import type { GroupCoordinator } from './group-coordinator.js';

/** Dead letters of one batch. */
const BATCH_RECORDS_MAX = 500;

/** One step: a part of one partition of the dead-letter topic. */
export interface RedriveCall {
  readonly group: string;
  /** Partition of the dead-letter topic. */
  readonly place: SharePlace;
  /** Only dead letters of this topic; null for all. */
  readonly sourceTopic: string | null;
  /** Offset to go on from. */
  readonly from: Offset;
  /** Offset to end at. */
  readonly end: Offset;
  /** Most dead letters to put back. */
  readonly limit: number;
}

export interface RedriveAnswer {
  readonly redriven: number;
  /** Dead letters that stay: their topic is gone, they are not copies, or they are too large. */
  readonly skipped: number;
  /** Offset to go on from. */
  readonly next: Offset;
}

/** The dead letters of a partition of a dead-letter topic that wait to be put back. */
export interface RedriveProgress {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** Dead letters of the group from this offset on wait. */
  readonly position: Offset;
  /** Those before it that wait. */
  readonly waiting: OffsetRanges;
}

/** The partition that a dead letter returns to. */
type RedriveTarget = Pick<RedrivePlan, 'topic' | 'topicId' | 'partition'>;

/** A dead letter of a group. */
export interface FoundDeadLetter {
  readonly offset: Offset;
  /** Topic that its record comes from. */
  readonly sourceTopic: string;
  /** Null where it cannot be put back. */
  readonly target: RedriveTarget | null;
  /** Bytes in a batch, at most. */
  readonly sizeBytes: number;
  /** Bytes that a batch of the target may have. */
  readonly batchBytesMax: number;
}

/** A part of a partition of the dead-letter topic. */
export interface DeadLetterPage {
  readonly logStartOffset: Offset;
  /** Offset after the part; the same as its begin where there is nothing. */
  readonly to: Offset;
  /** Dead letters of the group, by offset. */
  readonly letters: readonly FoundDeadLetter[];
}

export interface DeadLetterRead {
  readonly group: string;
  readonly from: Offset;
  /** The part ends after this number of dead letters of the group. */
  readonly lettersMax: number;
}

/** The topics, as a redrive needs them. */
export interface RedriveTopics {
  /** Reads a part of a dead-letter partition. */
  readLetters(place: SharePlace, read: DeadLetterRead): Promise<DeadLetterPage>;
  /**
   * Writes a planned batch once: one that is in the log already is done.
   * @returns false when dead letters of it are gone, or its topic is: nothing is written
   */
  writeRedriven(place: SharePlace, plan: RedrivePlan, group: string): Promise<boolean>;
  newProducer(): Promise<{ readonly producerId: number; readonly producerEpoch: number }>;
}

interface RedriverOptions {
  /** @throws ProtocolError GROUP_ID_NOT_FOUND, COORDINATOR_NOT_AVAILABLE */
  readonly coordinatorOf: (group: string) => Promise<GroupCoordinator>;
  readonly topics: RedriveTopics;
}

export class Redriver {
  readonly #options: RedriverOptions;
  readonly #queues = new Map<string, { readonly queue: SerialQueue; calls: number }>();

  constructor(options: RedriverOptions) {
    this.#options = options;
  }

  /**
   * Puts dead letters of one part of a partition back.
   * @throws ProtocolError GROUP_ID_NOT_FOUND, INCONSISTENT_GROUP_PROTOCOL; what reading and writing
   *   throw
   */
  async redrive(call: RedriveCall): Promise<RedriveAnswer> {
    const { group } = call;
    const entry = this.#queues.get(group) ?? { queue: new SerialQueue(), calls: 0 };
    this.#queues.set(group, entry);
    entry.calls += 1;
    try {
      return await entry.queue.run(() => this.#step(call));
    } finally {
      entry.calls -= 1;
      if (entry.calls === 0) this.#queues.delete(group);
    }
  }

  async #step(call: RedriveCall): Promise<RedriveAnswer> {
    const { group, place, from, end, limit } = call;
    const coordinator = await this.#options.coordinatorOf(group);
    let redriven = await this.#finish(coordinator, call);
    const begin = await this.#beginOf(coordinator, call);
    if (begin >= end) return { redriven, skipped: 0, next: end };
    const page = await this.#options.topics.readLetters(place, {
      group,
      from: begin,
      lettersMax: BATCH_RECORDS_MAX,
    });
    if (page.to <= begin) return { redriven, skipped: 0, next: end };
    const seen = { ...page, offsets: page.letters.map(({ offset }) => offset) };
    const state = await this.#run(coordinator, call, (one, { limits }) =>
      decideScanned(one, place, seen, limits),
    );
    const wanted = page.letters.filter((letter) => isWanted(letter, call, state));
    const left = wanted.filter(({ target }) => target !== null);
    const skipped = wanted.length - left.length;
    while (left.length > 0 && redriven < limit) {
      const batch = takeBatch(left, Math.min(BATCH_RECORDS_MAX, limit - redriven));
      await this.#plan(coordinator, call, batch);
      redriven += await this.#finish(coordinator, call);
    }
    return { redriven, skipped, next: left[0]?.offset ?? Math.max(from, page.to) };
  }

  /** The first offset that may have a dead letter which waits. */
  async #beginOf(coordinator: GroupCoordinator, call: RedriveCall): Promise<Offset> {
    const state = await this.#run(coordinator, call, () => []);
    const first = [...offsetsIn(state.waiting)].find((offset) => offset >= call.from);
    return first ?? state.position;
  }

  async #plan(
    coordinator: GroupCoordinator,
    call: RedriveCall,
    batch: readonly FoundDeadLetter[],
  ): Promise<void> {
    const target = batch[0]?.target;
    if (target === undefined || target === null) return;
    const { topic, topicId, partition } = target;
    const ranges = rangesOf(batch.map(({ offset }) => offset));
    const producer = await this.#options.topics.newProducer();
    const plan = { ranges, topic, topicId, partition, ...producer, sequence: 0 };
    await this.#run(coordinator, call, (state) => decideRedrivePlan(state, call.place, plan));
  }

  /** Writes the batch that is planned, if there is one. @returns its number of records */
  async #finish(coordinator: GroupCoordinator, call: RedriveCall): Promise<number> {
    const { group, place } = call;
    const { plan, redrivenCount } = await this.#run(coordinator, call, () => []);
    if (plan === null) return 0;
    const isWritten = await this.#options.topics.writeRedriven(place, plan, group);
    const after = await this.#run(coordinator, call, (state) =>
      decideRedriveEnd(state, place, { plan, isWritten }),
    );
    return after.redrivenCount - redrivenCount;
  }

  /** Decides on the group, and answers the progress in the partition after that. */
  #run(
    coordinator: GroupCoordinator,
    { group, place }: RedriveCall,
    decide: Parameters<GroupCoordinator['run']>[0]['decide'],
  ): Promise<RedriveState> {
    const answer = (state: Group): RedriveState => redriveOf(state, place);
    return coordinator.run({ group, decide, answer });
  }
}

function isWanted(
  { offset, sourceTopic }: FoundDeadLetter,
  { sourceTopic: wanted, from, end }: RedriveCall,
  state: RedriveState,
): boolean {
  if (offset < from || offset >= end || !isWaiting(state, offset)) return false;
  return wanted === null || sourceTopic === wanted;
}

/** Takes the first letter, and those of the same partition that fit into its batch. */
function takeBatch(left: FoundDeadLetter[], recordsMax: number): FoundDeadLetter[] {
  const [first] = left;
  const batch: FoundDeadLetter[] = [];
  let sizeBytes = 0;
  for (const letter of left) {
    if (batch.length >= recordsMax) break;
    const isSamePartition =
      letter.target?.topicId === first?.target?.topicId &&
      letter.target?.partition === first?.target?.partition;
    if (!isSamePartition) continue;
    sizeBytes += letter.sizeBytes;
    if (batch.length > 0 && sizeBytes > letter.batchBytesMax) break;
    batch.push(letter);
  }
  const taken = new Set(batch);
  left.splice(0, left.length, ...left.filter((letter) => !taken.has(letter)));
  return batch;
}
