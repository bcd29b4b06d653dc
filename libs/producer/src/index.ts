export { Accumulator, AccumulatorEntry, type PartitionQueue } from './accumulator.js';
export { BrokerLanes, type LaneWaiter } from './broker-lanes.js';
export { BufferPool } from './buffer-pool.js';
export { type DeadlineEntry, Deadlines } from './deadlines.js';
export { partitionForKey, RoundRobinPartitioner, StickyPartitioner } from './partitioner.js';
export type {
  Acks,
  BrokerKey,
  CompressionType,
  CreateError,
  Encoding,
  ProduceFailure,
  ProduceOutcome,
  ProducerIdentity,
  ProduceTransport,
  SerializedRecord,
  StoredHeader,
  TopicMetadata,
  TransportAnswer,
  TransportRequest,
} from './produce-transport.js';
export { type OpenPipeline, Producer, type SendCallback, type SendOptions } from './producer.js';
export type { SendAllFailure } from './producer-errors.js';
export type { ProducerMetricsSnapshot } from './producer-metrics.js';
export type {
  CustomPartitioner,
  Deserializer,
  HeadersInput,
  ProducerInterceptor,
  ProducerRecord,
  RecordMetadata,
  Serializer,
} from './producer-record.js';
export type { ProducerClock, ProducerRuntime } from './producer-runtime.js';
export type { ProducerOptions } from './producer-settings.js';
export { isPromise, whenAborted, withSignal } from './promises.js';
export { sequenceAfter } from './record-batch.js';
export { type PipelineParts, RecordPipeline } from './record-pipeline.js';
export { defaultSerializer, type JsonSerde, type Serde, serdes } from './serdes.js';
