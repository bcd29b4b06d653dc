import { ProtocolError, topicPartitionName } from '#protocol';
import { Client, type ClientParts } from './client.js';
import { outcomeOf } from './history.js';

/** What an operator knows of a topic that they made. */
interface MadeTopic {
  readonly name: string;
  /** Whether it is there: undefined while that is open. */
  isThere: boolean | undefined;
  /** At least so many. */
  partitions: number;
}

const PAUSE_MS_MAX = 4000;
/** I19: how long after everything is well again a partition may be on its way to other brokers. */
const MOVE_MS_MAX = 20_000;
/** All brokers show the same topics so long after a change. */
const SHOWN_MS_MAX = 1000;

/**
 * Makes topics, gives them partitions and deletes them: none vanishes or is born again without
 * being told to (I15). Moves any partition, of the topics that others write to as well: what holds
 * of their records holds all the same.
 */
export class TopicChanger extends Client {
  readonly #topics: MadeTopic[] = [];
  readonly #isEnough: () => boolean;

  /** @param isEnough once it is true topics stay as they are */
  constructor(parts: ClientParts, name: string, isEnough: () => boolean) {
    super(parts, name);
    this.#isEnough = isEnough;
  }

  async run(): Promise<void> {
    while (!this.#isEnough()) {
      await this.pause(PAUSE_MS_MAX);
      if (this.#isEnough()) break;
      const present = this.#topics.filter(({ isThere }) => isThere === true);
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
    const topic: MadeTopic = {
      name: `made-${this.#topics.length + 1}`,
      isThere: undefined,
      partitions: 1 + this.random.below(2),
    };
    const { name, partitions } = topic;
    const replicationFactor = 1 + this.random.below(this.parts.world.machines.length);
    this.#topics.push(topic);
    const isMade = await this.#isDone(`create ${name}`, (broker) =>
      broker.createTopic({ name, partitions, replicationFactor }),
    );
    topic.isThere = isMade;
  }

  async #grow(topic: MadeTopic): Promise<void> {
    const { name } = topic;
    const partitions = topic.partitions + 1;
    const isMade = await this.#isDone(`grow ${name}`, (broker) =>
      broker.alterTopic(name, { partitions }),
    );
    if (isMade === true) topic.partitions = partitions;
  }

  async #delete(topic: MadeTopic): Promise<void> {
    topic.isThere = undefined;
    const isGone = await this.#isDone(`delete ${topic.name}`, (broker) =>
      broker.deleteTopic(topic.name),
    );
    if (isGone !== undefined) topic.isThere = !isGone;
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
    await this.#isDone(`move ${topicPartitionName(target)} to ${replicas.join(', ')}`, (broker) =>
      broker.reassignReplicas(target, replicas),
    );
  }

  /** @returns undefined when that is not known */
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

  /** What was asked for is done in the end. */
  async #checkMoves(): Promise<void> {
    const { world } = this.parts;
    const moving = (): string[] =>
      [...world.state.topics.values()].flatMap(({ name: topic, partitions }) =>
        [...partitions.entries()]
          .filter(([, { reassignment }]) => reassignment !== undefined)
          .map(([partition]) => topicPartitionName({ topic, partition })),
      );
    if (await world.until(() => moving().length === 0, MOVE_MS_MAX)) return;
    if (world.violations.length > 0) return;
    world.violated(`I19: ${moving().join(', ')} did not get to the brokers that were asked for`);
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
        for (const { name, isThere, partitions } of this.#topics) {
          const count = found.get(name) ?? 0;
          if (isThere === true && count < partitions) {
            world.violated(
              `I15: ${machine.name} has ${count} of ${partitions} partitions of ${name}`,
            );
          } else if (isThere === false && count > 0) {
            world.violated(`I15: ${machine.name} has ${name}, which is not to be there`);
          }
        }
      } catch (error) {
        if (!(error instanceof ProtocolError)) world.unexpected(this.name, error);
      }
    }
  }
}
