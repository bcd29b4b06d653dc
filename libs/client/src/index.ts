export {
  type Acks,
  type CustomPartitioner,
  type Deserializer,
  type Encoding,
  type HeadersInput,
  type JsonSerde,
  type Producer,
  type ProducerInterceptor,
  type ProducerMetricsSnapshot,
  type ProducerOptions,
  type ProducerRecord,
  type RecordMetadata,
  type SendAllFailure,
  type SendCallback,
  type SendOptions,
  type Serde,
  type Serializer,
  serdes,
} from '../../producer/src/index.js';
export type { Admin } from './admin/admin.js';
export type { CallOptions } from './admin/call-operation.js';
export type { Status, StatusDetails, StatusListener } from './connection/endpoints.js';
export type {
  Auth,
  SluiceOptions,
  Transport,
  WebSocketClass,
  WebSocketLike,
} from './connection/options.js';
export type { Batch, SignalOption } from './consumer/batch.js';
export { Consumer } from './consumer/consumer.js';
export type {
  ConsumerOptions,
  PartitionsListener,
  QueueOptions,
  TopicChoice,
} from './consumer/options.js';
export type { RunHandler, RunOptions } from './consumer/record-runner.js';
export {
  type Job,
  type JobHandler,
  type JobRunOptions,
  type NackOptions,
  Reject,
} from './queue/job.js';
export { Queue } from './queue/queue.js';
export type { Position, ReceivedRecord, RecordHeader, TopicPartition } from './received-record.js';
export { Sluice } from './sluice.js';
export { type Outcome, type RequestFault, SluiceError } from './sluice-error.js';
export type { From, SavedPosition, SubscribeOptions } from './subscription/options.js';
export { Subscription } from './subscription/subscription.js';
