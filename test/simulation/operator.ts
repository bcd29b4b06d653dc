import { topicPartitionName } from '#protocol';
import { Client, type ClientParts } from './client.js';
import { outcomeOf } from './history.js';

const PAUSE_MS = 3000;

/** Makes the decisions that need a person, where records were lost with their last disk. */
export class Operator extends Client {
  constructor(parts: ClientParts) {
    super(parts, 'operator');
  }

  async run(): Promise<void> {
    const { world } = this.parts;
    while (!this.parts.isOver()) {
      await world.sleep(PAUSE_MS);
      this.#excludeLostDisks();
      for (const { name: topic, partitions } of world.state.topics.values()) {
        for (const [partition, { leader }] of partitions.entries()) {
          const name = topicPartitionName({ topic, partition });
          if (leader !== null || !world.metadata.lost.has(name)) continue;
          await this.#elect(topic, partition);
        }
      }
    }
  }

  /** Excludes brokers with lost disks, for which a rebuild would wait. */
  #excludeLostDisks(): void {
    const { redis, metadata, trace } = this.parts.world;
    if (redis.isConfirmed) return;
    for (const brokerId of metadata.brokersMissingRecords) {
      trace.add('operator', `excludes the lost disk of broker ${brokerId}`);
      redis.exclude(brokerId);
    }
  }

  async #elect(topic: string, partition: number): Promise<void> {
    const { world } = this.parts;
    const name = topicPartitionName({ topic, partition });
    world.metadata.recordUncleanElection(name);
    world.trace.add('operator', `elects any replica of ${name}`);
    try {
      await this.connection.call(this.anyMachine(), (broker) =>
        broker.electLeader({ topic, partition }, { type: 'unclean' }),
      );
    } catch (error) {
      if (outcomeOf(error) === undefined) world.unexpected(this.name, error);
    }
  }
}
