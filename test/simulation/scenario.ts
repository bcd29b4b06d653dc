import type { Acks } from '#broker';
import type { PartitionMetadata } from '#coordination';
import type { Random } from '#runtime';
import { produceOf } from '../../libs/broker/src/testing/records.js';
import type { ClientParts } from './client.js';
import { ClientConnection } from './client-connection.js';
import { createTopic, healAll, recovery, startCluster } from './cluster-life.js';
import { FinalCheck } from './final-check.js';
import { History, outcomeOf, type SentRecord } from './history.js';
import type { Machine } from './machine.js';
import { Reader } from './readers.js';
import type { SeenMessage } from './simulated-network.js';
import { World } from './world.js';

/** The topic of a scenario: one partition with three replicas, of which two must be in sync. */
const TOPIC = 'killer';
/** A second topic of some scenarios, led by one broker all the time. */
const UNUSED_TOPIC = 'unused';
const TARGET = { topic: TOPIC, partition: 0 };
const SEED = 1;
/**
 * Settings with which lagging followers leave the ISR soon, and leaders stay where a test puts
 * them.
 */
const SETTINGS = { replicaLagTimeMaxMs: 1500, preferredLeaderIntervalMs: 0 };

const REACH_MS_MAX = 20_000;
const CHECK_MS = 1;
/** Time that a released message gets to take effect before the next one, ms. */
const EFFECT_MS = 10;
/** Trace lines that a failure shows. */
const LINES_MAX = 300;
const ANSWER_MS_MAX = 30_000;
const PRODUCE_TIMEOUT_MS = 10_000;

/** Messages to release on a cut link. */
interface Release {
  readonly from: number;
  readonly to: number;
  /** The message that is released first; the oldest unless given. */
  readonly first?: 'oldest' | 'newest';
}

/** A disk that loses all unsynced changes. */
export const LOSES_ALL: Random = {
  below: () => 0,
  uuid: () => '00000000-0000-4000-8000-000000000000',
};

/**
 * A cluster of three without a load of its own. The test injects each fault step by step and waits
 * until one has taken effect before the next; a step that does not take effect fails the test. A
 * reader follows the log all the time. The run ends with all faults healed, and the invariants of
 * every run are checked.
 */
export class Scenario {
  readonly world = new World({ seed: SEED, settings: SETTINGS });
  /** Messages between brokers, with their progress. */
  readonly messages: SeenMessage[] = [];
  readonly #history = new History(this.world);
  readonly #connection = new ClientConnection(this.world, this.world.randomOf('scenario'));
  readonly #parts: ClientParts = {
    world: this.world,
    history: this.#history,
    isOver: () => this.#isOver,
  };
  #reading: Promise<void> = Promise.resolve();
  #isOver = false;

  /**
   * @param steps run while the cluster runs, before it has a topic
   * @throws Error when a step did not take effect, or with all violations
   */
  static async run(steps: (scenario: Scenario) => Promise<void>): Promise<void> {
    const scenario = new Scenario();
    const { world } = scenario;
    world.network.onMessage = (message) => scenario.messages.push(message);
    try {
      await world.drive(() => scenario.#run(steps));
    } finally {
      world.end();
    }
    if (world.violations.length > 0)
      throw new Error(scenario.#failure(world.violations.join('\n')));
  }

  async #run(steps: (scenario: Scenario) => Promise<void>): Promise<void> {
    const { world } = this;
    await startCluster(world);
    const hasController = (): boolean => world.state.controller !== null;
    await this.reach('a controller is there', hasController);
    await steps(this);
    healAll(world, { restarts: false });
    await this.#end();
  }

  /** Creates the topic with its replicas on these brokers, the preferred leader first. */
  async createTopic(replicas: readonly number[]): Promise<void> {
    const { world } = this;
    await createTopic(world, { name: TOPIC, minInsyncReplicas: 2, replicas });
    await this.reach('the topic has a leader', () => this.partition.leader === replicas[0]);
    const options = { name: 'reader', topic: TOPIC, partition: 0, isRestless: true };
    this.#reading = new Reader(this.#parts, options).run();
  }

  /** Creates a second topic, which no client uses, with its replicas on these brokers. */
  async createUnusedTopic(replicas: readonly number[]): Promise<void> {
    await createTopic(this.world, { name: UNUSED_TOPIC, minInsyncReplicas: 2, replicas });
  }

  /** The partition as the registry has it, or had it last. */
  get partition(): PartitionMetadata {
    const partition = this.world.partition(TOPIC, 0);
    if (partition === undefined) throw new Error(`there is no ${TOPIC}`);
    return partition;
  }

  machine(id: number): Machine {
    return this.world.machine(id);
  }

  /** Log end of a replica; -1 while it is not served. */
  logEndOf(id: number): number {
    return this.#statusOf(id)?.logEndOffset ?? -1;
  }

  /** High watermark of a replica; -1 while it is not served. */
  highWatermarkOf(id: number): number {
    return this.#statusOf(id)?.highWatermark ?? -1;
  }

  /** Version of the metadata that a broker has on its disk; -1 while it does not run. */
  journaledBy(id: number): number {
    return this.machine(id).opened?.status().cluster?.journaledVersion ?? -1;
  }

  hasWritten(id: number, record: SentRecord): boolean {
    return this.world.logs.hasWritten(id, record.value);
  }

  /** Waits for a condition that must become true. */
  async reach(what: string, condition: () => boolean, msMax = REACH_MS_MAX): Promise<void> {
    const { world } = this;
    const endMs = world.nowMs + msMax;
    while (!condition()) {
      if (world.violations.length > 0) throw new Error(this.#failure(world.violations.join('\n')));
      if (world.nowMs >= endMs) throw new Error(this.#failure(`it was not reached that ${what}`));
      await world.sleep(CHECK_MS);
    }
    world.trace.add('scenario', what);
  }

  /** Asserts a precondition of the scenario, without which it proves nothing. */
  holds(what: string, condition: boolean): void {
    if (!condition) throw new Error(this.#failure(`it is not true that ${what}`));
    this.world.trace.add('scenario', what);
  }

  /** Asserts for this time that a condition does not become true. */
  async never(what: string, condition: () => boolean, ms: number): Promise<void> {
    const { world } = this;
    const endMs = world.nowMs + ms;
    while (world.nowMs < endMs) {
      if (condition()) throw new Error(this.#failure(`it happened that ${what}`));
      await world.sleep(CHECK_MS);
    }
  }

  /** Sends one record to a broker; the returned record shows its outcome. */
  produce(value: string, at: number, acks: Acks = 'all'): SentRecord {
    const producer = `producer of ${value}`;
    const record = this.#history.send({ value, topic: TOPIC, acks, producer });
    void this.#send(record, this.machine(at));
    return record;
  }

  /** Sends a record and waits until it is acknowledged. */
  async produced(value: string, at: number, acks: Acks = 'all'): Promise<SentRecord> {
    const record = this.produce(value, at, acks);
    await this.reach(`${value} is acknowledged`, () => record.fate === 'acknowledged');
    return record;
  }

  /** Changes the topic's configs without waiting for the answer. */
  alterTopic(configs: Readonly<Record<string, unknown>>, at: number): void {
    const altering = this.#connection.call(this.machine(at), (broker) =>
      broker.alterTopic(TOPIC, { configs }),
    );
    altering.catch((error: unknown) => this.world.trace.add('scenario', String(error)));
  }

  /** End of the committed records according to a broker; undefined when it refuses. */
  async endReportedBy(id: number): Promise<number | undefined> {
    try {
      const machine = this.machine(id);
      const { offset } = await this.#connection.call(machine, (broker) =>
        broker.listOffset(TARGET, 'latest'),
      );
      return offset ?? undefined;
    } catch (error) {
      if (outcomeOf(error) === undefined) throw error;
      return undefined;
    }
  }

  /** Cuts the connection of two brokers in both directions. */
  cut(one: number, other: number): void {
    this.world.links.cut(one, other);
    this.world.links.cut(other, one);
  }

  heal(one: number, other: number): void {
    this.world.links.heal(one, other);
    this.world.links.heal(other, one);
  }

  /** Releases waiting messages of a cut link one by one, until a condition is true. */
  async letThrough(
    { from, to, first = 'oldest' }: Release,
    what: string,
    condition: () => boolean,
  ): Promise<void> {
    const { world } = this;
    let nextMs = world.nowMs;
    await this.reach(what, () => {
      if (condition()) return true;
      if (world.nowMs < nextMs) return false;
      world.links.letOneThrough(from, to, first);
      nextMs = world.nowMs + EFFECT_MS;
      return false;
    });
  }

  /** Kills a broker and starts a new process at once. */
  async restart(id: number): Promise<void> {
    const machine = this.machine(id);
    machine.kill();
    machine.start();
    await this.reach(`broker ${id} serves again`, () => machine.broker !== undefined);
  }

  /** Makes the first replica the leader again. */
  async electPreferredLeader(): Promise<void> {
    const [preferred] = this.partition.replicas;
    const electing = this.#connection.call(this.machine(preferred ?? 0), (broker) =>
      broker.electLeader(TARGET, { type: 'preferred' }),
    );
    // The answer also reports the new leader's status, which may be cut off.
    electing.catch((error: unknown) => this.world.trace.add('scenario', String(error)));
    await this.reach('its preferred replica leads', () => this.partition.leader === preferred);
  }

  async #send(record: SentRecord, machine: Machine): Promise<void> {
    const { value, acks } = record;
    const options = { acks, timeoutMs: PRODUCE_TIMEOUT_MS };
    const request = produceOf(TOPIC, [{ value, partition: 0 }], options);
    try {
      const { parts } = await this.#connection.call(machine, (broker) => broker.produce(request));
      const [part] = parts;
      if (part?.error !== undefined) throw part.error;
      this.#history.acknowledged(record, { partition: 0, offset: part?.baseOffset ?? -1 });
    } catch (error) {
      this.#history.failed(record, error);
    }
  }

  #statusOf(id: number) {
    const status = this.machine(id).opened?.status();
    return status?.partitions.find(({ topic }) => topic === TOPIC);
  }

  async #end(): Promise<void> {
    const { world } = this;
    await recovery(this.#parts);
    this.#isOver = true;
    let isDone = false;
    void this.#reading.then(() => (isDone = true));
    const isAnswered = (): boolean =>
      isDone && [...this.#history.records.values()].every(({ fate }) => fate !== 'sent');
    await world.mustBecome(isAnswered, ANSWER_MS_MAX, () => 'a client has no answer');
    if (world.violations.length === 0) await new FinalCheck(world, this.#history).run();
  }

  #failure(what: string): string {
    const lines = this.world.trace.text().split('\n');
    return [what, ...lines.slice(-LINES_MAX)].join('\n');
  }
}
