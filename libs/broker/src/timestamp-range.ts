import type { TopicLimits } from './broker.js';

/** The timestamps that a topic takes now, both included; ms. */
export interface TimestampRange {
  readonly min: number;
  readonly max: number;
  /** Latest time to which a record may be delayed. */
  readonly deliverAtMax: number;
}

/** @param nowMs wall clock when the records came */
export function timestampRange(
  { timestampBeforeMaxMs, timestampAfterMaxMs, delayMaxMs }: TopicLimits,
  nowMs: number,
): TimestampRange {
  return {
    min: nowMs - timestampBeforeMaxMs,
    max: nowMs + timestampAfterMaxMs,
    deliverAtMax: nowMs + delayMaxMs,
  };
}

/** The fault of a record's own timestamp, as a clause; undefined when it lies in the range. */
export function timestampFault(timestamp: number, range: TimestampRange): string | undefined {
  if (timestamp < range.min) {
    return (
      `the timestamp ${timestamp} lies ${range.min - timestamp} ms further back than the topic's ` +
      'message.timestamp.before.max.ms allows'
    );
  }
  if (timestamp > range.max) {
    return (
      `the timestamp ${timestamp} lies ${timestamp - range.max} ms further ahead than ` +
      "the topic's message.timestamp.after.max.ms allows"
    );
  }
  return undefined;
}

/** The fault of a time of delivery, as a clause; undefined when the record is kept until then. */
export function deliverAtFault(deliverAtMs: number, range: TimestampRange): string | undefined {
  if (deliverAtMs <= range.deliverAtMax) return undefined;
  return (
    `the time of delivery ${deliverAtMs} lies ${deliverAtMs - range.deliverAtMax} ms further ahead ` +
    "than the topic's retention.ms keeps the record"
  );
}
