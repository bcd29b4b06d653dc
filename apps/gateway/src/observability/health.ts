import type { BrokerStatus, ClusterStatus } from '#broker';

/** The answer of /health/ready. */
export interface ReadinessReport {
  /** `degraded`: the broker serves, and an operator should check it. */
  readonly status: 'ok' | 'degraded' | 'stopping';
  readonly checks: {
    readonly disk: DiskCheck;
    readonly storage: StorageCheck;
    readonly clock: ClockCheck;
    readonly descriptors: DescriptorCheck;
    /** Null if this broker is the whole cluster. */
    readonly cluster: ClusterCheck | null;
  };
}

interface DiskCheck {
  readonly status: 'ok' | 'degraded';
  /** Reason for refusing records; null while none are refused. */
  readonly reason: string | null;
  /** Bytes reserved for operations that free space; 0 while the reserve is released. */
  readonly reserveBytes: number;
}

/** File descriptors of connections, segment files and the rest of the process. */
interface DescriptorCheck {
  /** `degraded` while nearly all are in use. */
  readonly status: 'ok' | 'degraded';
  readonly reason: string | null;
  /** Null if the system does not say. */
  readonly inUse: number | null;
  readonly limit: number | null;
}

interface ClockCheck {
  /** `degraded` while the clock is not trusted after a jump. */
  readonly status: 'ok' | 'degraded';
  /** Reason for not trusting the clock; null while it is trusted. */
  readonly reason: string | null;
  /** Milliseconds by which the clock is ahead of the time used for expiration. */
  readonly aheadMs: number;
}

interface StorageCheck {
  readonly status: 'ok' | 'degraded';
  readonly partitions: number;
  /** Partitions that cannot be served, with the reason. */
  readonly offline: readonly { readonly partition: string; readonly reason: string }[];
  /**
   * Partitions that can be read but not written: after a failed sync, or while records are lost.
   */
  readonly readOnly: readonly string[];
  /**
   * Synced offsets that are missing at the start, in the middle or at the end of a log, although
   * they were not deleted.
   */
  readonly lost: readonly LostRecords[];
  /** Partitions with unreadable ranges, and the number of ranges. */
  readonly damaged: readonly { readonly partition: string; readonly ranges: number }[];
}

interface ClusterCheck {
  readonly status: 'ok' | 'degraded';
  readonly redis: 'ok' | 'away' | 'refusing';
  /** The consequence; null while Redis is available. */
  readonly reason: string | null;
  readonly brokers: number;
  readonly brokersAlive: number;
  /** Partitions led by this broker with replicas out of sync. */
  readonly underReplicated: number;
  /** Partitions of the whole cluster. */
  readonly withoutLeader: number;
}

interface LostRecords {
  readonly partition: string;
  readonly startOffset: number;
  /** First offset after the missing ones. */
  readonly endOffset: number;
}

interface DescriptorUse {
  readonly inUse: number;
  readonly limit: number;
}

/** Share of descriptors in use above which an operator should act. */
const DESCRIPTORS_USED_MAX = 0.9;

/** Maximum number of listed items of a kind. */
const LISTED_MAX = 100;

/** Reports whether the broker serves, and faults of its disk and its partitions. */
export class Health {
  readonly #status: () => Promise<BrokerStatus>;
  readonly #descriptors: () => DescriptorUse | undefined;
  #isStopping = false;

  /** @param descriptors returns undefined if the system does not say how many are in use */
  constructor(
    status: () => Promise<BrokerStatus>,
    descriptors: () => DescriptorUse | undefined = () => undefined,
  ) {
    this.#status = status;
    this.#descriptors = descriptors;
  }

  /** Reports `stopping` from now on, so that a balancer sends requests elsewhere. */
  stopping(): void {
    this.#isStopping = true;
  }

  async readiness(): Promise<ReadinessReport> {
    const status = await this.#status();
    const disk = diskCheck(status);
    const storage = storageCheck(status);
    const clock = clockCheck(status);
    const descriptors = descriptorCheck(this.#descriptors());
    const cluster = clusterCheck(status);
    const isOk = [disk, storage, clock, descriptors, cluster].every(
      (check) => check === null || check.status === 'ok',
    );
    const whileRunning = isOk ? 'ok' : 'degraded';
    const checks = { disk, storage, clock, descriptors, cluster };
    return { status: this.#isStopping ? 'stopping' : whileRunning, checks };
  }
}

const UNTIL_THEN =
  'Until then records are produced and fetched, and topics, leaders and replicas stay as they are.';

function clusterCheck({ cluster }: BrokerStatus): ClusterCheck | null {
  if (cluster === undefined) return null;
  const { isStoreAvailable, storeFault, brokers, brokersAlive } = cluster;
  const { partitionsUnderReplicated: underReplicated, partitionsWithoutLeader } = cluster;
  const isWhole = underReplicated + partitionsWithoutLeader === 0;
  return {
    status: isStoreAvailable && isWhole ? 'ok' : 'degraded',
    redis: isStoreAvailable ? 'ok' : redisStateOf(storeFault),
    reason: isStoreAvailable
      ? null
      : `${storeFault?.sentence ?? 'Redis is unavailable.'} ${UNTIL_THEN}`,
    brokers,
    brokersAlive,
    underReplicated,
    withoutLeader: partitionsWithoutLeader,
  };
}

function redisStateOf(fault: ClusterStatus['storeFault']): 'away' | 'refusing' {
  return fault === undefined || fault.reason === 'away' ? 'away' : 'refusing';
}

const DISK_FULL =
  'The disk is full: records are refused until there is space. ' +
  'Reads continue, and so do deletions and configs, which free space.';

function diskCheck({ disk: { isDiskFull, heldBytes } }: BrokerStatus): DiskCheck {
  return {
    status: isDiskFull ? 'degraded' : 'ok',
    reason: isDiskFull ? DISK_FULL : null,
    reserveBytes: heldBytes,
  };
}

/**
 * A difference that existed at the start is shown without an alarm: most brokers were just stopped.
 */
function clockCheck({ clock: { aheadMs, graceLeftMs, jumpsTotal } }: BrokerStatus): ClockCheck {
  if (aheadMs === 0) return { status: 'ok', reason: null, aheadMs };
  const seconds = Math.round(aheadMs / 1000);
  const cause =
    jumpsTotal === 0
      ? `The broker was stopped for ${seconds} s, or its clock is ahead: records, offsets and `
      : `The clock is ${seconds} s ahead of the time that this broker saw before: records, offsets and `;
  const reason =
    cause +
    `producers do not expire by it for another ${Math.ceil(graceLeftMs / 1000)} s. ` +
    'Correct the clock if it is wrong.';
  return { status: jumpsTotal === 0 ? 'ok' : 'degraded', reason, aheadMs };
}

function descriptorCheck(use: DescriptorUse | undefined): DescriptorCheck {
  if (use === undefined) return { status: 'ok', reason: null, inUse: null, limit: null };
  const { inUse, limit } = use;
  if (inUse <= limit * DESCRIPTORS_USED_MAX) return { status: 'ok', reason: null, inUse, limit };
  const reason =
    `${inUse} of ${limit} file descriptors (ulimit -n) are in use; without a free one records are` +
    ' refused until there is one.';
  return { status: 'degraded', reason, inUse, limit };
}

function storageCheck(status: BrokerStatus): StorageCheck {
  const offline = [];
  const readOnly = [];
  const lost = [];
  const damaged = [];
  for (const partitionStatus of status.partitions) {
    const partition = `${partitionStatus.topic}-${partitionStatus.partition}`;
    if (partitionStatus.offline !== undefined) {
      offline.push({ partition, reason: partitionStatus.offline });
    } else if (!partitionStatus.isWritable) {
      readOnly.push(partition);
    }
    for (const { startOffset, endOffset } of partitionStatus.lostRecords) {
      lost.push({ partition, startOffset, endOffset });
    }
    if (partitionStatus.damagedRanges > 0) {
      damaged.push({ partition, ranges: partitionStatus.damagedRanges });
    }
  }
  const isOk = offline.length + readOnly.length + damaged.length === 0;
  return {
    status: isOk ? 'ok' : 'degraded',
    partitions: status.partitions.length,
    offline: offline.slice(0, LISTED_MAX),
    readOnly: readOnly.slice(0, LISTED_MAX),
    lost: lost.slice(0, LISTED_MAX),
    damaged: damaged.slice(0, LISTED_MAX),
  };
}
