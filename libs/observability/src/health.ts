import type {
  ClockCheck,
  ClusterCheck,
  DescriptorCheck,
  DiskCheck,
  ReadinessReport,
  SecurityCheck,
  StorageCheck,
} from '#api';
import type { BrokerStatus, ClusterStatus } from '#broker';
import type { Access, SecurityMetadata } from '#security';

/** The parts that a report is about, besides the broker. */
export interface HealthSources {
  /** Returns undefined if the system does not say how many are in use. */
  readonly descriptors?: () => Promise<DescriptorUse | undefined>;
  /** Returns undefined while authentication is off. */
  readonly security?: () => Pick<SecurityMetadata, 'isAvailable' | 'staleMs'> | undefined;
}

interface DescriptorUse {
  readonly inUse: number;
  readonly limit: number;
}

/** Share of descriptors in use above which an operator should act. */
const DESCRIPTORS_USED_MAX = 0.9;

/** Maximum number of listed items of a kind. */
const LISTED_MAX = 100;

/**
 * Reports whether the broker serves, and faults of its disk and its partitions.
 *
 * Overlap: any calls may overlap; each reads the status for itself.
 */
export class Health {
  readonly #status: () => Promise<BrokerStatus>;
  readonly #sources: HealthSources;
  #isStopping = false;

  constructor(status: () => Promise<BrokerStatus>, sources: HealthSources = {}) {
    this.#status = status;
    this.#sources = sources;
  }

  /** Reports `stopping` from now on, so that a balancer sends requests elsewhere. */
  stopping(): void {
    this.#isStopping = true;
  }

  /**
   * Reports the state of the broker. The partitions of topics that the caller may not describe are
   * counted, and are not named.
   */
  async readiness(caller: Pick<Access, 'may'>): Promise<ReadinessReport> {
    const descriptorsInUse = await this.#sources.descriptors?.();
    const status = await this.#status();
    const disk = diskCheck(status);
    const storage = storageCheck(status, caller);
    const clock = clockCheck(status);
    const descriptors = descriptorCheck(descriptorsInUse);
    const cluster = clusterCheck(status);
    const security = securityCheck(this.#sources.security?.());
    const isOk = [disk, storage, clock, descriptors, cluster, security].every(
      (check) => check === null || check.status === 'ok',
    );
    const whileRunning = isOk ? 'ok' : 'degraded';
    const checks = { disk, storage, clock, descriptors, cluster, security };
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

const UNCHANGEABLE =
  'Keys, access control rules and quotas cannot be changed; those that are known stay in force, and ' +
  'keys can be revoked.';

function securityCheck(
  metadata: Pick<SecurityMetadata, 'isAvailable' | 'staleMs'> | undefined,
): SecurityCheck | null {
  if (metadata === undefined) return null;
  const { isAvailable: changeable, staleMs } = metadata;
  const reason = changeable ? null : UNCHANGEABLE;
  return {
    status: changeable ? 'ok' : 'degraded',
    reason,
    changeable,
    staleMs: Math.round(staleMs),
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

function storageCheck({ partitions }: BrokerStatus, caller: Pick<Access, 'may'>): StorageCheck {
  const faulty = partitions.filter(
    ({ offline, isWritable, damagedRanges, lostRecords }) =>
      offline !== undefined || !isWritable || damagedRanges > 0 || lostRecords.length > 0,
  );
  const named = faulty
    .filter(({ topic }) => caller.may('Describe', { type: 'topic', name: topic }))
    .map((status) => ({ ...status, partition: `${status.topic}-${status.partition}` }));
  const isDegraded = faulty.some(
    ({ offline, isWritable, damagedRanges }) =>
      offline !== undefined || !isWritable || damagedRanges > 0,
  );
  const offline = named.flatMap(({ partition, offline: reason }) =>
    reason === undefined ? [] : [{ partition, reason }],
  );
  const readOnly = named.filter((each) => each.offline === undefined && !each.isWritable);
  const lost = named.flatMap(({ partition, lostRecords }) =>
    lostRecords.map(({ startOffset, endOffset }) => ({ partition, startOffset, endOffset })),
  );
  const damaged = named.filter(({ damagedRanges }) => damagedRanges > 0);
  return {
    status: isDegraded ? 'degraded' : 'ok',
    partitions: partitions.length,
    offline: offline.slice(0, LISTED_MAX),
    readOnly: readOnly.slice(0, LISTED_MAX).map(({ partition }) => partition),
    lost: lost.slice(0, LISTED_MAX),
    damaged: damaged
      .slice(0, LISTED_MAX)
      .map(({ partition, damagedRanges: ranges }) => ({ partition, ranges })),
  };
}
