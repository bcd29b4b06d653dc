/** The entry `sluice-client/reader`: `SluiceReader`, and what it takes and gives. */
export { type Deserializer, type JsonSerde, type Serde, serdes } from '../../producer/src/index.js';
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
export type { ConsumerOptions, PartitionsListener, TopicChoice } from './consumer/options.js';
export type { RunHandler, RunOptions } from './consumer/record-runner.js';
export type { Position, ReceivedRecord, RecordHeader, TopicPartition } from './received-record.js';
export { type Outcome, type RequestFault, SluiceError } from './sluice-error.js';
export { SluiceReader } from './sluice-reader.js';
export type { From, SavedPosition, SubscribeOptions } from './subscription/options.js';
export { Subscription } from './subscription/subscription.js';
