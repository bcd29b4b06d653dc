import { Client, type ClientParts } from './client.js';
import type { Machine } from './machine.js';

const PAUSE_MS_MAX = 400;

/**
 * A client that checks all brokers from time to time: a replica's high watermark is between the two
 * ends of its log and does not fall while its process runs (I13).
 */
export class WatermarkWatch extends Client {
  /** Last high watermarks, by process, topic and partition. */
  readonly #seen = new Map<string, number>();

  constructor(parts: ClientParts) {
    super(parts, 'watermarks');
  }

  async run(): Promise<void> {
    while (!this.parts.isOver()) {
      for (const machine of this.parts.world.machines) this.#check(machine);
      await this.pause(PAUSE_MS_MAX);
    }
  }

  #check(machine: Machine): void {
    const { world } = this.parts;
    for (const status of machine.opened?.status().partitions ?? []) {
      const { topic, partition, highWatermark, logStartOffset, logEndOffset } = status;
      if (highWatermark === null || logStartOffset === null || logEndOffset === null) continue;
      const name = `${topic}-${partition}`;
      const replica = `${machine.name}.${machine.lives} ${name}`;
      const before = this.#seen.get(replica) ?? 0;
      this.#seen.set(replica, highWatermark);
      // A damaged out-of-sync replica is truncated where its damage begins.
      if (world.metadata.lost.has(name) || machine === world.damaged) continue;
      // A replica that left and came back began empty.
      if (highWatermark < before && !world.metadata.hasLeft(machine.id, name)) {
        world.violated(
          `I13: the high watermark falls from ${before} to ${highWatermark}: ${replica}`,
        );
      }
      if (highWatermark < logStartOffset || highWatermark > logEndOffset) {
        const ends = `${logStartOffset} to ${logEndOffset}`;
        world.violated(`I13: the high watermark is ${highWatermark}, the log ${ends}: ${replica}`);
      }
    }
  }
}
