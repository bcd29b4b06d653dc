import {
  type BrokerRegistration,
  type ClusterState,
  confirmPartitions,
  createTopic,
  EmbeddedStore,
  type MetadataChange,
  type PartitionMetadata,
  registerBroker,
} from '#coordination';
import { type AppendResult, LogManager, silentLogObserver } from '#log';
import { type Outcome, ProtocolError, type TopicConfigOverrides } from '#protocol';
import { type FileSystem, silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import type { Partition } from '../partition.js';
import {
  NotLeaderError,
  type PeerMessage,
  type PeerMethod,
  type Peers,
  PeerUnreachableError,
} from '../peers.js';
import { ReplicaManager } from '../replica-manager.js';
import type { ReplicaFetchRequest } from '../replica-protocol.js';
import { oneBatch, valuesOf } from './batches.js';
import { SharedStoreClient } from './shared-store.js';
import { withSlowSyncs } from './slow-syncs.js';

export const TOPIC = 'events';
const TOPIC_ID = '11111111-1111-4111-8111-111111111111';

/** A process of a broker: the state that is lost when it dies. */
export interface TestProcess {
  readonly sight: SharedStoreClient;
  readonly logManager: LogManager;
  readonly replicas: ReplicaManager;
  brokerEpoch: number;
  /** Resolves when all changes notified so far are applied. */
  applied: Promise<void>;
}

/**
 * Brokers with real logs on fake disks, joined by calls in memory and one store, in one fake time.
 * Tests act as the controller themselves, with the decisions of the coordination.
 */
export class ReplicaCluster {
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly random = new SeededRandom(7);
  readonly disks = new Map<number, FakeDisk>();
  readonly processes = new Map<number, TestProcess>();
  /** Pairs `from>to` whose calls do not get through. */
  readonly #cuts = new Set<string>();
  /** Brokers whose processes are paused: calls to them are answered when they resume. */
  readonly #paused = new Map<number, (() => void)[]>();
  readonly #held = new Map<string, HeldAnswers>();
  readonly #heldSyncs = new Map<number, HeldSyncs>();
  /** Called when a broker has synced the file of a log. */
  onSynced: (id: number) => void = () => undefined;
  /** Called with every fetch of a follower, and with every answer. */
  onRequest: (request: PeerMessage) => void = () => undefined;
  onAnswer: (answer: PeerMessage) => void = () => undefined;
  /**
   * True when a broker that registers again leads its former partitions, although others are alive.
   */
  keepsLeaders = false;
  /** `replica-fetch` requests sent. */
  fetches = 0;

  private constructor(
    readonly store: EmbeddedStore,
    readonly settings: ReplicaClusterSettings,
  ) {}

  static async start(
    count: number,
    settings: ReplicaClusterSettings = {},
  ): Promise<ReplicaCluster> {
    const random = new SeededRandom(3);
    const storeOptions = { dataDir: '/store', clusterId: 'test', brokerId: 0, random };
    const store = await EmbeddedStore.open({ fileSystem: new FakeDisk(), ...storeOptions });
    const cluster = new ReplicaCluster(store, settings);
    for (let id = 0; id < count; id += 1) {
      cluster.disks.set(id, cluster.#newDisk(id));
      await cluster.startBroker(id);
    }
    return cluster;
  }

  /** Begins a process: recovers its logs, registers, opens its partitions. */
  async startBroker(id: number): Promise<TestProcess> {
    const { clock, scheduler, random } = this;
    const ports = { clock, scheduler, random, logger: silentLogger };
    const logManager = await LogManager.open(
      {
        dataDir: '/data',
        durability: this.settings.durability ?? 'fsync',
        syncsInFlightMax: 4,
        tailCacheBytes: this.settings.tailCacheBytes ?? 1024 * 1024,
        producerBatchesRemembered: 5,
        producerIdExpirationMs: 86_400_000,
      },
      { ...ports, fileSystem: this.#fileSystemOf(id), observer: silentLogObserver },
    );
    const brokerStore = new SharedStoreClient(this.store, `disk-${id}`);
    const replicas = new ReplicaManager({
      ...ports,
      logManager,
      brokerId: id,
      delayedFetchesMax: 100,
      diskReadsMax: 8,
      ...this.settings,
      cluster: {
        store: brokerStore,
        peers: this.#peersOf(id),
        brokerEpoch: () => process.brokerEpoch,
      },
    });
    const process: TestProcess = {
      sight: brokerStore,
      logManager,
      replicas,
      brokerEpoch: 0,
      applied: Promise.resolve(),
    };
    this.processes.set(id, process);
    await this.register(id);
    replicas.applier.startWith(brokerStore.state);
    for (const topic of brokerStore.state.topics.values()) await replicas.applier.applyTopic(topic);
    brokerStore.onChange((change, state) => this.#follow(id, process, change, state));
    await this.settle();
    return process;
  }

  async register(id: number): Promise<void> {
    const registrant = {
      id,
      url: null,
      clusterUrl: `broker-${id}`,
      rack: null,
      dataDirUuid: `disk-${id}`,
    };
    const state = await this.store.update((current) => {
      // A broker leads its former partitions again, as if no other was alive.
      const alone = {
        ...current,
        brokers: new Map([...current.brokers].filter(([brokerId]) => brokerId === id)),
      };
      return registerBroker(this.keepsLeaders ? alone : current, registrant, this.random);
    });
    this.process(id).brokerEpoch = state.brokers.get(id)?.brokerEpoch ?? 0;
  }

  /** The process dies; with `power` lost so do its unsynced writes. */
  async kill(id: number, { power = true }: { readonly power?: boolean } = {}): Promise<void> {
    const { replicas, sight } = this.process(id);
    this.processes.delete(id);
    sight.close();
    if (power) this.disk(id).crash();
    else this.disk(id).kill();
    replicas.close();
    await this.settle();
  }

  /** Holds back the answers of one broker to another until they are released. */
  holdAnswers(from: number, to: number): HeldAnswers {
    const held = this.#newHeld(() => this.#held.delete(`${from}>${to}`));
    this.#held.set(`${from}>${to}`, held);
    return held;
  }

  #newHeld(onRelease: () => void): HeldAnswers {
    const waiting: (() => void)[] = [];
    return {
      get count(): number {
        return waiting.length;
      },
      hold: () => new Promise<void>((resolve) => waiting.push(resolve)),
      release: () => {
        onRelease();
        for (const release of waiting.splice(0)) release();
      },
    };
  }

  /** Syncs of logs whose path contains `path` wait until they are released. */
  holdSyncs(id: number, path: string): HeldAnswers {
    const held = this.#newHeld(() => this.#heldSyncs.delete(id));
    this.#heldSyncs.set(id, { path, held });
    return held;
  }

  /** A fetch as a follower would send it. */
  async fetch(to: number, request: ReplicaFetchRequest): Promise<PeerMessage> {
    const handler = this.process(to).replicas.replication.handlers()['replica-fetch'];
    if (handler === undefined) throw new Error('no handler of replica-fetch');
    return handler(copied({ body: request, blobs: [] }), { signal: new AbortController().signal });
  }

  /** Calls from one broker to another are lost, one way. */
  cut(from: number, to: number): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cuts.clear();
  }

  /** A paused process: it receives no changes from the store and answers no calls. */
  pause(id: number): void {
    this.process(id).sight.cut();
    this.#paused.set(id, this.#paused.get(id) ?? []);
  }

  resume(id: number): void {
    const waiting = this.#paused.get(id) ?? [];
    this.#paused.delete(id);
    for (const release of waiting) release();
    this.process(id).sight.heal();
  }

  async createTopic(
    replicas: readonly (readonly number[])[],
    configs: TopicConfigOverrides = {},
  ): Promise<void> {
    const topic = { name: TOPIC, id: TOPIC_ID, configs, assignment: replicas };
    await this.store.update((state) => createTopic(state, topic, this.random));
    await this.settle();
    const all = replicas.map((_, partition) => partition);
    await this.store.update((state) => confirmPartitions(state, TOPIC, TOPIC_ID, all));
    await this.settle();
  }

  /** Changes the state of partition 0 as a controller would. */
  async change(
    change: (partition: PartitionMetadata) => Partial<PartitionMetadata>,
  ): Promise<void> {
    await this.store.update((state) => {
      const before = partitionOf(state);
      const state0 = {
        ...before,
        partitionEpoch: before.partitionEpoch + 1,
        ...change(before),
      };
      const partitions = [{ partition: 0, state: state0 }];
      return [{ kind: 'partitions', topic: TOPIC, topicId: TOPIC_ID, partitions }];
    });
    await this.settle();
  }

  /** Elects a leader; the ISR stays unless it is given. */
  elect(leader: number | null, isr?: readonly number[]): Promise<void> {
    return this.change((before) => ({
      leader,
      leaderEpoch: before.leaderEpoch + 1,
      electionId: this.random.uuid(),
      isr: isr ?? before.isr,
    }));
  }

  /** The cluster's metadata of partition 0. */
  get metadata(): PartitionMetadata {
    return partitionOf(this.store.state);
  }

  broker(id: number): BrokerRegistration | undefined {
    return this.store.state.brokers.get(id);
  }

  process(id: number): TestProcess {
    const process = this.processes.get(id);
    if (process === undefined) throw new Error(`broker ${id} does not run`);
    return process;
  }

  disk(id: number): FakeDisk {
    const disk = this.disks.get(id);
    if (disk === undefined) throw new Error(`there is no broker ${id}`);
    return disk;
  }

  partition(id: number, partition = 0): Partition {
    return this.process(id).replicas.table.partitionOrThrow(TOPIC, partition);
  }

  /** Appends one record at a broker, which resolves when it is there. */
  append(id: number, value: string, partition = 0, key?: string): Promise<AppendResult> {
    return this.partition(id, partition).append([oneBatch(value, { key })]);
  }

  /** Produces with acks=all: what became of the record. */
  async produce(id: number, value: string): Promise<Outcome | 'acknowledged'> {
    const partition = this.partition(id);
    if (!partition.hasEnoughReplicas()) return 'failed';
    try {
      const { lastOffset } = await partition.append([oneBatch(value)]);
      await partition.whenCommitted(lastOffset + 1);
      return 'acknowledged';
    } catch (error) {
      if (error instanceof NotLeaderError) return 'failed';
      // The error of a process that dies says nothing about the outcome.
      return error instanceof ProtocolError ? error.outcome : 'unknown';
    }
  }

  /** The values in a replica's log, up to its end. */
  async values(id: number, partition = 0): Promise<string[]> {
    const { log } = this.partition(id, partition);
    const values: string[] = [];
    for (let offset: number = log.offsets.logStart; offset < log.offsets.logEnd; ) {
      const batches = await log.reader.read(offset, 1024 * 1024, log.offsets.logEnd);
      for (const batch of batches) {
        values.push(...valuesOf(batch));
        offset = batch.nextOffset;
      }
      if (batches.length === 0) break;
    }
    return values;
  }

  /** The committed values, as a reader at a broker sees them. */
  async committed(id: number): Promise<string[]> {
    return (await this.values(id)).slice(0, this.partition(id).highWatermark);
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet += 1) {
      await this.scheduler.settle();
      for (const { applied } of this.processes.values()) await applied;
    }
  }

  /** Lets time pass until `condition` holds; fails after a minute of it. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    for (let ms = 0; ms < 60_000; ms += 10) {
      await this.settle();
      if (await condition()) return;
      await this.scheduler.advance(10);
    }
    throw new Error(`not within a minute: ${condition.toString()}`);
  }

  async advance(ms: number): Promise<void> {
    await this.scheduler.advance(ms);
    await this.settle();
  }

  /** The broker gets a new disk, with nothing on it. */
  replaceDisk(id: number): void {
    this.disks.set(id, this.#newDisk(id));
  }

  #fileSystemOf(id: number): FileSystem {
    return withSlowSyncs(this.disk(id).mount(), async (path) => {
      const slow = this.#heldSyncs.get(id);
      if (slow !== undefined && path.includes(slow.path)) await slow.held.hold();
    });
  }

  #newDisk(id: number): FakeDisk {
    return new FakeDisk({
      onOperation: (point, path) => {
        if (point === 'datasync' && path.endsWith('.log')) this.onSynced(id);
      },
    });
  }

  #follow(id: number, process: TestProcess, change: MetadataChange, state: ClusterState): void {
    if (change.kind !== 'topic' && change.kind !== 'partitions') return;
    const name = change.kind === 'topic' ? change.topic.name : change.topic;
    const topic = change.kind === 'topic' ? change.topic : state.topics.get(name);
    if (topic === undefined) return;
    const before = process.applied;
    const apply = async (): Promise<void> => {
      await before;
      if (this.processes.get(id) === process) await process.replicas.applier.applyTopic(topic);
    };
    process.applied = apply();
  }

  #peersOf(from: number): Peers {
    return {
      call: async (to, method, message, { signal, timeoutMs }) => {
        this.fetches += 1;
        this.onRequest(message);
        const unreachable = new PeerUnreachableError(to, true, undefined);
        const ended = new AbortController();
        const end = (): void => ended.abort();
        const crash = new Promise<never>((_, reject) => {
          ended.signal.addEventListener('abort', () => reject(unreachable));
        });
        signal?.addEventListener('abort', end);
        const timer = this.scheduler.after(timeoutMs, end);
        try {
          const answer = this.#answer({ from, to }, method, copied(message), ended.signal);
          return copied(await Promise.race([answer, crash]));
        } finally {
          timer.cancel();
          signal?.removeEventListener('abort', end);
        }
      },
    };
  }

  async #answer(
    { from, to }: { readonly from: number; readonly to: number },
    method: PeerMethod,
    message: PeerMessage,
    signal: AbortSignal,
  ): Promise<PeerMessage> {
    await this.#passes(from, to);
    const handler = this.process(to).replicas.replication.handlers()[method];
    if (handler === undefined) throw new Error(`no handler of ${method}`);
    const answer = await handler(message, { signal });
    await this.#held.get(`${to}>${from}`)?.hold();
    await this.#passes(to, from);
    this.onAnswer(answer);
    return answer;
  }

  async #passes(from: number, to: number): Promise<void> {
    await Promise.resolve();
    const isLost = this.#cuts.has(`${from}>${to}`) || !this.processes.has(to);
    if (isLost) throw new PeerUnreachableError(to, true, undefined);
    const paused = this.#paused.get(to);
    if (paused !== undefined) await new Promise<void>((resolve) => paused.push(resolve));
  }
}

interface HeldSyncs {
  readonly path: string;
  readonly held: HeldAnswers;
}

interface HeldAnswers {
  /** Number of answers held back. */
  readonly count: number;
  hold(): Promise<void>;
  release(): void;
}

export interface ReplicaClusterSettings {
  readonly durability?: 'fsync' | 'os';
  readonly tailCacheBytes?: number;
  readonly replicaLagTimeMaxMs?: number;
  readonly replicaFetchMaxBytes?: number;
  readonly replicaFetchResponseMaxBytes?: number;
  readonly reassignmentBytesPerSecond?: number;
}

function partitionOf(state: ClusterState): PartitionMetadata {
  const partition = state.topics.get(TOPIC)?.partitions[0];
  if (partition === undefined) throw new Error('the test topic has no partition 0');
  return partition;
}

/** A copy, like a network makes one. */
function copied({ body, blobs }: PeerMessage): PeerMessage {
  return { body: JSON.parse(JSON.stringify(body)), blobs: blobs.map((blob) => Buffer.from(blob)) };
}
