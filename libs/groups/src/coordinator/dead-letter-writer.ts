/**
 * Writes the dead letters of the queue groups of one coordinator.
 *
 * Each batch is planned in the group's log first, with its producer and sequence. After a failure,
 * and at the next coordinator, the same batch is written again, and the dead-letter partition
 * recognises it.
 *
 * Overlap: `look` calls may overlap; one batch per share partition is under way at a time.
 */
import type { Offset } from '#protocol';
import type { Logger, Scheduler, Timer } from '#runtime';
import { deadLetterTopicOf, isRecordCopied } from '../queue/dead-letter-topic.js';
import { type DeadLetterTarget, needsProducer } from '../queue/dead-letters.js';
import { offsetsIn } from '../queue/offset-ranges.js';
import type { DeadLetterPlan } from '../queue/share-change.js';
import {
  decideAbandonedDeadLetters,
  decideDeadLetterPlan,
  decideDeadLettersWritten,
} from '../state/decide-dead-letters.js';
import type { SharePlace } from '../state/decide-queue.js';
import type { Group } from '../state/group.js';
import type { GroupCommand } from './group-rounds.js';

/** Records of one batch of dead letters. */
const BATCH_RECORDS_MAX = 100;
const RETRY_MS = 1000;

/** A record that becomes a dead letter. */
export interface DeadLetter {
  readonly offset: Offset;
  readonly deliveryCount: number;
  readonly reason: string;
}

/** Dead letters that are written as one record batch. */
export interface DeadLetterBatch extends SharePlace {
  readonly group: string;
  readonly plan: DeadLetterPlan;
  readonly letters: readonly DeadLetter[];
  /** False: the dead letters have headers only. */
  readonly isCopied: boolean;
}

/** The parts of a broker that dead letters need. */
export interface DeadLetterTopics {
  /**
   * The partition for the dead letters of a partition; makes the topic when there is none.
   * @throws ProtocolError when the topic does not take dead letters
   */
  target(topic: string, sourcePartition: number): Promise<DeadLetterTarget>;
  /** True while the topic is the one that was planned for. */
  isCurrent(target: DeadLetterTarget): boolean;
  newProducer(): Promise<{ readonly producerId: number; readonly producerEpoch: number }>;
  /** Writes a batch once: a batch that is in the log already is done. */
  write(batch: DeadLetterBatch): Promise<void>;
}

interface DeadLetterWriterOptions {
  readonly topics: DeadLetterTopics;
  readonly run: <T>(command: GroupCommand<T>) => Promise<T>;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/** The next thing to do for a share partition. */
type NextStep =
  | { readonly kind: 'nothing' | 'abandon' }
  | { readonly kind: 'plan'; readonly topic: string }
  | { readonly kind: 'write'; readonly batch: DeadLetterBatch };

export class DeadLetterWriter {
  readonly #options: DeadLetterWriterOptions;
  readonly #underWay = new Set<string>();
  readonly #retries = new Map<string, Timer>();
  #writtenTotal = 0;
  #isClosed = false;

  constructor(options: DeadLetterWriterOptions) {
    this.#options = options;
  }

  /** Number of dead letters written since the start. */
  get writtenTotal(): number {
    return this.#writtenTotal;
  }

  /** Begins to write the dead letters of a group, if it has any. */
  look(group: Group): void {
    if (this.#isClosed) return;
    for (const { topic, partition, position, state } of group.queue.all()) {
      const isWaiting = state.window.records.some((record) => record.state === 'archiving');
      const key = `${group.name}\n${topic} ${partition}`;
      if (!isWaiting || this.#underWay.has(key) || this.#retries.has(key)) continue;
      this.#underWay.add(key);
      void this.#writeAll(group.name, { topic, topicId: position.topicId, partition }, key);
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#retries.values()) timer.cancel();
  }

  /** Never rejects. */
  async #writeAll(group: string, place: SharePlace, key: string): Promise<void> {
    try {
      while (!this.#isClosed && (await this.#writeNext(group, place)));
    } catch (error) {
      const { logger, scheduler } = this.#options;
      logger.warn({ err: error, group, ...place }, 'dead letters could not be written yet');
      const retry = (): void => {
        this.#retries.delete(key);
        this.#underWay.add(key);
        void this.#writeAll(group, place, key);
      };
      if (!this.#isClosed) this.#retries.set(key, scheduler.after(RETRY_MS, retry));
    }
    this.#underWay.delete(key);
  }

  /** @returns false when there is nothing left to write */
  async #writeNext(group: string, place: SharePlace): Promise<boolean> {
    const { run, topics } = this.#options;
    const step = await run({
      group,
      decide: () => [],
      answer: (state) => nextStep(state, place),
    });
    switch (step.kind) {
      case 'nothing':
        return false;
      case 'abandon':
        await this.#run(group, (state) => decideAbandonedDeadLetters(state, place));
        return false;
      case 'plan':
        await this.#plan(group, place, step.topic);
        return true;
      case 'write':
        if (!topics.isCurrent(step.batch.plan)) {
          await this.#plan(group, place, step.batch.plan.topic);
          return true;
        }
        await topics.write(step.batch);
        await this.#run(group, (state) => decideDeadLettersWritten(state, place, step.batch.plan));
        this.#writtenTotal += step.batch.letters.length;
        return true;
      default:
        return step satisfies never;
    }
  }

  async #plan(group: string, place: SharePlace, topic: string): Promise<void> {
    const { topics, run } = this.#options;
    const target = await topics.target(topic, place.partition);
    const known = await run({
      group,
      decide: () => [],
      answer: (state) => {
        const share = state.queue.get(place.topic, place.topicId, place.partition);
        if (share === undefined || needsProducer(share.state, target, BATCH_RECORDS_MAX)) {
          return undefined;
        }
        return share.state.deadLetterProducer;
      },
    });
    const producer = known ?? { ...target, ...(await topics.newProducer()), sequence: 0 };
    await this.#run(group, (state) =>
      decideDeadLetterPlan(state, place, producer, BATCH_RECORDS_MAX),
    );
  }

  #run(group: string, decide: GroupCommand<void>['decide']): Promise<void> {
    return this.#options.run({ group, decide, answer: () => undefined });
  }
}

function nextStep(group: Group, place: SharePlace): NextStep {
  const { topic, topicId, partition } = place;
  const state = group.queue.get(topic, topicId, partition)?.state;
  const isWaiting = state?.window.records.some((record) => record.state === 'archiving') === true;
  if (state === undefined || !isWaiting) return { kind: 'nothing' };
  const { plan } = state;
  const deadLetterTopic = deadLetterTopicOf(group.name, group.configs);
  if (plan === undefined) {
    return deadLetterTopic === undefined
      ? { kind: 'abandon' }
      : { kind: 'plan', topic: deadLetterTopic };
  }
  const letters = Array.from(offsetsIn(plan.ranges), (offset): DeadLetter => {
    const record = state.window.get(offset);
    return { offset, deliveryCount: record?.deliveries ?? 0, reason: record?.reason ?? '' };
  });
  const isCopied = isRecordCopied(group.configs);
  return { kind: 'write', batch: { ...place, group: group.name, plan, letters, isCopied } };
}
