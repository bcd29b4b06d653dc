/**
 * Deletes the records of topics with `sluice.delete.on.ack` that all queue groups of the topic are
 * done with, at the leaders of the partitions.
 *
 * Each round asks the coordinators of all groups that the topic's metadata lists. A group is on the
 * list before it has its first position, so a record that it has yet to get is below no answer.
 *
 * Overlap: rounds do not overlap.
 */
import { RepeatedTask } from '#log';
import type { Offset, TopicPartition } from '#protocol';
import type { Logger, Scheduler } from '#runtime';
import type { Topic } from './topic.js';

/** Offsets by partition below which one group is done with all records. */
type Floors = ReadonlyMap<number, Offset>;

interface AcknowledgedRecordsOptions {
  readonly topics: () => Iterable<Topic>;
  /** Queue groups that the newest metadata lists for a topic; undefined when it is gone. */
  readonly queueGroupsOf: (topic: Topic) => readonly string[] | undefined;
  /** @throws what the coordinator answers, or that there is none */
  readonly floorsOf: (group: string, topic: Topic) => Promise<Floors>;
  readonly deleteRecords: (target: TopicPartition, beforeOffset: Offset) => Promise<Offset>;
  /** Interval of the deletions in ms; INTERVAL_MS if undefined. */
  readonly deleteOnAckIntervalMs: number | undefined;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

const INTERVAL_MS = 1000;

export class AcknowledgedRecords {
  readonly #options: AcknowledgedRecordsOptions;
  readonly #task: RepeatedTask;
  #deletedTotal = 0;

  constructor(options: AcknowledgedRecordsOptions) {
    this.#options = options;
    this.#task = new RepeatedTask(options.scheduler, options.logger, {
      name: 'delete-on-ack',
      intervalMs: options.deleteOnAckIntervalMs ?? INTERVAL_MS,
      run: () => this.#round(),
    });
  }

  /** Number of offsets that were deleted, since the start. */
  get deletedTotal(): number {
    return this.#deletedTotal;
  }

  stop(): Promise<void> {
    return this.#task.stop();
  }

  async #round(): Promise<void> {
    for (const topic of this.#options.topics()) {
      if (topic.isDeletedOnAck && topic.queueGroups.length > 0) await this.#deleteIn(topic);
    }
  }

  async #deleteIn(topic: Topic): Promise<void> {
    const { queueGroupsOf, floorsOf } = this.#options;
    const led = Array.from({ length: topic.partitionCount }, (_, number) => number).filter(
      (number) => hasRecords(topic, number),
    );
    const groups = queueGroupsOf(topic) ?? [];
    if (led.length === 0 || groups.length === 0) return;
    const answers = await Promise.allSettled(groups.map((group) => floorsOf(group, topic)));
    // Without the answer of one group, nothing is known to be done with.
    const floors = answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (floors.length < groups.length) return;
    for (const number of led) await this.#deleteBelow(topic, number, { groups, floors });
  }

  async #deleteBelow(
    topic: Topic,
    partition: number,
    { groups, floors }: { readonly groups: readonly string[]; readonly floors: readonly Floors[] },
  ): Promise<void> {
    const { queueGroupsOf, deleteRecords } = this.#options;
    const floor = Math.min(...floors.map((one) => one.get(partition) ?? 0));
    const led = topic.ledPartition(partition);
    const known = new Set(groups);
    const isCurrent = queueGroupsOf(topic)?.every((group) => known.has(group)) === true;
    if (led === undefined || !isCurrent || !topic.isDeletedOnAck) return;
    const { logStart } = led.log.offsets;
    const beforeOffset = Math.min(floor, led.highWatermark);
    if (beforeOffset <= logStart) return;
    await deleteRecords({ topic: topic.name, partition }, beforeOffset);
    this.#deletedTotal += beforeOffset - logStart;
  }
}

function hasRecords(topic: Topic, partition: number): boolean {
  const led = topic.ledPartition(partition);
  return led !== undefined && led.log.offsets.logStart < led.highWatermark;
}
