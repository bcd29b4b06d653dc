import { brokerDied, electLeaders } from '#coordination';
import type { Outcome } from '#protocol';
import { SeededRandom } from '#runtime/testing';
import { ReplicaCluster } from './replica-cluster.js';

const BROKERS = [0, 1, 2];

/** A produced record, and the answer to its producer once there is one. */
interface Produced {
  readonly value: string;
  outcome: Outcome | 'acknowledged' | undefined;
}

/**
 * A random history of one partition on three brokers: produces with acks=all at every broker that
 * takes itself for the leader; brokers die, stall, are cut off and lose power; a controller
 * declares the dead brokers dead. The invariants are checked after every step.
 */
export class ReplicaHistory {
  readonly produced: Produced[] = [];
  /** The value committed at each offset, by any leader. */
  readonly #committed: string[] = [];
  readonly #random: SeededRandom;
  readonly #paused = new Set<number>();
  readonly #highWatermarks = new Map<string, number>();

  private constructor(
    readonly cluster: ReplicaCluster,
    seed: number,
  ) {
    this.#random = new SeededRandom(seed);
  }

  static async begin(seed: number): Promise<ReplicaHistory> {
    const cluster = await ReplicaCluster.start(3, { replicaLagTimeMaxMs: 3000 });
    await cluster.createTopic([BROKERS], { 'min.insync.replicas': '2' });
    return new ReplicaHistory(cluster, seed);
  }

  async step(): Promise<void> {
    const { cluster } = this;
    const id = this.#random.below(3);
    const roll = this.#random.below(100);
    if (roll < 45) this.#produce(id);
    else if (roll < 52) this.#cut();
    else if (roll < 60) cluster.heal();
    else if (roll < 66) await this.#kill(id);
    else if (roll < 74) await this.#start(id);
    else if (roll < 80) this.#pause(id);
    else if (roll < 86) this.#resume(id);
    else if (roll < 92) await this.#declareDead(id);
    else await cluster.advance(this.#random.below(1500));
    if (this.#random.below(3) > 0) await cluster.settle();
    await this.#check();
  }

  /** Everything heals: all replicas become equal, and every wait ends. */
  async end(): Promise<void> {
    const { cluster } = this;
    cluster.heal();
    for (const id of BROKERS) {
      this.#resume(id);
      await this.#start(id);
      await this.#registerAgain(id);
    }
    await cluster.store.update((state) => electLeaders(state, cluster.random));
    await cluster.until(() => cluster.metadata.isr.length === 3);
    const leader = cluster.metadata.leader ?? 0;
    const last = this.#produce(leader);
    await cluster.until(() => BROKERS.every((id) => this.#isWhole(id)));
    await cluster.settle();
    if (last?.outcome !== 'acknowledged') {
      throw new Error('nothing is acknowledged after all healed');
    }
    await this.#check();
    await this.#checkEnd();
  }

  #isWhole(id: number): boolean {
    const { highWatermark, log } = this.cluster.partition(id);
    return highWatermark - log.offsets.logEnd === 0 && this.produced.at(-1)?.outcome !== undefined;
  }

  #produce(id: number): Produced | undefined {
    const { cluster } = this;
    if (!cluster.processes.has(id) || !cluster.partition(id).isLeader) return undefined;
    const record: Produced = { value: `${this.produced.length}`, outcome: undefined };
    this.produced.push(record);
    void cluster.produce(id, record.value).then((outcome) => (record.outcome = outcome));
    return record;
  }

  #cut(): void {
    const [from, to] = [this.#random.below(3), this.#random.below(3)];
    this.cluster.cut(from, to);
    if (this.#random.below(2) === 0) this.cluster.cut(to, from);
  }

  async #kill(id: number): Promise<void> {
    if (!this.cluster.processes.has(id)) return;
    this.#resume(id);
    await this.cluster.kill(id, { power: this.#random.below(2) === 0 });
  }

  async #start(id: number): Promise<void> {
    if (!this.cluster.processes.has(id)) await this.cluster.startBroker(id);
  }

  #pause(id: number): void {
    if (!this.cluster.processes.has(id)) return;
    this.#paused.add(id);
    this.cluster.pause(id);
  }

  #resume(id: number): void {
    if (this.#paused.delete(id)) this.cluster.resume(id);
  }

  /** Its lease has run out, whether it is dead or not. */
  async #declareDead(id: number): Promise<void> {
    const { cluster } = this;
    const { random } = cluster;
    const brokerEpoch = cluster.broker(id)?.brokerEpoch ?? 0;
    await cluster.store.update((state) => brokerDied(state, { id, brokerEpoch }, random));
    await this.#registerAgain(this.#random.below(3));
    await cluster.store.update((state) => electLeaders(state, random));
  }

  /** A process that finds itself declared dead registers again. */
  async #registerAgain(id: number): Promise<void> {
    const { cluster } = this;
    const isIgnored = !cluster.processes.has(id) || this.#paused.has(id);
    if (!isIgnored && cluster.broker(id)?.alive === false) await cluster.register(id);
  }

  async #check(): Promise<void> {
    for (const id of BROKERS) {
      if (!this.cluster.processes.has(id)) continue;
      const partition = this.cluster.process(id).replicas.table.partition('events', 0);
      if (partition === undefined) continue;
      this.#checkRise(id);
      const values = await this.cluster.values(id);
      for (let index = 0; index < Math.min(values.length, partition.highWatermark); index += 1) {
        const value = values[index] as string;
        this.#committed[index] ??= value;
        if (this.#committed[index] !== value) {
          throw new Error(
            `offset ${index}: ${this.#committed[index]} and ${value}, at broker ${id}`,
          );
        }
      }
    }
  }

  /** Within an epoch and a process the high watermark rises only. */
  #checkRise(id: number): void {
    const { cluster } = this;
    const { leaderEpoch, highWatermark } = cluster.partition(id);
    const key = `${id} ${cluster.process(id).brokerEpoch} ${leaderEpoch}`;
    const before = this.#highWatermarks.get(key) ?? 0;
    if (highWatermark < before) throw new Error(`the high watermark fell at broker ${id}`);
    this.#highWatermarks.set(key, highWatermark);
  }

  async #checkEnd(): Promise<void> {
    const logs = await Promise.all(BROKERS.map((id) => this.cluster.values(id)));
    const [first = []] = logs;
    for (const values of logs) {
      if (values.join() !== first.join()) throw new Error(`logs differ: ${logs.join(' | ')}`);
    }
    if (new Set(first).size < first.length) throw new Error(`a record twice: ${first.join()}`);
    for (const { value, outcome } of this.produced) {
      const isThere = first.includes(value);
      if (outcome === 'acknowledged' && !isThere) throw new Error(`${value} was lost`);
      if (outcome === 'failed' && isThere) throw new Error(`${value} had failed and is there`);
      if (outcome === undefined) throw new Error(`${value} was never answered`);
    }
  }
}
