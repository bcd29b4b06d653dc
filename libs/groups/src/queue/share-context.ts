/** The configs of a queue group that its decisions depend on. */
export interface ShareConfig {
  /** Kafka's share.record.lock.duration.ms: time that a member has for a record. */
  readonly lockMs: number;
  /** Kafka's share.delivery.count.limit: counted deliveries until a record is a dead letter. */
  readonly deliveryCountLimit: number;
  /** Kafka's share.partition.max.record.locks: records of one partition that are not finished. */
  readonly recordLocksMax: number;
  /** True when dead letters are copied to a topic; otherwise they are dropped. */
  readonly hasDeadLetters: boolean;
  /** Delay of the first redelivery, ms; doubles with each further one. 0 for none. */
  readonly retryBackoffMs: number;
  /** Greatest delay of a redelivery, ms. */
  readonly retryBackoffMaxMs: number;
  /** True when records of one key are delivered one after the other, in order. */
  readonly isKeyOrdered: boolean;
}

/** The time of a decision, or of the replay of its changes. */
export interface ShareTimes {
  /** Wall clock, ms since 1970: times of delivery. */
  readonly nowMs: number;
  /** Monotonic clock of this broker, ms: locks and the delays of redeliveries. */
  readonly monotonicMs: number;
}

/** Time and configs of a decision: decisions read neither a clock nor settings. */
export interface ShareContext extends ShareTimes {
  readonly config: ShareConfig;
}
