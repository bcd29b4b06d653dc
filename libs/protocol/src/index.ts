export { ERROR_CODES, type ErrorCode, type ErrorCodeEntry, type Outcome } from './error-codes.js';
export { FaultList } from './fault-list.js';
export {
  type HighWatermark,
  type LeaderEpoch,
  type LogEndOffset,
  type LogStartOffset,
  type Offset,
  type SyncedEndOffset,
  type TopicPartition,
  topicPartitionName,
} from './offsets.js';
export {
  FAULTS_DESCRIBED_MAX,
  type Fault,
  ProtocolError,
  type ProtocolErrorOptions,
} from './protocol-error.js';
export {
  DELIVER_AT_HEADER,
  FIELD_ATTRIBUTES,
  FIELD_HEADER_COUNT,
  FIELD_HEADERS_END,
  FIELD_HEADERS_START,
  FIELD_KEY_END,
  FIELD_KEY_START,
  FIELD_PARTITION,
  FIELD_TIMESTAMP,
  FIELD_VALUE_END,
  FIELD_VALUE_START,
  RECORD_KEY_IS_JSON,
  RECORD_STRIDE,
  RECORD_VALUE_IS_JSON,
  type RecordDelay,
  type RecordSet,
} from './record-set.js';
export {
  type CleanupPolicy,
  checkTopicConfig,
  effectiveConfigTexts,
  isTopicConfigKey,
  parseTopicConfig,
  TOPIC_CONFIG_KEYS,
  TOPIC_CONFIGS,
  type TopicConfig,
  type TopicConfigKey,
  type TopicConfigOverrides,
} from './topic-config.js';
export {
  assertTopicName,
  CONSUMER_OFFSETS_TOPIC,
  isInternalTopic,
  topicNameFault,
} from './topic-name.js';
