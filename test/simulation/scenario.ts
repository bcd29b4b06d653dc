import type { Acks } from '#broker';
import type { PartitionMetadata } from '#coordination';
import type { Random } from '#runtime';
import { produceOf } from '../../libs/broker/src/testing/records.js';
import type { ClientParts } from './client.js';
import { ClientConnection } from './client-connection.js';
import { healAll, makeTopic, recovery, startCluster } from './cluster-life.js';
import { FinalCheck } from './final-check.js';
import { History, outcomeOf, type SentRecord } from './history.js';
import type { Machine } from './machine.js';
import { Reader } from './readers.js';
import type { SeenMessage } from './simulated-network.js';
import { World } from './world.js';

/** Of its one partition: three replicas, and two must be in sync. */
const TOPIC = 'killer';
const TARGET = { topic: TOPIC, partition: 0 };
const SEED = 1;
/** Followers that lag leave the ISR soon; leaders stay where a test puts them. */
const SETTINGS = { replicaLagTimeMaxMs: 1500, preferredLeaderIntervalMs: 0 };

const REACH_MS_MAX = 20_000;
const LOOK_MS = 1;
/** What a message that is let through has for its effect before the next one. */
const EFFECT_MS = 10;
/** Lines of the trace that a failure shows. */
const LINES_MAX = 300;
const ANSWER_MS_MAX = 30_000;
const PRODUCE_TIMEOUT_MS = 10_000;

/** A disk that loses whatever was not synced. */
export const LOSES_ALL: Random = {
  below: () => 0,
  uuid: () => '00000000-0000-4000-8000-000000000000',
};

/**
 * A cluster of three without a load of its own: what goes wrong in it, and when, a test says step
 * by step, waiting for one to have come about before the next. Nothing in it is left to luck: a
 * step that does not come about fails the test. A reader follows the log all the time. At the end
 * everything is made well, and all that holds of any run is checked.
 */
export class Scenario {
  readonly world = new World({ seed: SEED, settings: SETTINGS });
  /** What brokers said to each other, as far as it got. */
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
   * @param steps with the cluster running, before it has a topic
   * @throws Error when a step did not come about; one that tells of all violations there were
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
    if (world.violations.length > 0) throw new Error(scenario.#told(world.violations.join('\n')));
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

  /** Makes the topic, with its replicas on these brokers, the preferred leader first. */
  async makeTopic(replicas: readonly number[]): Promise<void> {
    const { world } = this;
    await makeTopic(world, { name: TOPIC, minInSyncReplicas: 2, replicas });
    await this.reach('the topic has a leader', () => this.partition.leader === replicas[0]);
    const options = { name: 'reader', topic: TOPIC, partition: 0, isRestless: true };
    this.#reading = new Reader(this.#parts, options).run();
  }

  /** As the registry has it, or had it last. */
  get partition(): PartitionMetadata {
    const partition = this.world.partition(TOPIC, 0);
    if (partition === undefined) throw new Error(`there is no ${TOPIC}`);
    return partition;
  }

  machine(id: number): Machine {
    return this.world.machine(id);
  }

  /** Where a replica's log ends; -1 while it is not served. */
  logEndOf(id: number): number {
    return this.#statusOf(id)?.logEndOffset ?? -1;
  }

  /** What a replica knows to be committed; -1 while it is not served. */
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

  /** Waits for something that must come about. */
  async reach(what: string, condition: () => boolean, msMax = REACH_MS_MAX): Promise<void> {
    const { world } = this;
    const endMs = world.nowMs + msMax;
    while (!condition()) {
      if (world.violations.length > 0) throw new Error(this.#told(world.violations.join('\n')));
      if (world.nowMs >= endMs) throw new Error(this.#told(`it did not come about that ${what}`));
      await world.sleep(LOOK_MS);
    }
    world.trace.add('scenario', what);
  }

  /** What the scenario is about must be so now: else it shows nothing. */
  holds(what: string, condition: boolean): void {
    if (!condition) throw new Error(this.#told(`it is not so that ${what}`));
    this.world.trace.add('scenario', what);
  }

  /** Looks for so long whether something happens that must not. */
  async never(what: string, condition: () => boolean, ms: number): Promise<void> {
    const { world } = this;
    const endMs = world.nowMs + ms;
    while (world.nowMs < endMs) {
      if (condition()) throw new Error(this.#told(`it came about that ${what}`));
      await world.sleep(LOOK_MS);
    }
  }

  /** Sends one record to a broker; what becomes of it is told in what is returned. */
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

  /** Changes the topic's configs; nobody waits for the answer. */
  alterTopic(configs: Readonly<Record<string, unknown>>, at: number): void {
    const altering = this.#connection.call(this.machine(at), (broker) =>
      broker.alterTopic(TOPIC, { configs }),
    );
    altering.catch((error: unknown) => this.world.trace.add('scenario', String(error)));
  }

  /** Where a broker says that committed records end; undefined where it refuses to say. */
  async endToldBy(id: number): Promise<number | undefined> {
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

  /** Nothing arrives in either direction any more. */
  cut(one: number, other: number): void {
    this.world.links.cut(one, other);
    this.world.links.cut(other, one);
  }

  heal(one: number, other: number): void {
    this.world.links.heal(one, other);
    this.world.links.heal(other, one);
  }

  /**
   * Lets what waits on a way that is cut arrive, one after the other, until something has come
   * about.
   */
  async letThrough(
    from: number,
    to: number,
    what: string,
    condition: () => boolean,
  ): Promise<void> {
    const { world } = this;
    let nextMs = world.nowMs;
    await this.reach(what, () => {
      if (condition()) return true;
      if (world.nowMs < nextMs) return false;
      world.links.letOneThrough(from, to);
      nextMs = world.nowMs + EFFECT_MS;
      return false;
    });
  }

  /** kill -9, and a new process at once. */
  async restart(id: number): Promise<void> {
    const machine = this.machine(id);
    machine.kill();
    machine.start();
    await this.reach(`broker ${id} serves again`, () => machine.broker !== undefined);
  }

  /** Gives the partition back to its first replica. */
  async electPreferredLeader(): Promise<void> {
    const [preferred] = this.partition.replicas;
    const electing = this.#connection.call(this.machine(preferred ?? 0), (broker) =>
      broker.electLeader(TARGET, { type: 'preferred' }),
    );
    // The answer also tells how the new leader is, which may be cut off.
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
    if (!(await world.until(isAnswered, ANSWER_MS_MAX))) world.violated('a client has no answer');
    if (world.violations.length === 0) await new FinalCheck(world, this.#history).run();
  }

  #told(what: string): string {
    const lines = this.world.trace.text().split('\n');
    return [what, ...lines.slice(-LINES_MAX)].join('\n');
  }
}
