export { Delivery, type DeliveryStatus } from './delivery.js';
export { GroupMemberships, type MembershipStatus } from './member/group-memberships.js';
export {
  GroupSubscription,
  type GroupSubscriptionRequest,
  type MemberTransport,
} from './member/group-subscription.js';
export type { ExpiringRecords } from './member/locked-records.js';
export {
  QueueSubscription,
  type QueueSubscriptionRequest,
  type QueueTransport,
} from './member/queue-subscription.js';
export {
  type OutboundHolder,
  OutboundMemory,
  type OutboundMemoryOptions,
  type OutboundStatus,
  type OutboundWaiter,
} from './outbound-memory.js';
export { Outbox, type OutboxThrottle } from './outbox.js';
export { RecordRun } from './record-run.js';
export {
  type AutoOffsetReset,
  assertPosition,
  type PartitionPosition,
  type StartPosition,
} from './start-position.js';
export { StreamSweep, type StreamSweepOptions, type SweptStream } from './stream-sweep.js';
export {
  Subscription,
  type SubscriptionRequest,
  type SubscriptionTransport,
} from './subscription.js';
export { unreceivedBytes } from './unreceived-bytes.js';
