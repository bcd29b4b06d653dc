import { ProtocolError, topicPartitionName } from '#protocol';
import { Client, type ClientParts } from './client.js';
import { outcomeOf } from './history.js';

/** The state of a topic as its creator knows it. */
interface CreatedTopic {
  readonly name: string;
  /** True when it exists; undefined while that is unknown. */
  exists: boolean | undefined;
  /** Least number of partitions. */
  partitions: number;
}

const PAUSE_MS_MAX = 4000;
/** Time limit after healing for moves to end (I19), ms. */
const MOVE_MS_MAX = 20_000;
/** Time after a change within which all brokers show the same topics, ms. */
const SHOWN_MS_MAX = 1000;

/**
 * A client that creates topics, adds partitions and deletes topics: none disappears or reappears by
 * itself (I15). It moves partitions of all topics, also of those with producers, whose invariants
 * must hold.
 */
export class TopicChanger extends Client {
  readonly #topics: CreatedTopic[] = [];
  readonly #isEnough: () => boolean;

  /** @param isEnough once it returns true topics stay as they are */
  constructor(parts: ClientParts, name: string, isEnough: () => boolean) {
    super(parts, name);
    this.#isEnough = isEnough;
  }

  async run(): Promise<void> {
    while (!this.#isEnough()) {
      await this.pause(PAUSE_MS_MAX);
      if (this.#isEnough()) break;
      const present = this.#topics.filter(({ exists }) => exists === true);
      const topic = present[this.random.below(present.length)];
      const what = this.random.below(5);
      if (what >= 3) await this.#move();
      else if (topic === undefined || what === 0) await this.#create();
      else if (what === 1) await this.#grow(topic);
      else await this.#delete(topic);
    }
    while (!this.parts.isOver()) await this.pause(PAUSE_MS_MAX);
    await this.#checkMoves();
    await this.#check();
  }

  async #create(): Promise<void> {
    const topic: CreatedTopic = {
      name: `created-${this.#topics.length + 1}`,
      exists: undefined,
      partitions: 1 + this.random.below(2),
    };
    const { name, partitions } = topic;
    const replicationFactor = 1 + this.random.below(this.parts.world.machines.length);
    this.#topics.push(topic);
    const isCreated = await this.#isDone(`create ${name}`, (broker) =>
      broker.createTopic({ name, partitions, replicationFactor }),
    );
    topic.exists = isCreated;
  }

  async #grow(topic: CreatedTopic): Promise<void> {
    const { name } = topic;
    const partitions = topic.partitions + 1;
    const isCreated = await this.#isDone(`grow ${name}`, (broker) =>
      broker.alterTopic(name, { partitions }),
    );
    if (isCreated === true) topic.partitions = partitions;
  }

  async #delete(topic: CreatedTopic): Promise<void> {
    topic.exists = undefined;
    const isGone = await this.#isDone(`delete ${topic.name}`, (broker) =>
      broker.deleteTopic(topic.name),
    );
    if (isGone !== undefined) topic.exists = !isGone;
  }

  async #move(): Promise<void> {
    const { world } = this.parts;
    const topics = [...world.state.topics.values()];
    const topic = topics[this.random.below(topics.length)];
    if (topic === undefined) return;
    const target = { topic: topic.name, partition: this.random.below(topic.partitions.length) };
    const left = world.machines.map(({ id }) => id);
    const replicas: number[] = [];
    for (let count = 1 + this.random.below(left.length); count > 0; count -= 1) {
      replicas.push(...left.splice(this.random.below(left.length), 1));
    }
    // A damaged broker needs another one that has the records.
    if (world.damaged !== undefined && replicas.every((id) => id === world.damaged?.id)) return;
    await this.#isDone(`move ${topicPartitionName(target)} to ${replicas.join(', ')}`, (broker) =>
      broker.reassignReplicas(target, replicas),
    );
  }

  /** @returns undefined when the outcome is unknown */
  async #isDone(
    what: string,
    act: Parameters<typeof this.connection.call>[1],
  ): Promise<boolean | undefined> {
    const { world } = this.parts;
    try {
      await this.connection.call(this.anyMachine(), act);
      world.trace.add('client', `${what}: done`);
      return true;
    } catch (error) {
      const outcome = outcomeOf(error);
      if (outcome === undefined) world.unexpected(this.name, error);
      world.trace.add('client', `${what}: ${outcome}, ${String(error)}`);
      return outcome === 'failed' ? false : undefined;
    }
  }

  /** Checks that all requested moves have ended. */
  async #checkMoves(): Promise<void> {
    const { world } = this.parts;
    const moving = (): string[] =>
      [...world.state.topics.values()].flatMap(({ name: topic, partitions }) =>
        [...partitions.entries()]
          .filter(([, { reassignment }]) => reassignment !== undefined)
          .map(([partition]) => topicPartitionName({ topic, partition })),
      );
    const haveMoved = (): boolean => moving().length === 0;
    const missing = (): string => `I19: ${moving().join(', ')} did not reach the requested brokers`;
    await world.mustBecome(haveMoved, MOVE_MS_MAX, missing);
  }

  async #check(): Promise<void> {
    const { world } = this.parts;
    await world.sleep(SHOWN_MS_MAX);
    for (const machine of world.machines) {
      try {
        const topics = await this.connection.call(machine, (broker) =>
          broker.listTopics({ includeInternal: false }),
        );
        const found = new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
        for (const { name, exists, partitions } of this.#topics) {
          const count = found.get(name) ?? 0;
          if (exists === true && count < partitions) {
            world.violated(
              `I15: ${machine.name} has ${count} of ${partitions} partitions of ${name}`,
            );
          } else if (exists === false && count > 0) {
            world.violated(`I15: ${machine.name} has ${name}, which should not exist`);
          }
        }
      } catch (error) {
        if (!(error instanceof ProtocolError)) world.unexpected(this.name, error);
      }
    }
  }
}
