import type { FetchResult } from '#broker';
import { ProtocolError, topicPartitionName } from '#protocol';
import { recordsIn } from './batches.js';
import { Client, type ClientParts } from './client.js';
import { UnreachableError } from './client-connection.js';
import { outcomeOf } from './history.js';
import type { Machine } from './machine.js';

export interface ReaderOptions {
  readonly name: string;
  readonly topic: string;
  readonly partition: number;
  /** True when it switches brokers from time to time without need. */
  readonly isRestless: boolean;
}

const READ_WAIT_MS = 300;
const RETRY_MS_MAX = 400;

/**
 * A reader that follows a partition from its beginning as a stream does: it skips and repeats
 * nothing (I7).
 */
export class Reader extends Client {
  #position = 0;
  #leaderEpoch: number | undefined;
  #machine: Machine;
  readonly #options: ReaderOptions;

  constructor(parts: ClientParts, options: ReaderOptions) {
    super(parts, options.name);
    this.#options = options;

    this.#machine = this.anyMachine();
  }

  get position(): number {
    return this.#position;
  }

  async run(): Promise<void> {
    while (!this.parts.isOver()) await this.readOnce();
  }

  /** Reads once. */
  async readOnce(): Promise<void> {
    const { topic, partition, isRestless } = this.#options;
    const { world } = this.parts;
    if (isRestless && this.random.below(10) === 0) this.#machine = this.anyMachine();
    const machine = this.#machine;
    const epoch = this.#leaderEpoch;
    const request = {
      topic,
      partition,
      offset: this.#position,
      maxBytes: 2000,
      minBytes: 1,
      waitMs: READ_WAIT_MS,
      mayBeBehind: true,
      ...(epoch === undefined ? {} : { leaderEpoch: epoch }),
    };
    try {
      const result = await this.connection.call(machine, (broker) => broker.fetch(request));
      this.#take(result);
    } catch (error) {
      this.#failed(error);
      this.#machine = world.machine((machine.id + 1) % world.machines.length);
      await this.pause(RETRY_MS_MAX);
    }
  }

  #take({ batches, highWatermark, leaderEpoch }: FetchResult): void {
    const { world, history } = this.parts;
    const { topic, partition } = this.#options;
    const name = topicPartitionName({ topic, partition });
    this.#leaderEpoch = leaderEpoch;
    for (const batch of batches) {
      for (const { offset, value } of recordsIn(batch)) {
        if (offset < this.#position) continue;
        const at = `${name}@${offset}`;
        if (offset >= highWatermark) {
          world.violated(`I13: ${this.name} reads ${value} at ${at}, at or above ${highWatermark}`);
        }
        if (offset !== this.#position && !world.metadata.lost.has(name)) {
          world.violated(`I7: ${this.name} is at ${this.#position} and reads ${value} at ${at}`);
        }
        if (value !== null) history.read(this.name, name, offset, value);
        this.#position = offset + 1;
      }
    }
  }

  #failed(error: unknown): void {
    const { world } = this.parts;
    const { topic, partition } = this.#options;
    if (error instanceof UnreachableError) return;
    if (!(error instanceof ProtocolError)) {
      world.unexpected(this.name, error);
      return;
    }
    // A broker that finds damage reports it until another one leads.
    const isDamaged = error.code === 'CORRUPT_MESSAGE' && world.damaged === undefined;
    const isGone = error.code === 'OFFSET_OUT_OF_RANGE' || isDamaged;
    const name = topicPartitionName({ topic, partition });
    if (!isGone || world.metadata.lost.has(name)) return;
    world.violated(`I7: ${this.name} is at ${name}@${this.#position} and gets ${error.code}`);
  }
}

export interface AskerOptions {
  readonly name: string;
  readonly topic: string;
  readonly partitions: number;
}

/** A client that requests begins and ends of partitions from time to time (I9). */
export class Asker extends Client {
  readonly #options: AskerOptions;

  constructor(parts: ClientParts, options: AskerOptions) {
    super(parts, options.name);
    this.#options = options;
  }

  async run(): Promise<void> {
    while (!this.parts.isOver()) {
      await this.#ask();
      await this.pause(400);
    }
  }

  async #ask(): Promise<void> {
    const { world, history } = this.parts;
    const { topic, partitions } = this.#options;
    const partition = this.random.below(partitions);
    const askedMs = world.nowMs;
    const at = this.pick(['latest', 'earliest'] as const);
    try {
      const { offset, leaderEpoch } = await this.connection.call(this.anyMachine(), (broker) =>
        broker.listOffset({ topic, partition }, at),
      );
      const name = topicPartitionName({ topic, partition });
      const isPlausible = offset !== null && offset >= 0 && (at === 'latest' || offset === 0);
      if (!isPlausible || leaderEpoch === null || leaderEpoch < 0) {
        world.violated(`I9: ${at} of ${name} is ${offset} in epoch ${leaderEpoch}`);
      } else if (at === 'latest') {
        const answeredMs = world.nowMs;
        history.endReported({ topic, partition, askedMs, answeredMs, offset, leaderEpoch });
      }
    } catch (error) {
      if (outcomeOf(error) === undefined) world.unexpected(this.name, error);
    }
  }
}
