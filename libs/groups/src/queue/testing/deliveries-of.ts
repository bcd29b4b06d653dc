import type { SharePartition } from '../share-partition.js';

/** The window without the parts that are not in the log. */
export function deliveriesOf({ window }: SharePartition): unknown[] {
  return window.records.map(({ offset, state, deliveries, keyHash, delivery, ...times }) => {
    const { member, receiveId } = delivery ?? {};
    const { notBeforeMs, delayMs } = times.retry ?? {};
    const { deliverAtMs } = times;
    const where = { offset, state, deliveries, keyHash, member, receiveId };
    return { ...where, deliverAtMs, notBeforeMs, delayMs };
  });
}
