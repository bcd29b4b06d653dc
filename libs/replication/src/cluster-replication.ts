/**
 * What a broker does for replicas that have others beside them: it fetches for those that follow,
 * serves the followers of those that lead, keeps their ISRs, and withdraws replicas whose logs
 * cannot be trusted, until their leaders have repaired them. A broker without peers has no such
 * replicas.
 */
import { type ClusterState, type CoordinationStore, leaveIsrs } from '#coordination';
import { topicPartitionName } from '#protocol';
import type { Clock, Logger, Random, Scheduler, Timer } from '#runtime';
import { FetchSessions } from './fetch-sessions.js';
import { IsrProposer } from './isr-proposer.js';
import type { IsrInputs } from './leader-state.js';
import type { ClusterMember, Partition } from './partition.js';
import type { PeerHandlers, Peers } from './peers.js';
import { ReassignmentThrottle } from './reassignment-throttle.js';
import { decodeReplicaFetchRequest, encodeReplicaFetchAnswer } from './replica-fetch-codec.js';
import { ReplicaFetcher } from './replica-fetcher.js';

/** The cluster as replication needs it. */
export interface ReplicationCluster {
  readonly store: Pick<
    CoordinationStore,
    'state' | 'isShared' | 'journaledVersion' | 'update' | 'whenJournaled'
  >;
  readonly peers: Peers;
  /** Of this process, as it is registered now. */
  readonly brokerEpoch: () => number;
}

/** How replicas are kept equal. Times in milliseconds, sizes in bytes. */
export interface ReplicationSettings {
  /** How long a follower may be behind before it leaves the ISR. */
  readonly replicaLagTimeMaxMs: number;
  /** How long a fetch of a follower waits for news. */
  readonly replicaFetchWaitMaxMs: number;
  /** Batches of one partition in an answer to a follower, and of all together. */
  readonly replicaFetchMaxBytes: number;
  readonly replicaFetchResponseMaxBytes: number;
  /** What is fetched for replicas that a reassignment adds, at most; 0: no bound. */
  readonly reassignmentBytesPerSecond: number;
}

export const REPLICATION_DEFAULTS: ReplicationSettings = {
  replicaLagTimeMaxMs: 30_000,
  replicaFetchWaitMaxMs: 500,
  replicaFetchMaxBytes: 1024 * 1024,
  replicaFetchResponseMaxBytes: 10 * 1024 * 1024,
  reassignmentBytesPerSecond: 0,
};

export interface ClusterReplicationOptions extends ReplicationSettings {
  readonly cluster: ReplicationCluster;
  readonly brokerId: number;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  readonly partition: (topic: string, partition: number) => Partition | undefined;
  readonly partitions: () => Iterable<Partition>;
  /** Takes over the state of a partition that the store has. */
  readonly onState: (partition: Partition, state: ClusterState) => void;
  /** Called regularly. */
  readonly onCheck: () => void;
}

/** How often the ISRs are looked at. */
const CHECK_INTERVAL_MS = 1000;
/** How long it may take until a majority of the brokers has a removal from the ISR on disk. */
const JOURNALED_WAIT_MS = 5000;

export class ClusterReplication {
  readonly member: ClusterMember;
  readonly #options: ClusterReplicationOptions;
  readonly #sessions: FetchSessions;
  readonly #fetcher: ReplicaFetcher;
  readonly #throttle: ReassignmentThrottle;
  readonly #proposer: IsrProposer;
  readonly #leaving = new Map<string, LackingReplica>();
  /** Replicas that are cut, or wait for that. */
  readonly #cutting = new Set<Partition>();
  #isLeaving = false;
  #timer: Timer | undefined;
  #checkedMs: number;
  #isClosed = false;

  constructor(options: ClusterReplicationOptions) {
    this.#options = options;
    const { cluster, brokerId, clock, partition } = options;
    const { store } = cluster;
    const journaledVersion = (): number => store.journaledVersion;
    this.#sessions = new FetchSessions({
      ...options,
      partition,
      state: () => store.state,
      onFetched: (fetched) => this.#fetched(fetched),
      onJournaled: (id, version) => {
        for (const led of options.partitions()) led.metadataJournaled(id, version);
      },
    });
    this.#throttle = new ReassignmentThrottle(options.reassignmentBytesPerSecond, clock);
    this.#fetcher = new ReplicaFetcher({
      ...options,
      ...cluster,
      journaledVersion,
      reassignmentThrottle: this.#throttle,
      cutDamage: (partition) => this.#cutDamage(partition),
    });
    this.#proposer = new IsrProposer({ ...options, store });
    const onLogEnd = (written: Partition): void => this.#sessions.wake(written);
    const isMetadataShared = store.isShared;
    this.member = { brokerId, clock, isMetadataShared, journaledVersion, onLogEnd };
    this.#checkedMs = clock.monotonicMs();
    this.#checkLater();
  }

  /** Bytes that were fetched for replicas that a reassignment adds. */
  get reassignmentBytesTotal(): number {
    return this.#throttle.bytesTotal;
  }

  /** The methods that other brokers call. */
  handlers(): PeerHandlers {
    return {
      'replica-fetch': async (message, { signal }) => {
        const request = decodeReplicaFetchRequest(message);
        return encodeReplicaFetchAnswer(await this.#sessions.fetch(request, signal));
      },
    };
  }

  /** After a change of a partition's metadata, or of this broker's part in it. */
  update(partition: Partition): void {
    if (!partition.isTrusted) this.#distrust(partition);
    this.#fetcher.update(partition);
    this.#sessions.wake(partition);
  }

  /** After a rise of the high watermark, or the end of a partition. */
  wake(partition: Partition): void {
    if (partition.isClosed) this.#fetcher.update(partition);
    this.#sessions.wake(partition);
  }

  /** Takes a replica out of the ISR whose log lacks records; tried again with every check. */
  leaveIsr(replica: LackingReplica): void {
    this.#leaving.set(topicPartitionName(replica.topicPartition), replica);
    void this.#leaveAll();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#fetcher.close();
    this.#sessions.end();
  }

  #checkLater(): void {
    this.#timer = this.#options.scheduler.after(CHECK_INTERVAL_MS, () => {
      if (this.#isClosed) return;
      this.#check();
      this.#checkLater();
    });
  }

  #check(): void {
    const { clock, brokerId, cluster } = this.#options;
    const nowMs = clock.monotonicMs();
    const stallMs = nowMs - this.#checkedMs - CHECK_INTERVAL_MS;
    this.#checkedMs = nowMs;
    const inputs = this.#isrInputs();
    for (const partition of this.#options.partitions()) {
      if (!partition.isTrusted) this.#distrust(partition);
      if (!partition.isLeader) continue;
      // What followers sent while this process stood still may not have been read yet.
      if (stallMs > CHECK_INTERVAL_MS) partition.forgiveStall(stallMs);
      partition.metadataJournaled(brokerId, cluster.store.journaledVersion);
      this.#proposeWanted(partition, inputs);
    }
    void this.#leaveAll();
    this.#options.onCheck();
  }

  /** A follower has got on: it may be in sync now. */
  #fetched(partition: Partition): void {
    const { isr, replicas } = partition.metadata;
    if (isr.length === replicas.length || partition.isIsrProposed) return;
    this.#proposeWanted(partition, this.#isrInputs());
  }

  #proposeWanted(partition: Partition, inputs: ClusterIsrInputs): void {
    const wanted = partition.proposedIsr(inputs);
    if (wanted !== undefined) this.#proposer.propose(partition, wanted);
  }

  #isrInputs(): ClusterIsrInputs {
    const { clock, replicaLagTimeMaxMs, cluster } = this.#options;
    const { brokers } = cluster.store.state;
    return {
      nowMs: clock.monotonicMs(),
      lagTimeMaxMs: replicaLagTimeMaxMs,
      isAlive: (id, brokerEpoch) => {
        const broker = brokers.get(id);
        return broker?.alive === true && broker.brokerEpoch === brokerEpoch;
      },
      seenMs: (id) => this.#sessions.seenMs(id),
    };
  }

  /**
   * A log that is damaged, or takes no writes, is not counted on. Out of the ISR its fetches repair
   * what is damaged below its high watermark. Damage above, and an end that is missing, are cut and
   * filled again.
   */
  #distrust(partition: Partition): void {
    const { metadata, log } = partition;
    if (metadata.isr.includes(this.#options.brokerId)) {
      if (metadata.isr.length > 1) this.leaveIsr(partition);
      return;
    }
    const mayCut = partition.mayFetch && metadata.leader !== null && !this.#cutting.has(partition);
    const isAbove = (log.repairOffset ?? -1) >= partition.highWatermark;
    if (mayCut && (log.lostRecords !== undefined || isAbove)) void this.#cutLater(partition);
  }

  /** Never rejects: tried again with the next check. */
  async #cutLater(partition: Partition): Promise<void> {
    const name = topicPartitionName(partition.topicPartition);
    this.#cutting.add(partition);
    try {
      await this.#cutDamage(partition);
    } catch (error) {
      const fields = { partition: name, err: error };
      this.#options.logger.error(fields, 'a damaged replica could not be cut yet');
    } finally {
      this.#cutting.delete(partition);
    }
  }

  /**
   * Cuts a replica where it is damaged, once nobody can take it for one in sync again: a removal
   * from the ISR that is lost with Redis would give it back (rule M7).
   * @throws ProtocolError BROKER_NOT_AVAILABLE before that, LEADER_NOT_AVAILABLE when its leader
   *   is not the one that it was, KAFKA_STORAGE_ERROR
   */
  async #cutDamage(partition: Partition): Promise<void> {
    const { cluster, brokerId, logger } = this.#options;
    const { leaderEpoch: epoch, electionId } = partition.metadata;
    await cluster.store.whenJournaled(cluster.store.state.version, JOURNALED_WAIT_MS);
    if (!partition.mayFetch || partition.metadata.isr.includes(brokerId)) return;
    await partition.log.cutDamage({ epoch, electionId });
    logger.warn(
      { partition: topicPartitionName(partition.topicPartition), end: partition.log.logEndOffset },
      'a damaged replica was cut: its leader fills it again',
    );
  }

  /** Never rejects. */
  async #leaveAll(): Promise<void> {
    if (this.#isLeaving || this.#leaving.size === 0 || this.#isClosed) return;
    const { cluster, brokerId, random, logger } = this.#options;
    this.#isLeaving = true;
    await Promise.resolve();
    const leaving = new Map(this.#leaving);
    const lacking = Array.from(leaving.values(), ({ topicPartition, topicId }) => {
      return { ...topicPartition, topicId };
    });
    this.#leaving.clear();
    try {
      await cluster.store.update((state) => {
        const broker = { id: brokerId, brokerEpoch: cluster.brokerEpoch() };
        return leaveIsrs(state, broker, lacking, random);
      });
    } catch (error) {
      logger.warn({ err: error }, 'replicas that lack records could not leave their ISRs');
      for (const [name, replica] of leaving) this.#leaving.set(name, replica);
    } finally {
      this.#isLeaving = false;
    }
  }
}

/** A replica whose log lacks records. */
export interface LackingReplica extends Pick<Partition, 'topicPartition' | 'topicId'> {}

type ClusterIsrInputs = Omit<IsrInputs, 'highWatermark' | 'logEndOffset'>;
