/**
 * The replication of a broker's partitions with other replicas: fetches for followers, serves the
 * followers of leaders, maintains their ISRs, and withdraws replicas with untrusted logs until
 * their leaders have repaired them. A broker without peers has no such replicas.
 *
 * Overlap: all calls may overlap. One commit of withdrawals is in progress at a time, and one cut
 * per partition.
 */
import { type CoordinationStore, leaveIsrs } from '#coordination';
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
    'state' | 'dataDirUuid' | 'isShared' | 'journaledVersion' | 'update' | 'whenJournaled'
  >;
  readonly peers: Peers;
  /** Broker epoch of this process, as registered now. */
  readonly brokerEpoch: () => number;
}

/** Settings of replication. Times in milliseconds, sizes in bytes. */
export interface ReplicationSettings {
  /** Time that a follower may lag before it leaves the ISR. */
  readonly replicaLagTimeMaxMs: number;
  /** Longest wait of a follower's fetch for new records. */
  readonly replicaFetchWaitMaxMs: number;
  /**
   * Bytes of batches of one partition in an answer to a follower, and of all partitions together.
   */
  readonly replicaFetchMaxBytes: number;
  readonly replicaFetchResponseMaxBytes: number;
  /** Bytes per second fetched for replicas that a reassignment adds; 0: no limit. */
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
  /** Called regularly. */
  readonly onCheck: () => void;
}

/** Interval between two checks of the ISRs, in ms. */
const CHECK_INTERVAL_MS = 1000;
/** Longest wait for a majority of the brokers to have a removal from the ISR on disk, in ms. */
const JOURNALED_WAIT_MS = 5000;

export class ClusterReplication {
  readonly member: ClusterMember;
  readonly #options: ClusterReplicationOptions;
  readonly #sessions: FetchSessions;
  readonly #fetcher: ReplicaFetcher;
  readonly #throttle: ReassignmentThrottle;
  readonly #proposer: IsrProposer;
  readonly #leaving = new Map<string, IncompleteReplica>();
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

  /** Applies a change of a partition's metadata, or of this broker's role in it. */
  update(partition: Partition): void {
    if (!partition.isTrusted) this.#distrust(partition);
    this.#fetcher.update(partition);
    this.#sessions.wake(partition);
  }

  /** Applies a rise of the high watermark, or the end of a partition. */
  wake(partition: Partition): void {
    if (partition.isClosed) this.#fetcher.update(partition);
    this.#sessions.wake(partition);
  }

  /** Removes a replica that lacks records from the ISR; every check tries again. */
  leaveIsr(replica: IncompleteReplica): void {
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
      // Fetches that arrived while this process was stalled may not have been read yet.
      if (stallMs > CHECK_INTERVAL_MS) partition.forgiveStall(stallMs);
      partition.metadataJournaled(brokerId, cluster.store.journaledVersion);
      this.#proposeWanted(partition, inputs);
    }
    void this.#leaveAll();
    this.#options.onCheck();
  }

  /** Proposes an ISR with a follower that has caught up. */
  #fetched(partition: Partition): void {
    const { isr, replicas } = partition.metadata;
    if (isr.length === replicas.length || partition.isIsrProposed) return;
    this.#proposeWanted(partition, this.#isrInputs());
  }

  #proposeWanted(partition: Partition, inputs: ClusterIsrInputs): void {
    const wantedIsr = partition.proposedIsr(inputs);
    if (wantedIsr !== undefined) this.#proposer.propose(partition, wantedIsr);
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
   * Withdraws a replica whose log is damaged or accepts no writes. Once it is out of the ISR, its
   * fetches repair damage below its high watermark. Damage above and a missing end are cut and
   * fetched again.
   */
  #distrust(partition: Partition): void {
    const { metadata, log } = partition;
    if (metadata.isr.includes(this.#options.brokerId)) {
      if (metadata.isr.length > 1) this.leaveIsr(partition);
      return;
    }
    const mayCut = partition.mayFetch && metadata.leader !== null && !this.#cutting.has(partition);
    const isAbove = (log.damage.repairOffset ?? -1) >= partition.highWatermark;
    if (mayCut && (log.damage.lostRecords !== undefined || isAbove)) void this.#cutLater(partition);
  }

  /** Never rejects; the next check tries again. */
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
   * Cuts a replica at its damage, once it cannot become in sync again without a fetch: a removal
   * from the ISR that is lost with Redis would bring it back (rule M7).
   * @throws ProtocolError BROKER_NOT_AVAILABLE before that, LEADER_NOT_AVAILABLE when the leader
   *   has changed, KAFKA_STORAGE_ERROR
   */
  async #cutDamage(partition: Partition): Promise<void> {
    const { cluster, brokerId, logger } = this.#options;
    const { leaderEpoch: epoch, electionId } = partition.metadata;
    await cluster.store.whenJournaled(cluster.store.state.version, JOURNALED_WAIT_MS);
    if (!partition.mayFetch || partition.metadata.isr.includes(brokerId)) return;
    await partition.log.damage.cut({ epoch, electionId });
    logger.warn(
      {
        partition: topicPartitionName(partition.topicPartition),
        end: partition.log.offsets.logEnd,
      },
      'a damaged replica was cut: its leader fills it again',
    );
  }

  /** Never rejects. */
  async #leaveAll(): Promise<void> {
    if (this.#isLeaving || this.#leaving.size === 0 || this.#isClosed) return;
    const { cluster, brokerId, random, logger } = this.#options;
    this.#isLeaving = true;
    await Promise.resolve();
    const leavingPartitions = new Map(this.#leaving);
    const lacking = Array.from(leavingPartitions.values(), ({ topicPartition, topicId }) => {
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
      for (const [name, replica] of leavingPartitions) this.#leaving.set(name, replica);
    } finally {
      this.#isLeaving = false;
    }
  }
}

/** A replica whose log lacks records. */
export interface IncompleteReplica extends Pick<Partition, 'topicPartition' | 'topicId'> {}

type ClusterIsrInputs = Omit<IsrInputs, 'highWatermark' | 'logEndOffset'>;
