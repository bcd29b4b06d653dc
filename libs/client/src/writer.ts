/** The entry `sluice-client/writer`: `SluiceWriter`, and what it takes and gives. */
export {
  type Acks,
  type CustomPartitioner,
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
export type { Status, StatusDetails, StatusListener } from './connection/endpoints.js';
export type {
  Auth,
  SluiceOptions,
  Transport,
  WebSocketClass,
  WebSocketLike,
} from './connection/options.js';
export { type Outcome, type RequestFault, SluiceError } from './sluice-error.js';
export { SluiceWriter } from './sluice-writer.js';
