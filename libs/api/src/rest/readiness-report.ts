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
    /** Null while authentication is off. */
    readonly security: SecurityCheck | null;
  };
}

export interface DiskCheck {
  readonly status: 'ok' | 'degraded';
  /** Reason for refusing records; null while none are refused. */
  readonly reason: string | null;
  /** Bytes reserved for operations that free space; 0 while the reserve is released. */
  readonly reserveBytes: number;
}

/** File descriptors of connections, segment files and the rest of the process. */
export interface DescriptorCheck {
  /** `degraded` while nearly all are in use. */
  readonly status: 'ok' | 'degraded';
  readonly reason: string | null;
  /** Null if the system does not say. */
  readonly inUse: number | null;
  readonly limit: number | null;
}

export interface ClockCheck {
  /** `degraded` while the clock is not trusted after a jump. */
  readonly status: 'ok' | 'degraded';
  /** Reason for not trusting the clock; null while it is trusted. */
  readonly reason: string | null;
  /** Milliseconds by which the clock is ahead of the time used for expiration. */
  readonly aheadMs: number;
}

export interface StorageCheck {
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

export interface ClusterCheck {
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

/** Keys, access control rules and quotas. */
export interface SecurityCheck {
  /** `degraded` while they cannot be changed. */
  readonly status: 'ok' | 'degraded';
  readonly reason: string | null;
  /** True while keys, rules and quotas can be changed; keys can be revoked in any case. */
  readonly changeable: boolean;
  /** Time since this broker last had contact to Redis or to a majority of the brokers. */
  readonly staleMs: number;
}

export interface LostRecords {
  readonly partition: string;
  readonly startOffset: number;
  /** First offset after the missing ones. */
  readonly endOffset: number;
}
