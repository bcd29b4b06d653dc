import type { TopicLimits } from './broker.js';

/** The range of timestamps that a topic accepts now, inclusive; ms. */
export interface TimestampRange {
  readonly min: number;
  readonly max: number;
  /** Latest time to which a record may be delayed. */
  readonly deliverAtMax: number;
}

/** @param nowMs wall clock when the records arrived */
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

/** The fault of a record's own timestamp, as a clause; undefined when it is in the range. */
export function timestampFault(timestamp: number, range: TimestampRange): string | undefined {
  if (timestamp < range.min) {
    return (
      `the timestamp ${timestamp} is ${range.min - timestamp} ms older than the topic's ` +
      'message.timestamp.before.max.ms allows'
    );
  }
  if (timestamp > range.max) {
    return (
      `the timestamp ${timestamp} is ${timestamp - range.max} ms newer than ` +
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
